"""Inputs that make every later symptom: their scale, a constant, values that are NaN."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.cnn import chain_of, convolutions
from evaluation.runs.data import Batches, copy_memory, digits, images
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import names_of, stack, tower
from evaluation.runs.recurrent import LastStep
from evaluation.runs.run import Conditions, Training, healthy, sick


@sick(200, cause="bad_inputs", bad_inputs="")
def mlp_prices_in_cents(c: Conditions) -> Training:
    """All columns are in the thousands, their mean included."""
    batches = digits(c)
    if c.sick:
        batches = batches.changed(batches.x * 1500 + 4000)
    model = stack(tower(c, 3, 64), nn.ReLU, gain=2**0.5)
    return supervised(c, model, c.adam(model, 1e-3), batches, chain=names_of(model))


@sick(150, cause="bad_inputs", cure="person", bad_inputs="")
def mlp_constant_inputs(c: Conditions) -> Training:
    """A loader that fills its buffer once: every sample is the same."""
    batches = digits(c)
    if c.sick:
        batches = batches.changed(batches.x[:1].expand_as(batches.x).contiguous())
    model = stack(tower(c, 2, 64), nn.ReLU, gain=2**0.5)
    return supervised(c, model, c.adam(model, 3e-3), batches, chain=names_of(model))


class Broken(Batches):
    """The same batches, but a sensor fails in one of thirty: infinity in one sequence."""

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        x, y = super().__getitem__(number)
        if number % 30 == 17:
            x = x.clone()
            x[2, 4] = float("inf")
        return x, y


@sick(
    150,
    onset=17,
    cause=("bad_inputs", "loss_nonfinite", "gradients_nonfinite"),
    gradients_nonfinite="*",
    bad_inputs="",
)
def recurrent_sensor_fails(c: Conditions) -> Training:
    """A rare sequence holds an infinite value."""
    batches = copy_memory(c, 12)
    if c.sick:
        batches = Broken(batches.x, batches.y, batches.size, batches.seed)
    model = LastStep(nn.GRU(4, c.width(24), batch_first=True), 4)
    return supervised(c, model, c.adam(model, 1e-2), batches, chain=("rnn", "head"))


class Divided(nn.Module):
    """Bytes to numbers around 0."""

    def forward(self, x: Tensor) -> Tensor:
        return x / 128 - 0.5


@healthy(150)
def cnn_bytes(c: Conditions) -> Training:
    """Pictures from 0 to 255, divided in ``forward``."""
    batches = images(c)
    batches = batches.changed((batches.x - batches.x.min()) * 255 / 4)

    model = nn.Sequential(Divided(), *convolutions(c, 3))
    return supervised(c, model, c.adam(model, 5e-3), batches, chain=chain_of(model))


@healthy(200)
def mlp_one_hot(c: Conditions) -> Training:
    """One-hot columns: most of them are constant within a batch."""
    batches = digits(c)
    levels = (batches.x > 0).long() + (batches.x > 1).long()
    x = functional.one_hot(levels, 3).flatten(1).float()
    model = stack(tower(c, 2, 64, inputs=192), nn.ReLU, gain=2**0.5)
    return supervised(c, model, c.adam(model, 3e-3), batches.changed(x), chain=names_of(model))
