"""Joins what the files of a project say into services, by the rules of Docker and compose."""
