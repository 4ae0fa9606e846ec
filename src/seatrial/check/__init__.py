"""Static requirements: pure functions from services and documents to findings, one requirement a file."""
