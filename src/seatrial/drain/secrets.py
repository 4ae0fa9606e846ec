"""Secrets from files or the environment, which are never shown by accident.

`secret("DB_PASSWORD")` reads the file that DB_PASSWORD_FILE names, then /run/secrets/db_password, then DB_PASSWORD. The
value is in `.value`; printing, formatting, logging and pickling show or keep nothing of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar, overload

T = TypeVar("T")
FOLDER = "/run/secrets"
LARGEST = 1 << 20
_MISSING: Any = object()


class SecretError(Exception):
    """A secret that is missing, given twice, empty, or of the wrong kind. Never holds the value."""


class Secret(Generic[T]):
    """A value that hides itself: `.value` is the only way to it. Compares in constant time."""

    __slots__ = ("_name", "_value", "source")

    def __init__(self, name: str, value: T, source: str) -> None:
        self._name, self._value = name, value
        self.source = source
        """Where it was found: a path or "environment"."""

    @property
    def value(self) -> T:
        """The secret itself."""
        return self._value

    def __repr__(self) -> str:
        return f"<secret {self._name} from {self.source}>"

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        from hmac import compare_digest  # late: it brings OpenSSL along

        return isinstance(other, Secret) and compare_digest(str(self._value).encode(), str(other.value).encode())

    __hash__ = None  # type: ignore[assignment]  # a hash would tell something of the value

    def __copy__(self) -> Secret[T]:
        return self

    def __deepcopy__(self, _: object) -> Secret[T]:
        return self  # settings are copied, by dataclasses.asdict for instance: it stays as closed as it is

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} can't be pickled: hand over .value on purpose")


@overload
def secret(name: str, *, folder: str = FOLDER, environ: Mapping[str, str] | None = None) -> Secret[str]: ...


@overload
def secret(
    name: str,
    kind: Callable[[str], T],
    *,
    default: T = ...,
    folder: str = FOLDER,
    environ: Mapping[str, str] | None = None,
) -> Secret[T]: ...


def secret(
    name: str,
    kind: Callable[[str], Any] = str,
    *,
    default: Any = _MISSING,
    folder: str = FOLDER,
    environ: Mapping[str, str] | None = None,
) -> Secret[Any]:
    """A secret by the name of its environment variable, without white space around it, as `kind` (int, a function…).

    Raises SecretError: missing (without a `default`), given as both NAME and NAME_FILE, empty, unreadable, no `kind`.
    """
    found = _found(name, environ, Path(folder) / name.lower())
    if found is None:
        if default is _MISSING:
            raise SecretError(
                f"secret {name} is missing: no {name}_FILE, no {folder}/{name.lower()}, no {name} in the environment\n"
                f"hint: {name}_FILE=/path/to/file, or a secret named {name.lower()} in compose"
            )
        return Secret(name, default, "default")
    text, source = found
    if not text:
        raise SecretError(f"secret {name} is empty ({source})")
    try:
        return Secret(name, kind(text), source)
    except Exception:  # whatever it is, it may quote the value
        wanted = getattr(kind, "__name__", "value")
        del found, text  # tools that report errors show the variables of each frame
    raise SecretError(f"secret {name} is no {wanted} ({source})")  # outside of the handler: its error quotes the value


def _variable(name: str, environ: Mapping[str, str] | None) -> str | None:
    """A variable. No other function here has all of the environment in its frame, for error reports to show."""
    return (os.environ if environ is None else environ).get(name)


def _found(name: str, environ: Mapping[str, str] | None, mounted: Path) -> tuple[str, str] | None:
    """The text and where it is from."""
    path = _variable(f"{name}_FILE", environ)
    if path and _variable(name, environ) is not None:
        raise SecretError(f"secret {name} is given twice: {name} and {name}_FILE are set\nhint: unset {name}")
    if path:
        return _read(name, Path(path)), path
    if _is_there(name, mounted):
        return _read(name, mounted), str(mounted)
    value = _variable(name, environ)
    return None if value is None else (value.strip(), "environment")


def _is_there(name: str, path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:  # a folder that may not be searched
        raise SecretError(f"secret {name}: {path} can't be read: {error.strerror}") from None


def _read(name: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise SecretError(f"secret {name}: {path} can't be read: {error.strerror}") from None
    if len(content) > LARGEST:
        del content
        raise SecretError(f"secret {name}: {path} is larger than {LARGEST >> 20} MiB")
    try:
        return content.decode().strip()
    except UnicodeDecodeError:
        del content
    raise SecretError(f"secret {name}: {path} is not UTF-8 text")  # outside of the handler: its error has the bytes
