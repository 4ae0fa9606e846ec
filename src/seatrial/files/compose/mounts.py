"""`volumes` and `tmpfs`: short and long forms as mounts. Of two with the same target the later stays.

Source of the short form's grammar: compose-go, format/volume.go.
"""

from __future__ import annotations

import posixpath

from seatrial.files.compose import keys
from seatrial.files.compose.fields import Fields, absolute, unique_names
from seatrial.files.compose.nodes import Node, Scalar, Table
from seatrial.model.place import Sourced
from seatrial.model.service import Mount

_KINDS = ("bind", "volume", "tmpfs", "npipe", "cluster", "image")


def read_mounts(service: Fields) -> tuple[Sourced[Mount], ...]:
    """Everything that is mounted into the service, tmpfs last."""
    mounts: dict[str, Sourced[Mount]] = {}
    for item in service.items("volumes"):
        mount = _mount(service, item)
        if mount is not None:
            mounts[mount.target] = Sourced(mount, item.place)
    for text in unique_names(service.texts("tmpfs", single=True)):
        assert text.place is not None
        target, _, options = text.value.partition(":")
        clean = clean_target(target)
        if clean in mounts:
            message = f"{service.where}.tmpfs: {clean} is already mounted, at {mounts[clean].place}"
            service.problems.error(message, text.place)
            continue
        is_read_only = "ro" in options.split(",")
        mounts[clean] = Sourced(Mount("tmpfs", "", clean, is_read_only, options), text.place)
    return tuple(mounts.values())


def parse_mount(text: str, base: str) -> Mount:
    """A mount in the short form, `[source:]target[:options]`; bind sources become absolute. Raises ValueError."""
    if not text:
        raise ValueError("a volume can't be empty")
    parts = _parts(text)
    if "" in parts:
        raise ValueError(f"{text!r} has nothing between two colons")
    if len(parts) == 1:
        return Mount("volume", "", clean_target(parts[0]))
    if len(parts) > 3:
        raise ValueError(f"{text!r} has too many colons")
    source, target = parts[0], clean_target(parts[1])
    options = parts[2].split(",") if len(parts) == 3 else []
    is_read_only = False
    for option in options:
        is_read_only = option == "ro" or (is_read_only and option != "rw")
    kept = ",".join(option for option in options if option not in ("ro", "rw"))
    if is_path(source):
        return Mount("bind", _host_path(source, base), target, is_read_only, kept)
    return Mount("volume", source, target, is_read_only, kept)


def is_path(source: str) -> bool:
    """Whether the source of a short form is a path, and not the name of a volume."""
    return source[:1] in ("/", ".", "~") or source.startswith("\\\\") or _is_drive(source[:2])


def clean_target(target: str) -> str:
    """A path in the container without `..`, doubled and trailing slashes."""
    if not target:
        return ""
    clean = posixpath.normpath(target)
    return "/" + clean.lstrip("/") if clean.startswith("/") else clean


def _host_path(source: str, base: str) -> str:
    """A bind source, absolute; a Windows path is left alone."""
    return source if _is_drive(source[:2]) or source.startswith("\\\\") else absolute(source, base)


def _is_drive(text: str) -> bool:
    return len(text) == 2 and text[0].isalpha() and text[1] == ":"


def _parts(text: str) -> list[str]:
    parts: list[str] = []
    word = ""
    for character in text:
        if character == ":" and not _is_drive(word + character):
            parts.append(word)
            word = ""
        else:
            word += character
    return [*parts, word]


def _mount(service: Fields, item: Node) -> Mount | None:
    if isinstance(item, Table):
        return _long(Fields(item, service.problems, f"{service.where}.volumes"))
    if not isinstance(item, Scalar) or not isinstance(item.value, str):
        service.wrong(item, "volumes", "a volume such as ./data:/data")
        return None
    try:
        return parse_mount(item.value, item.base)
    except ValueError as error:
        service.problems.error(f"{service.where}.volumes: {error}", item.place)
        return None


def _long(fields: Fields) -> Mount | None:
    fields.check_keys(keys.VOLUME)
    kind, source, target = fields.text("type"), fields.text("source"), fields.text("target")
    place = fields.table.place
    if kind is None or target is None:
        for key in ("type", "target"):
            if not fields.says(key):
                fields.problems.error(f"{fields.where}: a volume in the long form needs a {key}", place)
        return None
    if kind.value not in _KINDS:
        message = f"{fields.where}: {kind.value!r} is no type of volume; there are {', '.join(_KINDS)}"
        fields.problems.error(message, kind.place or place)
        return None
    where = source.value if source else ""
    if kind.value == "bind":
        if not where:
            fields.problems.error(f"{fields.where}: a bind mount needs a source", place)
            return None
        where = _host_path(where, fields.table.base)
    is_read_only = fields.boolean("read_only")
    shown = kind.value if kind.value in ("bind", "tmpfs") else "volume"
    return Mount(shown, where, clean_target(target.value), bool(is_read_only and is_read_only.value), _options(fields))


def _options(fields: Fields) -> str:
    options: list[str] = []
    if bind := fields.sub("bind"):
        bind.check_keys(keys.BIND)
        options += [said.value for key in ("propagation", "selinux") if (said := bind.text(key))]
    if volume := fields.sub("volume"):
        volume.check_keys(keys.VOLUME_OPTIONS)
        nocopy, subpath = volume.boolean("nocopy"), volume.text("subpath")
        options += ["nocopy"] if nocopy and nocopy.value else []
        options += [f"volume-subpath={subpath.value}"] if subpath else []
    if tmpfs := fields.sub("tmpfs"):
        tmpfs.check_keys(keys.TMPFS)
        size, mode = tmpfs.size("size"), tmpfs.integer("mode")
        options += [f"size={size.value}"] if size else []
        options += [f"mode={mode.value:o}"] if mode else []
    return ",".join(options)
