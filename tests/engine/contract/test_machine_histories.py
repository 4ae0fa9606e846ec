"""What holds of the composed machine in every history: random ones, and ones with a driver that behaves."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from seatrial.engine.contract import commands as c
from seatrial.engine.contract.commands import Command, Happening
from seatrial.engine.contract.health import Check, Kind, Result
from seatrial.engine.contract.instance import Instance, Terms
from seatrial.engine.contract.lifecycle import State
from seatrial.engine.contract.machine import create, step, wake_at
from seatrial.engine.contract.restarting import LONGEST_WAIT, Policy, Word
from seatrial.engine.contract.stopping import AFTER_KILL, AFTER_KILL_ALL

CHECK = Check(Kind.EXECUTE, ("true",), interval=3.0, retries=2)
PATTERN = re.compile(
    r"create( start( restart)?( kill| oom| pause| unpause| health)* die( stop)?| stop)*"
    r"( start( restart)?( kill| oom| pause| unpause| health)*)?( destroy)?"
)
"""All orders of events that there may be. A stop alone ends the wait for a restart."""

policies = st.builds(
    Policy,
    st.sampled_from(Word),
    st.integers(0, 3),
    st.sampled_from([0.0, 5.0]),
    st.sampled_from([0.0, 30.0]),
)
terms = st.builds(
    Terms,
    restart=policies,
    check=st.sampled_from([None, CHECK]),
    stop_signal_said=st.booleans(),
    grace=st.sampled_from([0.0, 2.0, 10.0, -1.0]),
    on_unhealthy=st.sampled_from(["", "restart", "stop"]),
    docker_quirks=st.booleans(),
)
graces = st.sampled_from([None, 0.0, 1.0, 100.0, -1.0])
wishes = st.one_of(
    st.just(c.StartAsked()),
    st.builds(c.StopAsked, grace=graces, is_shutdown=st.booleans()),
    st.builds(c.RestartAsked, grace=graces),
    st.builds(c.KillAsked, signal=st.sampled_from([1, 9, 15])),
    st.just(c.PauseAsked()),
    st.just(c.UnpauseAsked()),
    st.builds(c.RemoveAsked, force=st.booleans()),
)
runs = st.integers(0, 4)
codes = st.sampled_from([0, 1, 137])
results = st.builds(Result, st.just(0.0), st.just(1.0), codes)
news = st.one_of(
    st.builds(c.Started, runs),
    st.builds(c.StartFailed, runs, st.just(127), st.just("no")),
    st.builds(c.Exited, runs, codes, st.integers(0, 1)),
    st.builds(c.OutOfMemory, runs),
    st.builds(c.SignalFailed, runs),
    st.builds(c.Probed, runs, st.integers(0, 4), results),
    st.just(c.RemovalDone()),
    st.builds(c.RemovalFailed, st.just("busy")),
    st.just(c.Tick()),
)


@settings(max_examples=100)
@given(terms, st.lists(st.tuples(st.one_of(wishes, news), st.sampled_from([0.0, 0.1, 3.0, 70.0])), max_size=40))
def test_no_happening_in_any_state_raises_and_no_two_runs_live(
    said: Terms, history: list[tuple[Happening, float]]
) -> None:
    instance, commands = create(said)
    seen, now = list(commands), 0.0
    for happening, after in history:
        now += after
        was = instance
        instance, commands = step(instance, happening, now)
        seen += commands
        assert all(command.cause for command in commands)
        assert len(instance.waiting) <= 7
        started = [command for command in commands if isinstance(command, c.Start)]
        if started:
            assert len(started) == 1 and started[0].run == was.run + 1 == instance.run
            assert not was.is_running or isinstance(happening, c.Exited)
            assert instance.is_starting and not instance.is_running
    assert PATTERN.fullmatch(plain(seen)), plain(seen)


def plain(commands: list[Command]) -> str:
    """The emitted actions as words, those of probes left out."""
    actions = [command.action.partition(":")[0] for command in commands if isinstance(command, c.Emit)]
    return " ".join(action.replace("health_status", "health") for action in actions if not action.startswith("exec_"))


class Life(RuleBasedStateMachine):
    """An instance with a driver that answers as it must, and a clock that only goes forward."""

    @initialize(said=terms)
    def begin(self, said: Terms) -> None:
        self.now = 0.0
        self.seen: list[Command] = []
        self.asked_to_run = False
        self.signalled_to_end: float | None = None
        self.patience = 0.0
        self.alive = 0
        self.starting = 0
        self.probe = (0, 0)
        self.instance: Instance
        self.instance, commands = create(said)
        self.note(commands)

    def tell(self, happening: Happening) -> None:
        self.instance, commands = step(self.instance, happening, self.now)
        self.note(commands)

    def note(self, commands: tuple[Command, ...]) -> None:
        for command in commands:
            self.seen.append(command)
            if isinstance(command, c.Start):
                assert not self.alive and not self.starting, "a second run"
                self.starting = command.run
            if isinstance(command, c.Probe):
                assert self.alive == command.run and self.probe == (0, 0), "a second probe"
                self.probe = (command.run, command.number)
            if isinstance(command, c.EndProbe):
                assert self.probe == (command.run, command.number)
                self.probe = (0, 0)
            if isinstance(command, c.Signal | c.Kill | c.Freeze | c.Thaw):
                assert command.run == self.alive, f"{command} for a run that is over"
            if isinstance(command, c.Remove):
                assert not self.alive

    @rule(wish=wishes)
    def ask(self, wish: c.Wish) -> None:
        self.tell(wish)  # type: ignore[arg-type]

    @precondition(lambda self: self.starting)
    @rule(fails=st.booleans())
    def answer_the_start(self, fails: bool) -> None:
        run, self.starting = self.starting, 0
        if not fails:
            self.alive = run
        self.tell(c.StartFailed(run, 127, "no") if fails else c.Started(run))

    @precondition(lambda self: self.alive)
    @rule(code=codes, oom=st.integers(0, 1))
    def end(self, code: int, oom: int) -> None:
        run, self.alive = self.alive, 0
        self.tell(c.Exited(run, code, oom))

    @precondition(lambda self: self.probe != (0, 0))
    @rule(code=codes, seconds=st.sampled_from([0.0, 1.0]))
    def answer_the_probe(self, code: int, seconds: float) -> None:
        (run, number), self.probe = self.probe, (0, 0)
        self.tell(c.Probed(run, number, Result(self.now - seconds, self.now, code)))

    @precondition(lambda self: self.instance.state is State.REMOVING)
    @rule(done=st.booleans())
    def answer_the_removal(self, done: bool) -> None:
        self.tell(c.RemovalDone() if done else c.RemovalFailed("busy"))

    @rule(seconds=st.sampled_from([0.0, 0.05, 1.0, 15.0]))
    def wait(self, seconds: float) -> None:
        wake = wake_at(self.instance)
        self.now = self.now + seconds if wake is None else max(self.now, min(self.now + seconds, wake))
        self.tell(c.Tick())

    @invariant()
    def agrees_with_the_driver(self) -> None:
        if not hasattr(self, "instance"):
            return
        assert bool(self.alive) == self.instance.is_running
        assert bool(self.starting) == self.instance.is_starting
        assert PATTERN.fullmatch(plain(self.seen)), plain(self.seen)

    @invariant()
    def waits_no_longer_than_it_may(self) -> None:
        if hasattr(self, "instance") and self.instance.restart_at is not None:
            assert self.instance.state is State.RESTARTING and not self.instance.is_starting
            assert self.instance.restart_at - self.now <= LONGEST_WAIT + 1e-6
            assert self.instance.manager.wait >= 0.1

    def teardown(self) -> None:
        """Whatever happened: a stop ends it, in bounded time, and nothing starts it again by itself."""
        if not hasattr(self, "instance"):
            return
        for _ in range(3):  # a start that is under way, and those that wishes put off bring about
            if self.starting:
                self.answer_the_start(fails=False)
        self.tell(c.StopAsked(grace=2.0))
        asked, starts = self.now, self.count(c.Start)
        for _ in range(1000):
            kills = self.count(c.Kill)
            wake = wake_at(self.instance)
            if not self.alive and wake is None:
                break
            if self.alive and (kills or wake is None):
                self.end(137, 0)
                continue
            assert wake is not None
            self.now = max(self.now, wake)
            self.tell(c.Tick())
            if self.probe != (0, 0):
                self.answer_the_probe(1, 0.0)
        assert not self.alive and wake_at(self.instance) is None
        assert self.now <= asked + 2.0 + AFTER_KILL + AFTER_KILL_ALL
        if not self.instance.is_restarted_by_hand:
            assert self.count(c.Start) == starts, "started after a stop by hand"

    def count(self, kind: type[Command]) -> int:
        return sum(isinstance(command, kind) for command in self.seen)


Life.TestCase.settings = settings(max_examples=40, stateful_step_count=25)
TestLife = Life.TestCase


@given(st.lists(st.sampled_from([0.0, 1.0, 9.0, 10.0, 30.0]), min_size=1, max_size=20))
def test_starts_come_exactly_after_the_policys_waits(lives: list[float]) -> None:
    instance, _ = create(Terms(restart=Policy(Word.ALWAYS)))
    now, wait = 0.0, 0.0
    instance, _ = step(instance, c.StartAsked(), now)
    for run, lasts in enumerate(lives, 1):
        instance, _ = step(instance, c.Started(run), now)
        now += lasts
        instance, _ = step(instance, c.Exited(run, 0, 0, lasts), now)
        wait = 0.1 if not wait or lasts >= 10 else min(60.0, wait * 2)
        assert wake_at(instance) == now + wait
        early, commands = step(instance, c.Tick(), now + wait / 2)
        assert early == instance and commands == ()
        now += wait
        instance, commands = step(instance, c.Tick(), now)
        assert [type(command) for command in commands] == [c.Start]
