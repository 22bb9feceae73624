"""The profile over time is the total gradient of each hidden state, checked against cells called in
a loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from gradwidget.capture.collect.output_gradients import OutputGradientHooks
from gradwidget.capture.collect.recurrent.recurrent_gradients import RecurrentGradients
from gradwidget.capture.guard import Guard
from gradwidget.capture.sampling.decision import SamplingDecision
from gradwidget.capture.sampling.recurrent_schedule import RecurrentSchedule
from gradwidget.capture.stats.readback import Readback

Watch = Callable[..., Any]

LENGTH, BATCH, WIDTH = 7, 3, 5


class Unrolled(nn.Module):
    """The same recurrent layers, step by step, keeping every hidden state."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        kinds: dict[str, Any] = {"LSTM": nn.LSTMCell, "GRU": nn.GRUCell}
        self.is_lstm = layer.mode == "LSTM"
        self.cells = []
        for weights in layer.all_weights:
            width = weights[0].shape[1]
            if layer.mode in kinds:
                cell = kinds[layer.mode](width, WIDTH)
            else:
                cell = nn.RNNCell(
                    width, WIDTH, nonlinearity=layer.mode.removeprefix("RNN_").lower()
                )
            for own, given in zip(cell.parameters(), weights, strict=True):
                own.data = given.detach().clone()
            self.cells.append(cell)
        self.hidden: list[list[Tensor]] = []

    def forward(self, x: Tensor) -> Tensor:
        below = list(x)
        for cell in self.cells:
            h = c = torch.zeros(x.shape[1], WIDTH)
            over_time = []
            for step in below:
                if self.is_lstm:
                    h, c = cell(step, (h, c))
                else:
                    h = cell(step, h)
                h.retain_grad()
                over_time.append(h)
            self.hidden.append(over_time)
            below = over_time
        return torch.stack(below)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN_TANH", "RNN_RELU"])
@pytest.mark.parametrize("loss_on", ["last output", "all outputs", "last state"])
def test_profiles_are_the_total_gradients_of_the_hidden_states(
    watch: Watch, kind: str, layers: int, loss_on: str
) -> None:
    if kind.startswith("RNN"):
        layer: nn.RNNBase = nn.RNN(4, WIDTH, layers, nonlinearity=kind.removeprefix("RNN_").lower())
    else:
        layer = getattr(nn, kind)(4, WIDTH, layers)
    x = torch.randn(LENGTH, BATCH, 4)  # raw statistics: they require no gradient
    truth = Unrolled(layer)
    out = truth(x)
    (out.square().sum() if loss_on == "all outputs" else out[-1].square().sum()).backward()

    capture = watch(layer)
    out, last = layer(x)
    state = last[0] if isinstance(last, tuple) else last
    choices = {"all outputs": out, "last output": out[-1], "last state": state[-1]}
    choices[loss_on].square().sum().backward()
    SGD(layer.parameters(), lr=0.1).step()

    assert capture.problems == []
    profiles = capture.frames[0].recurrent
    assert [profile.depth for profile in profiles] == list(range(layers))
    for profile, hidden in zip(profiles, truth.hidden, strict=True):
        assert profile.layer == "(root)"
        assert profile.quantity == "dL/dh"
        expected = [float(h.grad.norm()) for h in hidden if h.grad is not None]
        np.testing.assert_allclose(profile.norms, expected, rtol=1e-3)


def test_cells_called_in_a_loop_are_followed_without_running_them_again(watch: Watch) -> None:
    cell = nn.LSTMCell(4, WIDTH)
    capture = watch(cell)
    h = c = torch.zeros(BATCH, WIDTH)
    hidden = []
    for x in torch.randn(LENGTH, BATCH, 4):
        h, c = cell(x, (h, c))
        h.retain_grad()
        hidden.append(h)
    h.square().sum().backward()
    SGD(cell.parameters(), lr=0.1).step()
    (profile,) = capture.frames[0].recurrent
    expected = [float(h.grad.norm()) for h in hidden if h.grad is not None]
    np.testing.assert_allclose(profile.norms, expected, rtol=1e-4)


def last_of(cell: nn.RNNCell, x: Tensor, *, cut: bool) -> Tensor:
    """The last hidden state, each one detached before it is given to the next step or not."""
    h = torch.zeros(BATCH, WIDTH)
    for part in x:
        h = cell(part, h.detach() if cut else h)
    return h


def test_a_state_that_is_detached_at_every_step_gets_nothing_from_later_ones(watch: Watch) -> None:
    cell = nn.RNNCell(4, WIDTH)
    capture = watch(cell)
    last_of(cell, torch.randn(LENGTH, BATCH, 4), cut=True).square().sum().backward()
    SGD(cell.parameters(), lr=0.1).step()
    (profile,) = capture.frames[0].recurrent
    assert not profile.norms[:-1].any()
    assert profile.norms[-1] > 0


def test_calls_that_no_loss_was_made_of_belong_to_no_sequence(watch: Watch) -> None:
    cell = nn.RNNCell(4, WIDTH)
    capture = watch(cell)
    x = torch.randn(LENGTH, BATCH, 4)
    last_of(cell, x, cut=False)
    last_of(cell, x, cut=True)
    last_of(cell, x, cut=False).square().sum().backward()
    SGD(cell.parameters(), lr=0.1).step()
    (profile,) = capture.frames[0].recurrent
    assert len(profile.norms) == LENGTH
    assert profile.norms.all()


@pytest.mark.parametrize(
    "options",
    [
        {"bidirectional": True},
        {"batch_first": True},
        {"proj_size": 2},
        {"bias": False},
        {"bidirectional": True, "num_layers": 2},
    ],
    ids=["bidirectional", "batch-first", "projected", "no-bias", "deep-bidirectional"],
)
@pytest.mark.filterwarnings("ignore:LSTM with projections")  # torch says which kernel it takes
def test_the_repeated_run_gives_what_the_layer_gave(options: dict[str, Any]) -> None:
    """If the gradients of the inputs through the repeated run agree, so do those of the hidden
    states."""
    layer = nn.LSTM(4, WIDTH, **options)
    hooks = OutputGradientHooks(Guard())
    hooks.is_passing = True
    collected = RecurrentGradients(
        Readback(),
        hooks.register,
        {},
        RecurrentSchedule(SamplingDecision(None)),
        step=0,
    )
    x = (
        torch.randn(BATCH, LENGTH, 4)
        if options.get("batch_first")
        else torch.randn(LENGTH, BATCH, 4)
    )
    output = layer(x)
    collected.add_call("layer", layer, (x,), {}, output)
    (call,) = collected._calls.values()
    weights = torch.randn_like(output[0])
    (output[0] * weights).sum().backward()
    profiles = collected._measured(call)
    # the hidden states of the top layer are the output, whose gradient at the last step read has no
    # later one
    ends = weights.transpose(0, 1) if options.get("batch_first") else weights
    width = layer.proj_size or WIDTH
    top = [one for one in profiles if one.depth == layer.num_layers - 1]
    for profile in top:
        part = ends[..., width:] if profile.reverse else ends[..., :width]
        last = 0 if profile.reverse else -1
        assert profile.norms()[last] == pytest.approx(float(part[last].norm()), rel=1e-4)
    assert len(profiles) == layer.num_layers * (2 if layer.bidirectional else 1)


def test_what_cannot_be_followed_is_said(watch: Watch) -> None:
    layer = nn.LSTM(4, WIDTH, 2, dropout=0.5)
    capture = watch(layer)
    layer(torch.randn(LENGTH, BATCH, 4))[0].sum().backward()
    SGD(layer.parameters(), lr=0.1).step()
    assert capture.frames[0].recurrent == ()
    assert "dropout" in capture.frames[0].reasons["(root)"]


def test_a_repeated_run_leaves_gradients_random_numbers_and_graph_alone(watch: Watch) -> None:
    def run(*, watched: bool) -> tuple[list[Tensor], Tensor]:
        torch.manual_seed(3)
        layer = nn.GRU(4, WIDTH, 2)
        optimizer = SGD(layer.parameters(), lr=0.1)
        if watched:
            watch(layer)
        for _ in range(5):
            optimizer.zero_grad()
            layer(torch.randn(LENGTH, BATCH, 4))[0].square().mean().backward()
            optimizer.step()
        return list(layer.parameters()), torch.get_rng_state()

    plain, seen = run(watched=False), run(watched=True)
    assert all(torch.equal(one, other) for one, other in zip(plain[0], seen[0], strict=True))
    assert torch.equal(plain[1], seen[1])
