"""Projects brought up for real: the command, the supervisor, the engine."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import socket as socketlib
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.project.conftest import Harness, free_port, server, shell

pytestmark = pytest.mark.slow


def test_a_project_comes_up_in_order_is_seen_and_goes_down(project: Harness) -> None:
    port = free_port()
    waits = "    depends_on: {web: {condition: service_healthy}}\n"
    project.write("services:\n" + server("web", port) + shell("job", "echo done; exit 3", waits))
    project.run("up", "-d")
    project.eventually(lambda: project.rows()["job"]["State"] == "exited")
    rows = project.rows()
    assert (rows["web"]["State"], rows["web"]["Health"]) == ("running", "healthy")
    assert rows["job"]["ExitCode"] == 3
    assert "ready (pid 1)" in project.run("logs", "web")
    assert "job-1  | done" in project.run("logs")
    actions = [
        json.loads(line)["Action"]
        for line in project.run("events", "--json", "--since", "1h", "--until", "0s").splitlines()
    ]
    assert actions.index("health_status: healthy") < actions.index("die")
    project.run("down")
    assert project.run("ps", "-a", "-q") == ""


def test_what_runs_outlives_its_supervisor_and_is_found_again(project: Harness) -> None:
    port = free_port()
    line = "i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); sleep 0.01; done; exit 7"
    project.write("services:\n" + server("web", port, "    restart: always\n") + shell("job", line))
    project.run("up", "-d")
    before = project.inspect("web")["State"]
    os.kill(project.supervisor(), signal.SIGKILL)
    after = project.inspect("web")["State"]
    assert (after["Pid"], after["StartedAt"]) == (before["Pid"], before["StartedAt"])
    os.kill(project.supervisor(), signal.SIGKILL)
    log = Path(project.inspect("job")["LogPath"])
    os.kill(project.supervisor(), signal.SIGKILL)
    project.eventually(lambda: "line 399" in log.read_text())
    project.eventually(lambda: project.rows()["job"]["State"] == "exited")
    assert project.rows()["job"]["ExitCode"] == 7
    assert project.run("logs", "--no-log-prefix", "job").splitlines() == [f"line {number}" for number in range(400)]


def test_who_follows_goes_on_with_the_next_supervisor(project: Harness) -> None:
    """`up` in the foreground, `logs -f` and `events`: a supervisor that dies under them is followed by another."""
    line = "echo begun; while ! [ -e /here/go ]; do sleep 0.05; done; echo done; exit 7"
    project.write("services:\n" + shell("web", line, "    volumes: ['./:/here']\n"))
    project.run("up", "-d")
    with project.start("up") as up, project.start("logs", "-f") as logs:
        with project.start("events", "--json", "--since", "1h") as events:
            assert up.stderr is not None and logs.stdout is not None and events.stdout is not None
            assert "Running" in up.stderr.readline()
            assert "begun" in logs.stdout.readline()
            project.run("pause")
            seen = _actions(events.stdout, "pause")
            os.kill(project.supervisor(), signal.SIGKILL)
            project.run("unpause")
            seen += _actions(events.stdout, "unpause")
            events.kill()
        (project.directory / "go").touch()
        assert "done" in logs.communicate(timeout=60)[0]
        up.communicate(timeout=60)
    assert (logs.returncode, up.returncode) == (0, 0)
    assert seen == ["create", "start", "pause", "unpause"]
    assert project.rows()["web"]["ExitCode"] == 7


def _actions(lines: Iterable[str], last: str) -> list[str]:
    """What happens up to an action."""
    found: list[str] = []
    for line in lines:
        found.append(json.loads(line)["Action"])
        if found[-1] == last:
            break
    return found


def test_a_project_whose_files_lack_something_now_can_be_taken_down(project: Harness) -> None:
    secret = project.directory / "word"
    secret.write_text("pearl")
    web = shell("web", "exec sleep 999", "    secrets: [word]\n")
    project.write(f"services:\n{web}secrets: {{word: {{file: ./word}}}}\n")
    project.run("up", "-d")
    secret.unlink()
    project.run("exec", "web", "true")
    project.run("down")
    assert project.run("ps", "-a", "-q") == ""


def test_a_crash_is_restarted_and_a_stop_is_not(project: Harness) -> None:
    project.write("services:\n" + server("web", free_port(), "    restart: always\n"))
    project.run("up", "-d", "--wait")
    first = project.inspect("web")["State"]["Pid"]
    os.kill(first, signal.SIGKILL)
    project.eventually(lambda: project.inspect("web")["State"]["Pid"] not in (0, first))
    assert project.inspect("web")["RestartCount"] == 1
    project.run("stop")
    assert project.rows()["web"]["ExitCode"] == 0
    assert "got SIGTERM" in project.run("logs", "web")
    project.run("start")
    assert project.inspect("web")["RestartCount"] == 0


def test_signals_and_commands_reach_the_inside(project: Harness) -> None:
    project.write("services:\n" + server("web", free_port()))
    project.run("up", "-d", "--wait")
    project.run("kill", "-s", "USR1")
    project.eventually(lambda: "got SIGUSR1" in project.run("logs", "web"))
    assert project.run("exec", "web", "sh", "-c", "echo $PORT; exit 5", code=5).strip().isdigit()
    assert project.run("exec", "-e", "A=b", "web", "sh", "-c", "echo $A") == "b\n"
    project.run("exec", "web", "no-such-program", code=127)


def test_what_can_not_start_says_why_and_fails(project: Harness) -> None:
    project.write("services:\n  web:\n    image: a\n    x-seatrial: {command: [/no/such/program]}\n")
    with project.start("up", "-d") as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "/no/such/program: No such file or directory" in err
    assert project.rows()["web"]["ExitCode"] == 127


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_the_foreground_the_logs_are_shown_and_ctrl_c_stops_all(project: Harness, number: signal.Signals) -> None:
    project.write("services:\n" + server("web", free_port()))
    with project.start("up") as process:
        assert process.stdout is not None
        assert "ready (pid 1)" in process.stdout.readline()
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "got SIGTERM" in out
    assert project.rows()["web"]["State"] == "exited"
    supervisor = project.supervisor()
    project.run("down")
    project.eventually(lambda: not Path(f"/proc/{supervisor}").exists())


def test_the_code_of_a_job_is_that_of_the_command(project: Harness) -> None:
    waits = "    depends_on: {web: {condition: service_healthy}}\n"
    project.write("services:\n" + server("web", free_port()) + shell("job", "exit 42", waits))
    with project.start("up", "--exit-code-from", "job") as process:
        assert "job-1 exited with code 42\n" in process.communicate(timeout=60)[1]
    assert process.returncode == 42
    assert project.rows()["web"]["State"] == "exited"


def test_secrets_and_configs_are_files_inside(project: Harness) -> None:
    (project.directory / "password").write_text("pearl\n")
    granted = "    secrets: [password]\n    configs: [{source: motd, target: /etc/motd.d/ours}]\n"
    top = "secrets:\n  password: {file: ./password}\nconfigs:\n  motd: {content: ahoy}\n"
    project.write("services:\n" + shell("job", "cat /run/secrets/password /etc/motd.d/ours", granted) + top)
    project.run("up")
    assert project.run("logs", "--no-log-prefix", "job") == "pearl\nahoy"


def test_one_service_runs_in_the_foreground_with_its_own_code(project: Harness) -> None:
    assert project.run("run", "-q", "--", "sh", "-c", "echo out; exit 9", code=9) == "out\n"
    project.run("run", "--", "/no/such/program", code=127)
    assert project.run("run", "-q", "--restart", "on-failure:1", "--", "sh", "-c", "echo again; exit 4", code=4) == (
        "again\nagain\n"
    )


def test_a_second_ctrl_c_kills(project: Harness) -> None:
    # no print: the signal may come while the one below is under way
    deaf = "import os, signal, time\nsignal.signal(15, lambda *_: os.write(1, b'deaf\\n'))\n"
    deaf += "print('up', flush=True)\nwhile True: time.sleep(9)"
    with project.start("run", "--", sys.executable, "-c", deaf) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "deaf\n"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 137


def test_a_second_ctrl_c_at_up_kills_all(project: Harness) -> None:
    project.write("services:\n" + shell("web", "echo begun; while :; do sleep 0.1; done"))
    with project.start("up", "-t", "600") as process:
        assert process.stdout is not None and process.stderr is not None
        assert "begun" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        while "Stopping" not in (line := process.stderr.readline()):
            assert line, "it ended before it stopped anything"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    project.eventually(lambda: project.rows()["web"]["State"] == "exited")
    assert project.rows()["web"]["ExitCode"] == 137


def test_nobody_listens_for_others_unless_a_port_is_published(project: Harness) -> None:
    project.write("services:\n" + shell("web", "exec sleep 999"))
    project.run("up", "-d")
    supervisor = Path(f"/proc/{project.supervisor()}")
    own, found = set(), []
    for path in (supervisor / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            own.add(str(path.readlink()))
    for name in ("tcp", "tcp6", "udp", "udp6"):
        rows = [line.split() for line in (supervisor / "net" / name).read_text().splitlines()[1:]]
        found += [row[1] for row in rows if f"socket:[{row[9]}]" in own]
    assert found == []


def test_the_socket_is_for_its_owner_alone(project: Harness) -> None:
    project.write("services:\n" + server("web", free_port()))
    project.run("up", "-d")
    socket = project.state / "shop.sock"
    assert socket.stat().st_mode & 0o077 == 0
    if os.geteuid() == 0:
        # not by a Python of its own: its file may lie where nobody else may read
        child = os.fork()
        if child == 0:
            os.setgroups([])
            os.setresuid(65534, 65534, 65534)
            with socketlib.socket(socketlib.AF_UNIX) as connection:
                os._exit(connection.connect_ex(str(socket)))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == errno.EACCES


def test_metrics_are_given_in_prometheuss_format(project: Harness) -> None:
    project.write("services:\n" + server("web", free_port()))
    project.run("up", "-d", "--wait")
    text = project.client.text("metrics")
    assert 'seatrial_instance_up{project="shop",service="web",instance="shop-web-1"} 1' in text
    memory = next(line for line in text.splitlines() if line.startswith("seatrial_instance_memory_bytes{"))
    assert float(memory.split()[-1]) > 1_000_000
