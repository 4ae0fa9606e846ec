"""`pre_start`, `post_start`, `pre_stop` and `develop.watch`: what is run or done around a service."""

from __future__ import annotations

from seatrial.files.compose import keys
from seatrial.files.compose.fields import Fields
from seatrial.files.compose.nodes import Scalar, Table
from seatrial.files.compose.shellwords import split
from seatrial.model.deployment import Hook, Hooks, WatchRule

_ACTIONS = ("rebuild", "restart", "sync", "sync+restart", "sync+exec")


def read_hooks(service: Fields) -> Hooks:
    """The hooks of a service, each kind in file order."""
    return Hooks(*(tuple(_hooks(service, kind)) for kind in ("pre_start", "post_start", "pre_stop")))


def _hooks(service: Fields, kind: str) -> list[Hook]:
    found = []
    for item in service.items(kind):
        if not isinstance(item, Table):
            service.wrong(item, kind, "a mapping with a command")
            continue
        fields = Fields(item, service.problems, f"{service.where}.{kind}")
        if hook := _hook(fields, needs_command=kind != "pre_start" or not fields.says("image")):
            found.append(hook)
    return found


def _hook(fields: Fields, *, needs_command: bool = True) -> Hook | None:
    fields.check_keys(keys.HOOK)
    command = _command(fields)
    if not command and needs_command:
        fields.problems.error(f"{fields.where} needs a command", fields.table.place)
        return None
    user, directory, privileged = fields.text("user"), fields.text("working_dir"), fields.boolean("privileged")
    return Hook(
        command,
        user.value if user else "",
        bool(privileged and privileged.value),
        directory.value if directory else "",
        {name: said.value or "" for name, said in fields.pairs("environment").items()},
    )


def _command(fields: Fields) -> tuple[str, ...]:
    """As `command` of a service: a list as it is, a string split without a shell."""
    if not isinstance(fields.node("command"), Scalar):
        return tuple(word.value for word in fields.texts("command"))
    line = fields.text("command")
    try:
        return split(line.value).argv if line else ()
    except ValueError as error:
        fields.problems.error(f"{fields.where}.command: {error}", fields.table.place)
        return ()


def read_watch(service: Fields) -> tuple[WatchRule, ...]:
    """The rules of `develop.watch`."""
    develop = service.sub("develop")
    if develop is None:
        return ()
    develop.check_keys(keys.DEVELOP)
    found = []
    for item in develop.items("watch"):
        if not isinstance(item, Table):
            develop.wrong(item, "watch", "a mapping with path and action")
            continue
        if rule := _rule(Fields(item, develop.problems, f"{develop.where}.watch")):
            found.append(rule)
    return tuple(found)


def _rule(fields: Fields) -> WatchRule | None:
    fields.check_keys(keys.WATCH)
    path, action, target = fields.path("path"), fields.text("action"), fields.text("target")
    place = fields.table.place
    if path is None or action is None:
        fields.problems.error(f"{fields.where} needs a path and an action", place)
        return None
    if action.value not in _ACTIONS:
        fields.problems.error(f"{fields.where}.action: {action.value!r} is none of {', '.join(_ACTIONS)}", place)
        return None
    said = fields.sub("exec")
    hook = _hook(said) if said else None
    if action.value == "sync+exec" and said is None:
        fields.problems.error(f"{fields.where}: sync+exec needs exec: {{command: …}}", place)
        return None
    ignore, include = (tuple(text.value for text in fields.texts(key, single=True)) for key in ("ignore", "include"))
    return WatchRule(path.value, action.value, target.value if target else "", ignore, include, hook)
