"""Other init: the same stop with an init at PID 1 where the service has none, and without one where it has.

The exit code of one image depends on it, and what becomes of its requests as well: as PID 1 a program without a handler
hears no signal; under an init the signal kills it at once.
"""

from __future__ import annotations

from dataclasses import replace

from seatrial.drill.acts.interface import Act, Known
from seatrial.drill.exercise import Exercise
from seatrial.drill.judge.launch import without_init
from seatrial.drill.scenarios import Recipe
from seatrial.model.place import Sourced
from seatrial.model.service import Service

RECIPE = Recipe(open_ones=3, lead=0.1)


def has_init(service: Service) -> bool:
    """Whether something that reaps and passes signals on is PID 1, by compose's word or the command's own."""
    argv = service.argv.value if service.argv else ()
    return bool(service.init and service.init.value) or without_init(argv) != argv


def changed(service: Service, _known: Known) -> Service:
    """The service the other way round."""
    assert service.argv is not None
    if not has_init(service):
        return replace(service, init=Sourced(True))
    return replace(service, init=Sourced(False), argv=Sourced(without_init(service.argv.value), service.argv.place))


async def perform(exercise: Exercise, known: Known) -> None:
    """Stop it with requests in flight."""
    target = exercise.target
    if target is not None and known.target is not None:
        target = replace(known.target, family=target.family, address=target.address, port=target.port)
    await exercise.stop(target, RECIPE)


ACT = Act(perform, changed=changed, idles=True)
