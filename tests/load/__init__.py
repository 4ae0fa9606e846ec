"""Tests of the load generator against servers that misbehave in one known way each."""
