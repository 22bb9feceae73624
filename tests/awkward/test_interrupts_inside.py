"""After an interrupt inside gradwidget, the loop goes on as it would without us."""

from __future__ import annotations

import copy
import gc
import os
from contextlib import suppress
from functools import lru_cache

import numpy as np
import pytest
import torch
from torch.optim import Optimizer

from gradwidget import Frame
from tests.awkward.injected.lines import Place, interrupted_at, places
from tests.awkward.injected.watching import SCENES, UNREPEATABLE, Scene
from tests.awkward.loop import Loop
from tests.awkward.test_faults import a_small_heap, frames, sites  # noqa: F401  # a fixture
from tests.awkward.test_identity import bits
from tests.awkward.traces import traces
from tests.support.faults import Faults
from tests.support.rotation import todays

PLACES = None if os.environ.get("GRADWIDGET_EVERY_LINE") else 300
"""How many places are tried; None for all of them, which takes minutes."""

BEFORE, DURING, AFTER = 1, 2, 3
"""Steps before the interrupt, steps in which it comes, and steps that the run goes on for."""


@pytest.mark.slow
def test_an_interrupt_in_any_function_reaches_the_user_and_the_next_step_works() -> None:
    with Faults() as faults:
        faults.kind = KeyboardInterrupt
        for site, name in sites().items():
            if name in UNREPEATABLE:
                continue
            loop = SCENES[name].loop()
            watching = SCENES[name].watch(loop)
            gc.collect()  # an older widget that dies only now would be the one that is interrupted
            with faults.failing(1.0, only=site, at_most=1), suppress(KeyboardInterrupt):
                loop.run(1)
            found = frames(loop, watching.monitor, 3)
            watching.close()
            assert len(found) >= 2, site
            assert "grad_norm" in found[-1].metrics, site


@lru_cache(maxsize=1)
def reached() -> dict[Place, Scene]:
    """Every place that the steps of a loop come through, and the first scene in which they do."""
    found: dict[Place, Scene] = {}
    for name, scene in SCENES.items():
        if name in UNREPEATABLE:
            continue
        loop = scene.loop()
        watching = scene.watch(loop)
        loop.run(BEFORE)
        here = places(lambda loop=loop: loop.run(DURING))  # type: ignore[misc]  # a default that is bound now
        watching.close()
        found = dict.fromkeys(here, scene) | found
    return found


def twin_of(loop: Loop) -> Loop:
    """A copy that trains on from the same bits, watched by nobody."""
    twin = copy.deepcopy(loop)
    for copied, parameter in zip(twin.model.parameters(), loop.model.parameters(), strict=True):
        copied.grad = None if parameter.grad is None else parameter.grad.clone()
    return twin


def gone_on(loop: Loop) -> list[bytes]:
    """What is left of some more steps, from the same random numbers."""
    torch.manual_seed(1)
    loop.run(AFTER)
    return [bits(tensor) for tensor in loop.state()]


def rates(loop: Loop) -> list[float]:
    """The learning rates of all optimizers."""
    held = [value for value in vars(loop).values() if isinstance(value, Optimizer)]
    return [group["lr"] for optimizer in held for group in optimizer.param_groups]


def misread(loop: Loop, frame: Frame) -> list[str]:
    """Gradient norms of the newest frame that are not those of the gradients that are left."""
    wrong, measured = [], frame.is_measured("grad_norm")
    for row, layer in enumerate(frame.layers):
        if layer.is_module:
            own = list(loop.model.get_submodule(layer.name).parameters(recurse=False))
        else:
            own = [loop.model.get_parameter(name) for name in layer.shapes]
        left = [one.grad.double().square().sum() for one in own if one.grad is not None]
        true, said = float(sum(left)) ** 0.5, float(frame.metrics["grad_norm"][row])
        if measured[row] and not np.isclose(said, true, rtol=1e-3, equal_nan=True):
            wrong.append(f"the gradient of {layer.name} is {true:.4g}, but said to be {said:.4g}")
    return wrong if measured.any() else ["no gradient is measured"]


def after_an_interrupt(place: Place, scene: Scene) -> list[str] | None:
    """What is wrong once the run has gone on; None where the interrupt did not come."""
    plain = scene.loop()
    expected, whole = traces(plain), rates(plain)
    loop = scene.loop()
    watching = scene.watch(loop)
    history = watching.monitor.history
    loop.run(BEFORE)
    if not interrupted_at(place, lambda: loop.run(DURING)):
        watching.close()
        return None
    wrong = [] if rates(loop) == whole else [f"rates are {rates(loop)}"]
    alone, seen = gone_on(twin_of(loop)), history.version
    if gone_on(loop) != alone:
        wrong.append("the run has gone another way than without us")
    if history.version - seen < AFTER - 1 or history.last is None:
        wrong.append("steps are not recorded any more")
    else:
        wrong += misread(loop, history.last)
    wrong += [f"problem: {text}" for text in watching.problems]
    watching.close()
    left = traces(loop)
    wrong += [f"{name} is left" for name in left if left[name] != expected.get(name, left[name])]
    return wrong


@pytest.mark.slow
@pytest.mark.timeout(900 if PLACES else 3600)  # a minute where nothing else runs; all places many
def test_wherever_an_interrupt_comes_the_run_goes_on_bit_by_bit() -> None:
    tried = list(reached())
    assert len(tried) > 1500
    if PLACES is not None:
        tried = todays(tried, PLACES)
    found = {place: after_an_interrupt(place, reached()[place]) for place in tried}
    assert sum(wrong is not None for wrong in found.values()) > 0.9 * len(tried)
    assert {str(place): wrong for place, wrong in found.items() if wrong} == {}
