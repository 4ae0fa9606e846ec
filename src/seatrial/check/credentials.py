"""Tells credentials from other values: by the shape of the value, or by the name of what it is given to. Pure.

Nothing here gives a value back, and no caller may put one into a message: a report must never hold a credential.
"""

from __future__ import annotations

import re
from itertools import pairwise

from seatrial.model.patterns import pattern

_SHAPES = (
    ("a private key", "PRIVATE KEY", pattern(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")),
    ("an AWS access key", "IA", pattern(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a GitHub token", "gh", pattern(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b")),
    ("a GitHub token", "github_pat_", pattern(r"\bgithub_pat_[A-Za-z0-9_]{50,}\b")),
    ("a GitLab token", "glpat-", pattern(r"\bglpat-[A-Za-z0-9_\-]{20,}")),
    ("an npm token", "npm_", pattern(r"\bnpm_[A-Za-z0-9]{36}\b")),
    ("a Slack token", "xox", pattern(r"\bxox[abprs]-[A-Za-z0-9-]{10,}")),
    ("a Stripe key", "k_live_", pattern(r"\b[rs]k_live_[A-Za-z0-9]{16,}")),
    ("a Google API key", "AIza", pattern(r"\bAIza[0-9A-Za-z_\-]{35}\b")),
    ("a SendGrid key", "SG.", pattern(r"\bSG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}")),
    ("a PyPI token", "pypi-", pattern(r"\bpypi-[A-Za-z0-9_\-]{50,}")),
    ("an OpenAI key", "sk-", pattern(r"\bsk-(?:proj-)?[A-Za-z0-9_\-]{32,}")),
)
"""What it is, what each of its kind has in it (which is looked for first, since most texts hold none), and its form."""
_USERINFO = pattern(r"\b[a-z][a-z0-9+.\-]*://([^\s/@:\"']*):([^\s/@\"']+)@([^\s/:\"'@]*)", re.I)
_HERE = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "host", "hostname", "example.com", "example.org"})
_ANYBODY = frozenset({"user", "username", "usr", "login"})
_ANY_PASSWORD = frozenset({"pass", "password", "passwd", "pwd", "secret", "pw"})
_SECRET_WORDS = frozenset(
    {"PASSWORD", "PASSWD", "PASSPHRASE", "PASS", "PWD", "SECRET", "SECRETS", "TOKEN", "APIKEY"}
    | {"CREDENTIAL", "CREDENTIALS"}
)
_SECRET_ENDINGS = ("PASSWORD", "SECRET", "TOKEN")
_KEYS_OF = frozenset(
    {"API", "SECRET", "ACCESS", "PRIVATE", "ENCRYPTION", "SIGNING", "MASTER", "APP", "AUTH", "JWT", "ACCOUNT"}
    | {"LICENSE"}
)
"""Words before `_KEY`."""
_NO_SECRET_LAST = frozenset(
    {"FILE", "FILES", "PATH", "DIR", "URL", "URI", "NAME", "ID", "HEADER", "TTL", "EXPIRY", "EXPIRES", "EXPIRATION"}
    | {"LIFETIME", "LENGTH", "ALGORITHM", "ALG", "TYPE", "HOST", "ISSUER", "AUDIENCE", "ENABLED", "REQUIRED", "POLICY"}
    | {"VERSION", "LOCATION", "USER", "USERNAME", "TIMEOUT", "AGE", "DURATION", "INTERVAL", "FIELD", "SIZE", "LIMIT"}
    | {"LIMITS", "MIN", "MAX", "STORE", "ENDPOINT", "PREFIX", "METHOD", "PROVIDER", "BACKEND", "CLASS", "PARAM"}
    | {"COUNT"}
)
_NO_SECRET_ENDINGS = ("_EXPIRES_IN", "_HASH_ROUNDS")
_NO_SECRET_WORDS = frozenset(
    {"PUBLIC", "PUBLISHABLE", "ALLOW", "DISABLE", "ENABLE", "RANDOM", "EMPTY", "NO", "SKIP", "USE", "REQUIRE", "RESET"}
    | {"FORGOT", "SHOW", "GPG", "MAX", "MIN", "NUM", "HIDE", "GENERATE"}
)
_PLACEHOLDER = pattern(
    r"change.?(?:me|this|it)|changeit|example|your|placeholder|dummy|replace|todo|fixme|insert|fake|sample|xxx|\.\.\.|<.*>"
    r"|^\*+$|not.?(?:a|used|needed|set|secure|real)|unused|precompile|build.?time|temp|^n/?a$|none|null|undefined|redacted"
    r"|default|cafebabe|deadbeef|^\{\{|^%|^@|notasecret|throwaway|ignored|will.?be|generate|fill",
    re.I,
)
_SWITCHES = frozenset(
    {"", "true", "false", "yes", "no", "on", "off", "enabled", "disabled", "required", "optional", "auto", "file"}
)


def shape(text: str) -> str:
    """What kind of credential the text holds, by its form alone; "" if none."""
    for what, mark, form in _SHAPES:
        if mark in text and form.search(text) and not _is_sample(text):
            return what
    return ""


def is_secret_shape(text: str) -> bool:
    """Whether the text surely holds what nobody else may know. Google's API keys may be public: pages hold them."""
    return shape(text) not in ("", "a Google API key")


def _is_sample(text: str) -> bool:
    return "EXAMPLE" in text or "xxxx" in text.lower()


def password_in_url(text: str) -> bool:
    """Whether an address in the text has a password written into it."""
    for found in _USERINFO.finditer(text) if "://" in text and "@" in text else ():
        user, password, host = found.groups()
        is_sample = user.lower() in _ANYBODY and password.lower() in _ANY_PASSWORD
        if is_literal(password) and not is_sample and host.lower() not in _HERE:
            return True
    return False


def is_secret_name(name: str) -> bool:
    """Whether something of this name holds a credential."""
    upper = name.upper()
    words = upper.split("_")
    is_secret = (
        not _SECRET_WORDS.isdisjoint(words)
        or upper.endswith(_SECRET_ENDINGS)
        or any(word == "KEY" and before in _KEYS_OF for before, word in pairwise(words))
    )
    return is_secret and not _is_about_secrets(upper, words)


def _is_about_secrets(upper: str, words: list[str]) -> bool:
    """Whether it only says something of credentials: where they are, how long, whether there are any."""
    if (len(words) > 1 and words[-1] in _NO_SECRET_LAST) or not _NO_SECRET_WORDS.isdisjoint(words):
        return True
    is_other = upper in ("PWD", "OLDPWD") or "TOKENIZ" in upper or "SECRETS_DIR" in upper
    return is_other or upper.endswith(_NO_SECRET_ENDINGS)


def _is_switch(value: str) -> bool:
    """Whether it is yes or no in some form, a small number or a time: too little to be a secret."""
    is_small = value.isdecimal() and len(value) < 5
    is_time = value[:-1].isdecimal() and value[-1] in "smhdSMHD"
    return value.lower() in _SWITCHES or is_small or is_time


def is_literal(value: str) -> bool:
    """Whether the value stands there itself: no variable, no path, no placeholder, no switch, not empty."""
    value = value.strip().strip("\"'")
    if _is_switch(value) or "$" in value or "`" in value or _PLACEHOLDER.search(value):
        return False
    return (
        not value.startswith(("/", "./", "~", "file:", "arn:", "vault:", "ENC(", "sops:", "op://")) and " " not in value
    )
