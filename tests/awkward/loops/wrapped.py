"""Models that something has wrapped or compiled."""

from __future__ import annotations

import warnings
from typing import cast

import torch
from torch import nn

from tests.awkward.loop import FIRST_ORDER, Loop, Optimizing, awkward
from tests.awkward.loops.structure import mlp
from tests.awkward.supervised import Supervised, noise

RELUS = {"0": "relu", "2": "relu"}


def relus(optimizing: Optimizing) -> Loop:
    """What the wrapped loops compute, unwrapped."""
    return Supervised(mlp(), optimizing, noise(8, 4), follows=RELUS)


@awkward(optimizers=("SGD",), same_as=relus, hidden=("act", "has_run"))
def compiled_before(optimizing: Optimizing) -> Loop:
    """The watched model is what torch.compile returned."""
    torch.compiler.reset()
    return Supervised(
        cast("nn.Module", torch.compile(mlp(), backend="aot_eager")),
        optimizing,
        noise(8, 4),
        follows=RELUS,
    )


class CompiledLater(Supervised):
    """Watches the plain model but trains what torch.compile makes of it."""

    def __init__(self, optimizing: Optimizing) -> None:
        super().__init__(mlp(), optimizing, noise(8, 4), follows=RELUS)
        torch.compiler.reset()
        self.compiled = torch.compile(self.model, backend="aot_eager")

    def predict(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.compiled(inputs))


@awkward(optimizers=("SGD",), same_as=relus, hidden=("act", "has_run"))
def compiled_after(optimizing: Optimizing) -> Loop:
    """The plain model is watched; what trains is its compiled form."""
    return CompiledLater(optimizing)


@awkward(optimizers=("SGD",), same_as=relus, hidden=("act", "has_run"))
def compiled_in_place(optimizing: Optimizing) -> Loop:
    """model.compile() leaves object and names as they were, but calls of it run compiled code."""
    torch.compiler.reset()
    model = mlp()
    model.compile(backend="eager")
    return Supervised(model, optimizing, noise(8, 4), follows=RELUS)


@awkward(optimizers=FIRST_ORDER, same_as=relus, hidden=("act", "has_run"))
def a_script_module(optimizing: Optimizing) -> Loop:
    """A ScriptModule: its layers run without Python, and it refuses hooks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # scripting is what is awkward here
        scripted = torch.jit.script(mlp())
    return Supervised(scripted, optimizing, noise(8, 4), follows=RELUS)


@awkward(optimizers=FIRST_ORDER, same_as=relus)
def data_parallel(optimizing: Optimizing) -> Loop:
    """DataParallel puts every name behind ``module.``."""
    return Supervised(nn.DataParallel(mlp()), optimizing, noise(8, 4), follows=RELUS)
