"""Fixes: one requirement each, findings in, edits out; pure, as the rules are."""
