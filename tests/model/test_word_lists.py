"""Secrets of commands that are written as lists, in one line or in several: none is shown, and all else is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.model.redaction import REDACTED, source_line, text

S = "Sup3rS3cret"


@pytest.mark.parametrize(
    "line",
    [
        f'CMD ["node","a.js","--db-password","{S}"]',
        f'CMD ["node", "a.js", "--db-password={S} {S}"]',
        f'HEALTHCHECK CMD ["curl","-u","admin:{S}","http://a"]',
        f'["redis-server", "--requirepass", "two {S}"]',
        f"[redis-cli, -a, {S}, ping]",
        f"[redis-cli, -a, two {S}, ping]",
        f"exec: {{command: [redis-cli, -a, {S}]}}",
        f"test: ['CMD', 'redis-cli', '-a', '{S}']",
        f'["mysqladmin","ping","-p{S}"]',
        f'["mariadb-admin","ping","-p{S}"]',
        f'["/opt/mssql-tools/bin/sqlcmd","-U","sa","-P","{S}(!)"]',
        f'["ldapsearch","-x","-w","{S}"]',
        f'["sh","-c","node --password \\"{S}\\""]',
        f'["docker","login","-u","a","-p","{S}"]',
        f"('node', '--password', '{S}')",
        f'write ["node", "a.js", "--password", "{S}"] as the command',
        f"RUN docker login -u a -p {S} && npm ci",
        f"sqlcmd -U sa -P '{S}(!)' -Q x",
        f"ldapwhoami -x -w {S}",
        f"redis-server --masterauth {S}",
        f'node "--password" "{S}"',
    ],
)
def test_the_secret_of_a_list_is_hidden_in_a_file_and_in_a_message(line: str) -> None:
    for shown in (text(line), source_line([line], 1)):
        assert S not in shown
        assert REDACTED in shown
    assert text(text(line)) == text(line)


@pytest.mark.parametrize(
    "lines",
    [
        f"command:\n- redis-server\n- --requirepass\n> - {S}",
        f"command:\n  - redis-cli\n  # the cache\n  - -a # its password\n>   - {S}\n  - ping",
        f"command:\n- node\n- --password\n> - two words, {S}",
        f"command:\n- mysqladmin\n> - -p{S}",
        f"command:\n- curl\n- -u\n> - 'a:{S}'",
        f"command:\n- sh\n- -c\n> - node --password {S}",
        f'"command": [\n  "redis-cli",\n  "-a",\n>   "{S}"\n]',
        f"command: [redis-server,\n  --requirepass,\n>   {S}]",
        f'CMD ["node", \\\n  "--db-password", \\\n>   "{S}"]',
        f"RUN curl --user \\\n> me:{S} http://a",
        f"command: >\n  node server.js\n  --password\n>   {S} --port 80",
        f'command: "node server.js --password\n>   {S}"',
        f"- name: DB_PASSWORD\n>   value: {S}",
        f"> - value: {S}\n  name: DB_PASSWORD",
        f'{{\n  "name": "DB_PASSWORD",\n>   "value": "{S}"\n}}',
        f"environment:\n  DB_PASSWORD: >-\n>     {S} and more",
    ],
)
def test_the_line_of_a_secret_is_shown_without_it_though_another_line_tells_what_it_is(lines: str) -> None:
    number = next(number for number, line in enumerate(lines.split("\n"), 1) if line.startswith("> "))
    shown = source_line(lines.replace("\n> ", "\n").removeprefix("> ").split("\n"), number)
    assert S not in shown
    assert REDACTED in shown


@pytest.mark.parametrize(
    "line",
    [
        'CMD ["app","--password-file","x"]',
        'CMD ["app", "--password", "$DB_PASSWORD"]',
        'CMD ["app", "--private-key", "/etc/tls/key.pem"]',
        "CMD app --private-key /etc/tls/key.pem --token ${TOKEN}",
        '["docker","run","-p","8080:80","-u","1000:1000"]',
        '["--token-ttl","5m"]',
        "mysqladmin -uroot -p$MYSQL_ROOT_PASSWORD ping",
        'test: "mysqladmin -uroot -p$$MYSQL_ROOT_PASSWORD ping"',
        'command: [app, --api-key, "{{ .Values.key }}", --token, "${TOKEN}"]',
        "run: app --token ${{ secrets.TOKEN }} now",
        "openssl req -new -key root-key.pem -out a.csr",
        'curl -u "admin@example.com:$api_key" "$url"',
        'locust --headless -u "${USERS:-10}"',
        '["psql","--no-password","db"]',
        '["mysql","-P","3306"]',
        "curl http://a/login -p 8080",
        '["sh","-c","sleep 5"]',
        '["nginx", "-g", "daemon off;"]',
        "--bypass, x",
    ],
)
def test_an_option_of_a_list_that_has_no_secret_keeps_its_value(line: str) -> None:
    assert (text(line), source_line([line], 1)) == (line, line)


@pytest.mark.parametrize(
    "lines",
    [
        "command: [app, --allow-empty-password]\n> volumes:\n  - x",
        "command: [app,\n  --token]\n> ports: [80]",
        "RUN app --password\n> CMD x y",
        "- psql\n- --no-password\n> - db",
        "- app\n- --password-file\n> - x",
        "- docker\n- run\n- -p\n> - 8080:80",
        "- args:\n    - --password\n> - name: b",
        "- name: TOKEN_TTL\n>   value: 5m",
        "secrets:\n  db_password:\n>     file: ./x",
        "secrets:\n  password:\n>     $ref: a.b",
        "cache:\n  key: |\n>     ${{ runner.os }}-npm",
        "auth:\n>   # the password of the administrator",
        "- name: GOOGLE_APPLICATION_CREDENTIALS\n>   value: /etc/gcs.json",
        "services:\n  token:\n>     image: a",
    ],
)
def test_a_line_that_does_not_go_on_from_the_one_above_is_shown(lines: str) -> None:
    number = next(number for number, line in enumerate(lines.split("\n"), 1) if line.startswith("> "))
    said = lines.replace("\n> ", "\n").split("\n")
    assert source_line(said, number) == said[number - 1]


WORDS = st.text("abcXYZ019!%&;:,.[]{}\"'\\ -", min_size=1, max_size=12).map(lambda word: f"Pl4nted{word}Pl4nted")


@settings(deadline=None, max_examples=60)
@given(WORDS)
def test_no_secret_is_too_odd_for_a_list(word: str) -> None:
    import json

    for option in ("--db-password", "--requirepass", "-p"):
        argv = ["/usr/bin/mongosh", "--host", "a", option, word, "--quiet"]
        assert "Pl4nted" not in text(f"CMD {json.dumps(argv)}")
        assert "Pl4nted" not in text(f"write {json.dumps(argv, ensure_ascii=False)} as the command")
        block = [f"- {json.dumps(each)}" for each in argv]
        assert "Pl4nted" not in source_line(["args:", *block], 6)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text("ab-_=:,[]{}\"'\\ #>|$", max_size=12), min_size=1, max_size=6), st.integers(1, 6))
def test_any_lines_can_be_shown(lines: list[str], number: int) -> None:
    shown = source_line(lines, min(number, len(lines)))
    assert text(shown) == shown


@pytest.mark.parametrize("line", ['"-a", ' * 5000, "[-a," * 5000, '"\\' * 5000 + ', "-a"', "'" * 9999 + ',"-a'])
def test_long_lists_take_no_long_time(line: str) -> None:
    import time

    begun = time.process_time()
    source_line([line], 1)
    assert time.process_time() - begun < 2
