"""Whether an instance that has ended starts again, and after how long. Pure: time is an argument.

Rules (contract, chapter 2; moby: daemon/internal/restartmanager)
* The wait is 100 ms, doubled by each restart up to a minute, without jitter; a run of 10 s or more puts it back to
  100 ms. It advances whether or not the instance starts again.
* `no` never, `always` whatever the code, `unless-stopped` unless it was stopped by hand, `on-failure[:N]` for a code
  that isn't 0 and while fewer than N restarts were made. They are counted since somebody started it; neither a long
  run nor health puts the count back.
* A manager that is cancelled (stopped by hand, killed) never restarts; somebody's start makes a new one.
* When the supervisor or the machine starts, `always` starts even what was stopped by hand, `unless-stopped` doesn't.
* `deploy.restart_policy` for real, where compose drops `delay` and `window`: the delay is the least wait (the growing
  one still protects the machine); with a window `max_attempts` counts the restarts in the last `window` seconds, as
  Swarm does (swarmkit: manager/orchestrator/restart).

It must never ask what time it is, nor start anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from seatrial.model.deployment import Restarting

FIRST_WAIT = 0.1
LONGEST_WAIT = 60.0
FACTOR = 2
GOOD_RUN = 10.0
"""Seconds of a run that puts the wait back to the first one."""
LOST_CODE = 255
"""The exit code of an instance that ran when the machine went down: nobody saw its end."""


class Word(Enum):
    """The policies, as they are written."""

    NO = "no"
    ALWAYS = "always"
    UNLESS_STOPPED = "unless-stopped"
    ON_FAILURE = "on-failure"


@dataclass(frozen=True, slots=True)
class Policy:
    """A restart policy. `attempts` 0 is no limit; `delay` and `window` in seconds, 0 where not said."""

    word: Word = Word.NO
    attempts: int = 0
    delay: float = 0.0
    window: float = 0.0

    def __str__(self) -> str:
        limit = f":{self.attempts}" if self.attempts and self.word is Word.ON_FAILURE else ""
        return f"{self.word.value}{limit}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows an end: `again` after `wait` seconds, and why (or why not), for people."""

    again: bool
    wait: float
    why: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that has ended: its exit code and seconds; `unhealthy`: it was ended because its health check failed."""

    code: int
    ran_for: float
    unhealthy: bool = False


@dataclass(frozen=True, slots=True)
class Manager:
    """What is remembered between runs. `count` is Docker's RestartCount; `wait` the last wait, 0 before the first;
    `restarts` when the last ones were, as far as a window asks for it."""

    policy: Policy = Policy()
    count: int = 0
    wait: float = 0.0
    cancelled: bool = False
    restarts: tuple[float, ...] = ()

    def cancel(self) -> Manager:
        """The manager that restarts no more."""
        return replace(self, cancelled=True)

    def after(self, run: Finished, now: float, *, stopped_by_hand: bool = False) -> tuple[Manager, Decision]:
        """The manager after a run, and whether there is another one."""
        if self.cancelled:
            return self, Decision(False, 0.0, "it was stopped")
        advanced = replace(self, wait=next_wait(self.wait, run.ran_for))
        why_not = self._why_not(run, now, stopped_by_hand)
        if why_not:
            return advanced, Decision(False, 0.0, why_not)
        wait = max(advanced.wait, self.policy.delay)
        kept = (*self.restarts, now)[-self.policy.attempts :] if self.policy.window else ()
        again = replace(advanced, count=self.count + 1, restarts=kept)
        ended = "unhealthy" if run.unhealthy else f"ended with code {run.code}"
        why = f"{ended}, restart policy {self.policy}: restart {again.count} in {wait:g} s"
        return again, Decision(True, wait, why)

    def _why_not(self, run: Finished, now: float, stopped_by_hand: bool) -> str:
        """Why there is no other run, or ""."""
        policy = self.policy
        used = self._used(now)
        if policy.attempts and used >= policy.attempts and policy.word is not Word.NO:
            within = f" within {policy.window:g} s" if policy.window else ""
            return f"restart policy {policy}: given up after {used} restarts{within}"
        if run.unhealthy:
            return ""
        if policy.word is Word.NO:
            return "restart policy no"
        if policy.word is Word.ON_FAILURE and run.code == 0:
            return "restart policy on-failure, and it ended with code 0"
        if policy.word is Word.UNLESS_STOPPED and stopped_by_hand:
            return "restart policy unless-stopped, and it was stopped"
        return ""

    def _used(self, now: float) -> int:
        """How many of the attempts are used up."""
        if not self.policy.window:
            return self.count
        return sum(moment > now - self.policy.window for moment in self.restarts)

    def at_boot(self, code: int, *, stopped_by_hand: bool) -> Decision:
        """Whether an instance that was started once starts when the supervisor, or the machine, has started again."""
        policy = self.policy
        if policy.word is Word.ALWAYS:
            return Decision(True, 0.0, "restart policy always: the supervisor has started")
        if policy.word is Word.UNLESS_STOPPED and not stopped_by_hand:
            return Decision(True, 0.0, "restart policy unless-stopped: the supervisor has started")
        if policy.word is Word.ON_FAILURE and code != 0 and (not policy.attempts or self.count < policy.attempts):
            return Decision(True, 0.0, f"restart policy {policy}: it had ended with code {code}")
        return Decision(False, 0.0, f"restart policy {policy}")


def next_wait(last: float, ran_for: float) -> float:
    """The wait before the next start, by the one before (0 for none) and how long the run was, in seconds."""
    if last == 0 or ran_for >= GOOD_RUN:
        return FIRST_WAIT
    return min(last * FACTOR, LONGEST_WAIT)


def parse(text: str) -> Policy:
    """The policy of `restart: …` or `--restart …`. ValueError says what is wrong."""
    name, colon, times = text.partition(":")
    try:
        word = Word(name or "no")
    except ValueError:
        raise ValueError(f"{text!r} is no restart policy: no, always, unless-stopped or on-failure[:times]") from None
    if not colon:
        return Policy(word)
    if word is not Word.ON_FAILURE:
        raise ValueError(f"{text!r}: only on-failure has a number of restarts")
    if not (times.isascii() and times.isdigit()):
        raise ValueError(f"{text!r}: the number of restarts must be a number that isn't negative")
    return Policy(word, int(times))


def of_deployment(said: Restarting) -> Policy:
    """The policy of a deployment. ValueError where it is none."""
    policy = parse(said.policy)
    attempts = policy.attempts if said.attempts is None else said.attempts
    return Policy(policy.word, attempts, said.delay or 0.0, said.window or 0.0)
