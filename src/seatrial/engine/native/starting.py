"""Starts one instance from its plan: the pipes, the shim, the word to go. On any failure nothing is left."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Iterator

from seatrial.engine.interface import StartError, StartOptions
from seatrial.engine.native import keeping, limits, placing, records, scopes
from seatrial.engine.native.cgroups import Cgroups
from seatrial.engine.native.instance import STREAMS, About, NativeInstance
from seatrial.engine.native.plan import Host, Plan
from seatrial.engine.native.rotation import Compressor
from seatrial.engine.native.shim import Record, Shim
from seatrial.engine.native.view import View

START_DEADLINE = 60.0


async def launch(
    plan: Plan,
    cgroups: Cgroups,
    enforced: limits.Plan,
    host: Host,
    options: StartOptions,
    kept: keeping.Keeping | None = None,
) -> NativeInstance:
    """Start it, and wait until it executes its command."""
    sentences = tuple(str(each) for each in enforced.enforcement)
    about = About(
        plan.launch,
        plan.init,
        plan.approximations,
        sentences,
        "" if plan.scope else cgroups.unified,
        host.uid,
        watchdog=enforced.watchdog,
        affinity=enforced.affinity,
        nice=enforced.nice,
        scope=plan.scope.unit if plan.scope else "",
    )
    view = View(plan.launch["stage"], plan.launch["steps"], user_namespace=host.user_namespace)
    described = list(records.instance(plan.launch, view, (host.uid, host.gid)))
    instance = NativeInstance(about, options.on_output)
    if kept and kept.log and kept.log.compress:
        instance.compressor = Compressor(kept.state, kept.log.name, instance.troubles.append)
    try:
        shim = _spawn(instance, described, options, kept)
    except OSError as error:  # no descriptors left, or the state directory can't be made
        raise StartError("shim", str(error)) from error
    instance.parent = shim
    shim.listen(instance.on_report, instance.on_end)
    try:
        async with asyncio.timeout(START_DEADLINE):
            instance.hold(await instance.host_pid)
            await _surround(plan, options, about, (shim.process.pid, instance.host_pid.result()))
            if kept:
                keeping.save(kept, instance, shim.process.pid)
            shim.go()
            if options.gate is not None:
                await options.gate.wait()
                shim.go()
            await instance.executing
    except TimeoutError:
        await instance.close()
        raise StartError("shim", f"the set-up took more than {START_DEADLINE:g} s") from None
    except OSError as error:
        await instance.close()
        raise StartError("shim", f"PID 1 ended during the set-up ({error})") from error
    except BaseException:
        await instance.close()
        raise
    notes = [said for path, (attempts, said) in view.approximated.items() if instance.skipped[path] >= attempts]
    instance.guard()
    instance.about = dataclasses.replace(about, approximations=(*about.approximations, *notes))
    if kept:
        keeping.save(kept, instance, shim.process.pid)
    return instance


async def _surround(plan: Plan, options: StartOptions, about: About, pids: tuple[int, int]) -> None:
    """What is done around PID 1 while it waits: what no cgroup file does, and its network. `pids`: the shim, and it."""
    placing.schedule(about, pids[1])
    if plan.scope is not None:
        await scopes.start(plan.scope, pids)
    if options.plug is not None:
        await options.plug(pids[1])


def _spawn(
    instance: NativeInstance, described: list[Record], options: StartOptions, kept: keeping.Keeping | None
) -> Shim:
    """The shim, with the pipes of the output: the instance writes to them itself, or where there is a log, the shim."""
    has_pipes = kept is None or options.on_output is not StartOptions().on_output
    is_heard = has_pipes and options.terminal < 0
    pipes = [os.pipe2(os.O_CLOEXEC) for _ in STREAMS] if is_heard else []
    given = tuple(writer for _, writer in pipes)
    connected = _connection(options)
    passed = (*given, *options.inherited, *connected)
    described = [*_asked(options, connected), *described]
    try:
        if kept:
            for writer in given:
                os.set_blocking(writer, False)  # a reader that sleeps must not keep the shim from its other duties
            described = [*keeping.records(kept, given), *described]
            shim = Shim.spawn(described, stay=kept.stay, pass_fds=passed, report=keeping.prepare(kept))
        else:
            output: list[Record] = [("output", *given)] if given else []
            shim = Shim.spawn([*output, *described], pass_fds=passed)
    except BaseException:
        for reader, _ in pipes:
            os.close(reader)
        raise
    finally:
        for descriptor in (*given, *connected):
            os.close(descriptor)
    for stream, (reader, _) in zip(STREAMS, pipes, strict=False):
        instance.read(stream, reader)
    return shim


def _asked(options: StartOptions, connected: tuple[int, ...]) -> Iterator[Record]:
    """What the shim is told of the options."""
    if options.gate is not None:
        yield ("late",)
    if options.inherited:
        yield ("given", *options.inherited)
    if connected:
        yield ("input", *connected)
    if options.terminal >= 0:
        yield ("output", *connected, *connected)
        yield ("terminal", *connected)


def _connection(options: StartOptions) -> tuple[int, ...]:
    """A copy of the descriptor that it reads from, which is a terminal or none: the shim's own stdin is thrown away."""
    wanted = options.terminal if options.terminal >= 0 else options.input
    return (os.dup(wanted),) if wanted >= 0 else ()
