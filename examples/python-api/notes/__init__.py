"""A small API that keeps notes in SQLite and stops without losing a request."""
