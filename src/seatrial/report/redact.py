"""What reports use of `model.redaction`, under a name of their own: no printer needs to know where it lives."""

from __future__ import annotations

from seatrial.model.redaction import REDACTED, Redactor, argv, is_secret_name, key_lines, secrets_of, source_line, text

__all__ = ["REDACTED", "Redactor", "argv", "is_secret_name", "key_lines", "secrets_of", "source_line", "text"]
