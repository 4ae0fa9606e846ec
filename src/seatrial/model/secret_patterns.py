"""What secrets look like: regular expressions and words. Of what an expression matches only `secret` is to be hidden.

They must never take long: no repetition is without a bound where it could begin at many places of a line.
"""

from __future__ import annotations

import re

from seatrial.model.patterns import pattern

# ESC sequences go as a whole (CSI, OSC and the like, two-character forms): their remains would be noise.
ESCAPES = pattern(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)|[ -/]*[0-~])|\x9b[0-?]*[ -/]*[@-~]"
)
_KEYWORD = (
    r"pass(?:word|wd|phrase|code)?|pwd|secret(?:[_-]?key(?:[_-]?base)?|[_-]?id|[_-]?value)?|token|credentials?|"
    r"api[_-]?key|access[_-]?key(?:[_-]?id)?|private[_-]?key|signing[_-]?key|encryption[_-]?key|master[_-]?key|"
    r"account[_-]?key|auth[_-]?key|authorization|cookie|session[_-]?(?:id|key)|sessid|signature|"
    r"client[_-]?secret|rediscli_auth|masterauth|connection[_-]?string|dsn|salt|otp|sas|"
    r"jwt|pw|bearer"
)
NAME = pattern(
    rf"(?:(?:^|[_.\-]|(?-i:(?<=[a-z])(?=[A-Z])))(?:{_KEYWORD}|key|auth)|password|passwd|passphrase|secret|token|apikey|"
    r"(?:require|db|user|admin|root|store|key)pass)"
    r"[_-]?\d*$",
    re.IGNORECASE,
)
ABOUT = pattern(
    r"_(?:file|path|dir|prefix|name|space|ur[il]|host|port|tt[ls]|timeout|length|size|types?|issuer|audience|algorithm|"
    r"header|enabled|required|in|lifetime|expir\w*|minutes|seconds|days|hours|rounds|count|limit|max|min)$",
    re.IGNORECASE,
)
"""The ends of names that say something about a secret and hold none: TOKEN_TTL."""

# A name, a separator, a value: FOO_TOKEN=x, "password": "x", --api-key x. The value ends at white space unless quoted.
ASSIGNMENT = pattern(
    rf"""(?P<name>(?<![\w.\-])[\w.\-]{{0,200}}(?:{_KEYWORD})[_-]?\d*)(?P<close>\\?["'])?(?P<sep>\s*(?:=>|[=:])\s*)"""
    r"""(?P<scheme>(?:bearer|basic|digest|token)\s+)?"""
    r"""(?P<value>\\?"(?:\\.|[^"\\])*\\?"|'(?:\\.|[^'\\])*'|[^\s"'&;,})\]]+)""",
    re.IGNORECASE,
)
HEADER = pattern(
    r"\b(?:(?:set-)?cookie|(?:proxy-)?authorization|x-[\w\-]{0,40}key)\s*:\s*(?!//)(?P<secret>[^\"'\r\n]+)",
    re.IGNORECASE,
)
HEADER_OPTION = pattern(
    r"(?<![\w\-])(?:-H|--?header)(?:\s+|=)?(?P<quote>[\"'])?(?P<name>[\w\-]{1,64})\s*:\s*"
    r"(?P<secret>(?(quote)[^\"'\r\n]+|[^\s\"']+))"
)
QUERY = pattern(r"[?&](?:(?:sig|auth|jwt)=|key=(?=[\w\-.%~+/]{16}))(?P<secret>[^\s&#\"']+)", re.IGNORECASE)
_NO_VALUE = (
    r"""["']?(?:\$+(?:\w+|[@*]|\{\w+(?:\[[@*]\]|:?\?[^{}\r\n]{0,200})?\}|\([^()\r\n]{1,200}\))|\$?\{\{[^{}\r\n]{1,200}\}\}|"""
    r"""(?:\$\w+|\$\{\w+\}|\.{0,2})/[^\s"']{1,300}\.\w{2,5}|"""
    r"""[\w.\-/]{1,300}\.(?:pem|key|crt|cert?|csr|der|p12|pfx|jks|json|ya?ml|toml|txt|conf|cfg|ini|env))(?:["'\s,\]]|$)"""
)
NO_VALUE = pattern(_NO_VALUE)
"""What stands where a secret might and is none: a variable, what another command gives, the path of a file."""
OPTION = pattern(
    rf"""(?<![\w\-])(?P<quote>["']?)--?(?!no-)[\w\-]{{0,64}}(?:{_KEYWORD})(?P=quote)\s+(?!-|{_NO_VALUE})"""
    r"""(?P<secret>"[^"\r\n]*"|'[^'\r\n]*'|\S+?(?=`*(?:\s|$)))""",
    re.IGNORECASE,
)
# user:password@ — a raw password may hold an @ or even a /; a port and a path that holds an @ are no password.
URL = pattern(
    r"\b[a-z][a-z0-9+.\-]{1,20}://[^\s/@:\"'<>]{0,200}:"
    r"(?!\d{1,5}[/?#])(?P<secret>[^\s/?#\"'<>]{1,300}(?=@)|[^\s\"'<>]{1,300}?(?=@))@(?=[\w\[.\-%])",
    re.IGNORECASE,
)
URL_TOKEN = pattern(r"\b[a-z][a-z0-9+.\-]{1,20}://(?P<secret>[\w\-.~%]{16,200})@(?=[\w\[])", re.IGNORECASE)
BEARER = pattern(r"\b(?:bearer|basic)\s+(?=\S*(?-i:[0-9A-Z=]))(?P<secret>[A-Za-z0-9._~+/\-]{8,}=*)", re.IGNORECASE)
# Kubernetes' pairs on one line: {name: DB_PASSWORD, value: x}
PAIR = pattern(
    rf"""\bname["']?\s*:\s*["']?[\w.\-]{{0,200}}(?:{_KEYWORD})[_-]?\d*["']?\s*,\s*["']?value["']?\s*:\s*"""
    r"""(?P<secret>"(?:\\.|[^"\\])*"|'[^']*'|[^\s,}"'\[][^,}]*)""",
    re.IGNORECASE,
)
# Programs that take a password in a way of their own: echo user:password | chpasswd, curl -u user:password, mysql -pX
ACCOUNT = pattern(r"[\w.\-]{1,100}:(?!\$)(?P<secret>[^\s\"'|]+)(?=[\"']?\s*\|\s*(?:sudo\s+)?[\w/]{0,40}chpasswd)")
ACCOUNT_PROGRAMS = ("curl", "hey", "oha", "ab", "http", "https", "xh")
ANYBODYS_ACCOUNT = ("-u", "-a", "--user", "--proxy-user", "--auth", "--basic-auth")
ACCOUNT_OPTIONS = (*ANYBODYS_ACCOUNT, "-A", "-P", "-U")
"""With these the programs above take user:password, and with some of them any other may."""
PASSWORD_OPTIONS = {
    **dict.fromkeys(("redis-cli", "redis-benchmark", "valkey-cli", "valkey-benchmark", "memtier_benchmark"), "-a"),
    **dict.fromkeys(("sshpass", "mongo", "mongosh", "mongodump", "mongorestore"), "-p"),
    **dict.fromkeys(("login", "cqlsh", "rabbitmqadmin"), "-p"),
    **dict.fromkeys(("sqlcmd", "bcp", "mosquitto_pub", "mosquitto_sub"), "-P"),
    **dict.fromkeys(("ldapsearch", "ldapwhoami", "ldapadd", "ldapmodify"), "-w"),
}
"""And with these a password alone. `login` is a command of docker, podman, helm and others."""
COOKIE_OPTIONS = {"curl": ("-b", "--cookie"), "ab": ("-C",)}
"""And with these cookies, as name=value."""
COOKIE_STARTS = (" -b", " --cookie", " -C")
PROGRAMS = frozenset({*ACCOUNT_PROGRAMS, *PASSWORD_OPTIONS})
"""Besides those of mysql and mariadb."""
ACCOUNT_OPTION = pattern(
    rf"(?:\b(?:{'|'.join(ACCOUNT_PROGRAMS)})\b(?!://)[^|;&\n]{{0,500}}?\s-[uaAUP]\s*|"
    r"(?<![\w\-])(?:-[ua]\s+|--(?:user|auth|basic-auth|proxy-user)(?:\s+|=))(?![\"']?[^\s:]{1,100}:\d+(?:[\"'\s]|$)))"
    r"[\"']?[^\s:\"'$/]{1,100}:(?!\$|//|\[redacted)(?P<secret>[^\s\"']+)"
)
ACCOUNT_STARTS = ("-u", "-a", "-A", "-U", "-P")
"""One of these is in everything that `ACCOUNT_OPTION` matches: --proxy-user and --basic-auth have one, too."""
PASSWORD_OPTION = pattern(
    r"\b(?:(?:redis|valkey)-(?:cli|benchmark)\b|memtier_benchmark\b)[^|;&\n]{0,500}?\s-a\s+[\"']?(?!\$|\[redacted)"
    r"(?P<secret>[^\s\"'|;&]+)"
)
COOKIE_OPTION = pattern(
    r"\b(?:curl\b[^|;&\n]{0,500}?\s(?:-b|--cookie\s)|ab\b[^|;&\n]{0,500}?\s-C)\s*(?P<quote>[\"'])?(?!\[redacted)"
    r"(?P<secret>(?(quote)[^\"'=\r\n]{1,200}=[^\"'\r\n]+|[^\s\"'|;&=]{1,200}=[^\s\"'|;&]+))"
)
ATTACHED = pattern(
    r"\b(?:(?:mysql|mariadb)\w{0,20}[^|;&\n]{0,500}?\s-p|(?:sshpass|mongo\w{0,10})\b[^|;&\n]{0,500}?\s-p\s*)[\"']?"
    r"(?!\$|\[redacted|\d+(?::\d+)?(?:\s|$))(?P<secret>[^\s\"'|;&]+)"
)
LOGIN_OPTION = pattern(
    r"(?:(?<![\w/.\-])(?:login\s|cqlsh\b|rabbitmqadmin\b)[^|;&\n]{0,500}?(?<=\s)-p(?:\s+|(?=[\"']))|"
    r"\b(?:sqlcmd|bcp|mosquitto_[ps]ub)\b[^|;&\n]{0,500}?\s-P\s*|"
    r"\bldap(?:search|whoami|add|modify)\b[^|;&\n]{0,500}?\s-w\s+)(?P<quote>[\"'])?(?!\$|\[redacted|-)"
    r"(?P<secret>(?(quote)[^\"'\r\n]+|[^\s\"'|;&]+))"
)
OF_PROGRAMS = (
    (PASSWORD_OPTION, ("redis-", "valkey-", "memtier_benchmark")),
    (ATTACHED, ("mysql", "mariadb", "sshpass", "mongo")),
    (LOGIN_OPTION, ("login", "cqlsh", "rabbitmqadmin", "sqlcmd", "bcp", "mosquitto_", "ldap")),
)
"""Patterns, each with what one of is in everything that it matches."""
LIST_STARTS = ('"-', "'-", ",-", ", -", "[-")
LIST_OPTION = pattern(r"""(?:[\[,(]\s{0,8}["']?|^\s*["'])--?[A-Za-z]""")
"""An item of a list that is an option: one of `LIST_STARTS` is in it."""
FORMS = pattern(
    r"(?P<secret>\beyJ[\w-]{5,}\.[\w-]{4,}\.[\w-]*"  # JWT
    r"|\b(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA)[A-Z0-9]{16}\b"  # AWS key ids
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bnpm_[A-Za-z0-9]{20,}|\bpypi-[\w-]{20,}"
    r"|\bxox[abeoprs]-[\w-]{8,}|\b[sr]k_(?:live|test)_\w{8,}|\bsk-[\w-]{20,}|\bAIza[\w-]{30,}"
    r"|\bSG\.[\w-]{16,}\.[\w-]{16,})"
)
FORM_STARTS = (
    *("eyJ", "AKIA", "ASIA", "AROA", "AIDA", "AGPA", "ANPA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    *("glpat-", "npm_", "pypi-", "xox", "sk_live", "rk_live", "sk_test", "rk_test", "sk-", "AIza", "SG."),
)
"""One of these is in everything that `FORMS` matches."""
PEM_BEGIN = pattern(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----")
PEM = pattern(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
PEM_END = pattern(r"-----END [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----")
BASE64 = pattern(r"[A-Za-z0-9+/]{16,}={0,2}")
NAME_PARTS = (
    *("pass", "pwd", "secret", "token", "credential", "key", "authorization", "cookie", "sess", "signature", "dsn"),
    *("connection", "salt", "otp", "sas", "rediscli", "masterauth", "jwt", "pw", "bearer"),
)
"""One of these is in everything that `_KEYWORD` matches, in whatever case."""
HINTS = (
    *NAME_PARTS,
    *("://", "basic", *(start.casefold() for start in FORM_STARTS)),
    *("chpasswd", " -a", " -u", " --a", " --u", " --proxy-user", " --basic-auth", " -p", " -w ", " -b", " -c"),
    *("sig=", "auth"),
)
"""One of these is in everything that is taken out, in whatever case."""
_PLAIN_WORDS = (
    "true false none null auto default disabled enabled example redacted secret password token changeme "
    "production development staging test tests testing local localhost debug info warning error errors "
    "root admin user users guest nobody node nodejs python java nginx apache docker mongo mongodb mysql mariadb "
    "postgres postgresql redis valkey rabbit rabbitmq memcached "
    "begun aimed ended ready given taken done lost twice waiting unknown slow restored well frozen refused program "
    "worker exception rejection health check http https port ipv4 ipv6 unix stdout stderr liveness readiness "
    "stopping switched finished returned settled unsettled signal start stop server service database"
)
PLAIN = frozenset(_PLAIN_WORDS.split())
"""Words that are said everywhere, by services and by recordings themselves: as secrets they are hidden at their own
place alone (`password=postgres`)."""
