"""Starts one instance from its plan: the pipes, the shim, the word to go. On any failure nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os

from seatrial.engine.interface import StartError, StartOptions
from seatrial.engine.native import keeping, limits, records
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
        plan.launch, plan.init, plan.approximations, sentences, cgroups.unified, host.uid, watchdog=enforced.watchdog
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
            _schedule(instance.host_pid.result(), enforced)
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


def _schedule(pid: int, enforced: limits.Plan) -> None:
    """What stands in for a cgroup of the processor: set while PID 1 waits, and inherited by all that come from it."""
    if enforced.affinity is not None:
        os.sched_setaffinity(pid, enforced.affinity)
    if enforced.nice:
        with contextlib.suppress(PermissionError):  # less than 0, without the right
            os.setpriority(os.PRIO_PROCESS, pid, enforced.nice)


def _spawn(
    instance: NativeInstance, described: list[Record], options: StartOptions, kept: keeping.Keeping | None
) -> Shim:
    """The shim, with the pipes of the output: the instance writes to them itself, or where there is a log, the shim."""
    is_heard = kept is None or options.on_output is not StartOptions().on_output
    pipes = [os.pipe2(os.O_CLOEXEC) for _ in STREAMS] if is_heard else []
    given = tuple(writer for _, writer in pipes)
    passed = (*given, *options.inherited)
    if options.gate is not None:
        described = [("late",), *described]
    if options.inherited:
        described = [("given", *options.inherited), *described]
    try:
        if kept:
            for writer in given:
                os.set_blocking(writer, False)  # a reader that sleeps must not keep the shim from its other duties
            described = [*keeping.records(kept, given), *described]
            shim = Shim.spawn(described, stay=kept.stay, pass_fds=passed, report=keeping.prepare(kept))
        else:
            shim = Shim.spawn([("output", *given), *described], pass_fds=passed)
    except BaseException:
        for reader, _ in pipes:
            os.close(reader)
        raise
    finally:
        for writer in given:
            os.close(writer)
    for stream, (reader, _) in zip(STREAMS, pipes, strict=False):
        instance.read(stream, reader)
    return shim
