"""Frozen values that every layer speaks in. No input, no output, nothing but the standard library."""
