"""What a finding says to write instead: the program runs as it did before, with its variables, in its directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from seatrial.check.run import Options, run

from .conftest import documents_of

NODE = "FROM node:22.1.0-slim\nWORKDIR /app\nCOPY . .\n"
NPM = "package-manager-as-pid1"
EXEC = "exec-form-command"


def package(start: str) -> str:
    return f'{{"name": "api", "scripts": {{"start": "{start}"}}}}'


@pytest.mark.parametrize(
    ("name", "files", "remedy"),
    [
        (NPM, {"package.json": package("node a.js")}, 'write ["node", "a.js"] as the command'),
        (
            NPM,
            {"package.json": package("NODE_OPTIONS=--max-old-space-size=400 PORT=4000 node a.js x=1")},
            'write ["node", "a.js", "x=1"] as the command, with ENV for NODE_OPTIONS and PORT',
        ),
        (
            NPM,
            {"package.json": package("cross-env NODE_ENV=production PORT=4000 node a.js")},
            'write ["node", "a.js"] as the command, with ENV for NODE_ENV and PORT',
        ),
        (
            NPM,
            {"package.json": package("NODE_ENV=production node a.js"), "Dockerfile": "ENV NODE_ENV=production\nNPM"},
            'write ["node", "a.js"] as the command',
        ),
        (
            NPM,
            {"package.json": package("export A=1 && node a.js")},
            'write ["node", "a.js"] as the command, with ENV for A; its pre and post scripts no longer run then',
        ),
        (
            NPM,
            {"package.json": package("dotenv -e .env -- node a.js")},
            "write the program that it runs as the command, in exec form",
        ),
        (
            NPM,
            {
                "package.json": '{"workspaces": ["apps/api"]}',
                "apps/api/package.json": package("node dist/i.js"),
                "Dockerfile": "CMD npm start -w apps/api\n",
            },
            'write ["node", "dist/i.js"] as the command, with WORKDIR /app/apps/api',
        ),
        (
            NPM,
            {"apps/api/package.json": package("node i.js"), "Dockerfile": "CMD cd apps/api && A=b npm start\n"},
            'write ["node", "i.js"] as the command, with WORKDIR /app/apps/api and ENV for A',
        ),
        (
            NPM,
            {
                "apps/api/package.json": package("PORT=1 node i.js"),
                "Dockerfile": 'CMD ["true"]\n',
                "compose.yaml": "services: {api: {build: ., command: npm start --prefix apps/api}}\n",
            },
            'write ["node", "i.js"] as the command, with working_dir: /app/apps/api and environment: for PORT',
        ),
        (EXEC, {"Dockerfile": "CMD node a.js # the server; no more\n"}, 'write ["node", "a.js"]'),
        (
            EXEC,
            {"Dockerfile": 'CMD nginx -g "daemon off;"\n'},
            'put exec in front of the program: exec nginx -g "daemon off;"',
        ),
        (EXEC, {"Dockerfile": "CMD A=1 node a.js\n"}, "put exec in front of the program: A=1 exec node a.js"),
    ],
)
def test_a_command_loses_nothing_by_the_remedy(
    name: str, files: Mapping[str, str], remedy: str, tmp_path: Path
) -> None:
    command = files.get("Dockerfile", "NPM").replace("NPM", 'CMD ["npm", "start"]\n')
    outcome = run(documents_of(tmp_path, {**files, "Dockerfile": NODE + command}), Options(select=(name,)))
    assert [finding.remedy for finding in outcome.findings] == [remedy]


BUN = {
    "Dockerfile": 'FROM oven/bun:1.1.38\nCOPY . .\nCMD ["bun", "a.ts"]\n',
    "a.ts": "const server = Bun.serve({port: 3000, fetch() { return new Response() }})\n",
}


@pytest.mark.parametrize("handler", ["", "process.on('SIGTERM', () => process.exit(0))\n"])
def test_a_server_of_bun_is_stopped_in_its_own_way(handler: str, tmp_path: Path) -> None:
    files = {**BUN, "a.ts": BUN["a.ts"] + handler}
    (finding,) = run(documents_of(tmp_path, files), Options(select=("handles-sigterm",))).findings
    assert "await server.stop()" in finding.remedy and "server.close" not in finding.remedy


@pytest.mark.parametrize(
    ("image", "says"),
    [
        ("gcr.io/distroless/static-debian12", "neither a shell nor a tool"),
        ("scratch", "neither a shell nor a tool"),
        ("gcr.io/distroless/nodejs22-debian12", "a tool that the image has"),
        ("debian:12.8", "a tool that the image has"),
    ],
)
def test_a_health_check_is_asked_for_that_the_image_can_run(image: str, says: str, tmp_path: Path) -> None:
    dockerfile = f'FROM {image}\nCOPY a /a\nEXPOSE 80\nENTRYPOINT ["/a"]\n'
    files = {"Dockerfile": dockerfile, "a": ""}
    (finding,) = run(documents_of(tmp_path, files), Options(select=("healthcheck-present",))).findings
    assert says in finding.remedy
