"""Tells whether a command line has a credential written into it, as the programs at hand take one. Pure.

Only what is sure counts: the option is one for a password, and its value stands there itself. No value is ever given
back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from seatrial.check import credentials
from seatrial.model.patterns import pattern

_SHORTEST = 6
_ANYBODYS = frozenset(
    {"password", "passwd", "passw0rd", "secret", "admin123", "postgres", "mariadb", "foobared", "guest1", "rootpw"}
    | {"rootpass", "testtest", "123456", "example", "administrator", "mongodb", "rabbitmq"}
)
"""What people write where no secret is meant."""
_ASSIGNING = ("PGPASSWORD=", "MYSQL_PWD=", "REDISCLI_AUTH=", "SSHPASS=", "_authToken")
_ASSIGNED = pattern(
    r"(?<![\w$])(?:(PGPASSWORD|MYSQL_PWD|REDISCLI_AUTH|SSHPASS)=|(?<=:)_(authToken)[= ])[\"']?([^\s\"';&|()]+)"
)
"""Variables that a program takes its password from, and the line of npm's settings that holds a token."""
_NAMES = ("password", "passwd", "requirepass", "masterauth")
_NOT_NAMES = ("no-", "disable", "without-", "ask-", "use-", "allow-", "empty-")
_ACCOUNTS: Mapping[str, frozenset[str]] = {"curl": frozenset({"-u", "--user", "-U", "--proxy-user"})}
_PASSWORDS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("redis-cli", "valkey-cli"), frozenset({"-a", "--pass"})),
    **dict.fromkeys(("mongo", "mongosh", "mongodump", "mongorestore", "sshpass"), frozenset({"-p"})),
}
_LOGINS = frozenset({"docker", "podman", "buildah", "skopeo", "helm", "crane", "oras", "nerdctl"})
_ATTACHED = ("mysql", "mariadb")


_ACCOUNT = pattern(r"\s(?:-[A-Za-z]{0,12}[uU]|--(?:proxy-)?user)[\s=\\]{0,8}[\"']?[^\s:\"'$]{1,60}:[^\s/$]")


def may_be_in(text: str) -> bool:
    """Whether a text may hold such a command, so that its words are worth reading: asked of each RUN, so by a handful
    of looks for what most texts have none of."""
    may_be_account = "curl" in text and (" -u" in text or "Lu " in text or "fu " in text or "-user" in text)
    if may_be_account and _ACCOUNT.search(text):
        return True
    if " -p" in text and (" login " in text or "mongo" in text or "mysql" in text or "mariadb" in text):
        return True
    if "ass" in text and ("assword=" in text or "assword " in text or "asswd=" in text or "requirepass" in text):
        return True
    is_named = "PASS" in text or "_PWD=" in text or "CLI_AUTH=" in text or "sshpass" in text
    return is_named or ("-cli" in text and " -a" in text) or "_authToken" in text or "masterauth" in text


def what_of(words: Sequence[str]) -> str:
    """What credential this command line holds, "" if none."""
    program = words[0].rpartition("/")[2] if words else ""
    for option, value in _options(words):
        if option.rstrip("…") in _ACCOUNTS.get(program, ()) and _is_account(value):
            return f"a password for {program}"
        if (_is_name(option) or _is_password(program, option, words)) and _is_value(value):
            return f"a password for {program}" if program and not program.startswith("-") else "a password"
    return ""


def what_of_text(text: str) -> str:
    """What credential the text of a shell gives to a program besides its words, "" if none."""
    for variable, token, value in _ASSIGNED.findall(text) if any(name in text for name in _ASSIGNING) else ():
        if _is_value(value):
            return "a token for npm" if token else f"a password ({variable})"
    return ""


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The options with what may be their values: `-x…` has it behind it in the same word, `-sx` after a bundle."""
    for word, after in zip(words, (*words, "")[1:], strict=True):
        name, equals, value = word.partition("=")
        if word.startswith("--") and equals:
            yield name, value
        elif word.startswith("-"):
            yield word, after
            if word[2:] and word[1] != "-":
                yield word[:2] + "…", word[2:]
                yield "-" + word[-1], after


def _is_name(option: str) -> bool:
    name = option.lstrip("-").lower()
    return name.endswith(_NAMES) and not name.startswith(_NOT_NAMES)


def _is_password(program: str, option: str, words: Sequence[str]) -> bool:
    if option == "-p…":
        return program.startswith(_ATTACHED) or program == "sshpass"
    is_login = program in _LOGINS and "login" in words[1:3]
    return option in _PASSWORDS.get(program, ()) or (is_login and option in ("-p", "--password"))


def _is_account(value: str) -> bool:
    user, colon, password = value.partition(":")
    return bool(user and colon) and "$" not in user and _is_value(password)


def _is_value(value: str) -> bool:
    value = value.strip("\"'")
    is_sample = len(value) < _SHORTEST or value.lower() in _ANYBODYS
    return (
        not is_sample and not value.startswith(("-", "@", "%")) and "{" not in value and credentials.is_literal(value)
    )
