"""Formats and magnitudes at the edge."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, SparseAdam

from tests.awkward.loop import FIRST_ORDER, OWN, Loop, Optimizing, awkward
from tests.awkward.loops.structure import mlp
from tests.awkward.probe import Probe
from tests.awkward.supervised import Supervised, noise

TANHS = {"0": "tanh", "2": "tanh"}


def cast(optimizing: Optimizing, dtype: torch.dtype, factor: float = 1.0) -> Loop:
    """The plain loop in another format, its loss multiplied."""

    def batch() -> tuple[Tensor, Tensor]:
        return torch.randn(8, 4).to(dtype), torch.randn(8, 3).to(dtype)

    return Supervised(
        mlp(nn.Tanh).to(dtype),
        optimizing,
        batch,
        lambda out, y: (out - y).square().mean() * factor,
        follows=TANHS,
    )


@awkward(optimizers=("Adam", "AdamW foreach", "AdamW fused"))
def half_precision_parameters(optimizing: Optimizing) -> Loop:
    """fp16 parameters and gradients: a norm kept in fp16 overflows at 65,504."""
    return cast(optimizing, torch.float16, 2000.0)


@awkward(optimizers=FIRST_ORDER)
def bfloat16_parameters(optimizing: Optimizing) -> Loop:
    """bf16 parameters and gradients: a sum kept in bf16 has two digits."""
    return cast(optimizing, torch.bfloat16)


@awkward()
def double_precision_parameters(optimizing: Optimizing) -> Loop:
    """float64 throughout."""
    return cast(optimizing, torch.float64)


@awkward(optimizers=FIRST_ORDER)
def mixed_formats(optimizing: Optimizing) -> Loop:
    """Layers of one model hold different formats."""

    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(4, 6).to(torch.bfloat16)
            self.second = nn.Linear(6, 3).to(torch.float64)

        def forward(self, inputs: Tensor) -> Tensor:
            hidden = torch.tanh(self.first(inputs.to(torch.bfloat16)))
            return torch.as_tensor(self.second(hidden.to(torch.float64))).float()

    return Supervised(Mixed(), optimizing, noise(8, 4), follows={"first": "tanh"})


class Autocast(Supervised):
    """Runs the forward under autocast."""

    def predict(self, inputs: Any) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out: Tensor = self.model(inputs)
        return out.float()


@awkward()
def autocast_to_bfloat16(optimizing: Optimizing) -> Loop:
    """Activations are bf16 while parameters and gradients are float32."""
    return Autocast(mlp(nn.Tanh), optimizing, noise(8, 4), follows=TANHS)


@awkward(optimizers=FIRST_ORDER)
def gradients_of_1e_minus_30(optimizing: Optimizing) -> Loop:
    """Squares of the gradients are exactly 0 in float32."""
    return cast(optimizing, torch.float32, 1e-30)


@awkward(optimizers=OWN)
def gradients_of_1e_plus_25(optimizing: Optimizing) -> Loop:
    """Squares of the gradients are infinite in float32."""
    loop = cast(optimizing, torch.float32, 1e25)
    assert isinstance(loop, Supervised)
    loop.optimizer = SGD(loop.model.parameters(), lr=1e-30)
    return loop


class Poisoned(Supervised):
    """Multiplies the third loss by NaN."""

    def step(self, probe: Probe) -> None:
        factor = torch.nan if len(self.losses) == 2 else 1.0
        self.criterion = lambda out, y: (out - y).square().mean() * factor
        super().step(probe)


@awkward(optimizers=FIRST_ORDER)
def a_loss_that_turns_nan(optimizing: Optimizing) -> Loop:
    """From the third step on everything is NaN."""
    return Poisoned(mlp(nn.Tanh), optimizing, noise(8, 4), follows=TANHS)


class Complex(nn.Module):
    """A complex layer between real ones."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.phases = nn.Linear(6, 6, dtype=torch.complex64)
        self.last = nn.Linear(6, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = self.phases(self.first(inputs).to(torch.complex64))
        return torch.as_tensor(self.last(hidden.abs()))


@awkward(optimizers=("SGD", "Adam"))
def complex_parameters(optimizing: Optimizing) -> Loop:
    """A layer has complex weights, gradients and outputs."""
    return Supervised(Complex(), optimizing, noise(8, 4))


class Sparse(nn.Module):
    """An embedding with sparse gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 4, sparse=True)
        self.head = nn.Linear(4, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        return torch.as_tensor(self.head(self.embed(tokens).mean(dim=1)))


class SparseAndDense(Supervised):
    """One optimizer for the sparse layer, another for the dense one."""

    def __init__(self, optimizing: Optimizing) -> None:
        super().__init__(
            Sparse(), optimizing, lambda: (torch.randint(0, 20, (5, 6)), torch.randn(5, 3))
        )
        self.optimizer = SparseAdam(list(self.model.get_submodule("embed").parameters()), lr=0.01)
        self.dense = optimizing(self.model.get_submodule("head").parameters())

    def step(self, probe: Probe) -> None:
        self.optimizer.zero_grad()
        self.dense.zero_grad()
        self.backward(probe, *self.batch())
        for optimizer in (self.optimizer, self.dense):
            probe.before(optimizer)
            optimizer.step()
        probe.after()


@awkward(optimizers=FIRST_ORDER)
def sparse_gradients(optimizing: Optimizing) -> Loop:
    """An embedding's gradient is sparse and not coalesced: the same row appears several times."""
    return SparseAndDense(optimizing)
