"""Recurrent layers: the gradient over time steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from gradwidget import GradMonitor
from gradwidget.diagnose.engine import Engine
from gradwidget.diagnose.finding import Symptom
from gradwidget.frame import FloatArray, Frame, Layer, RecurrentProfile
from gradwidget.record.history import History
from tests.diagnose.frames import found, only

LAYERS = (
    Layer("rnn", "RNN", {"weight_ih_l0": (8, 4), "weight_hh_l0": (8, 8)}),
    Layer("later", "RNN", {"weight_ih_l0": (8, 8), "weight_hh_l0": (8, 8)}),
)


def judged(norms: FloatArray, steps: int = 12) -> Engine:
    return judged_together(RecurrentProfile("rnn", "dL/dh", norms), steps=steps)


def judged_together(*profiles: RecurrentProfile, steps: int = 12) -> Engine:
    history, engine = History(), Engine()
    for step in range(steps):
        metrics = {"grad_norm": np.ones(2, np.float32)}
        history.append(Frame(step, LAYERS, metrics, scalars={"loss": 1.0}, recurrent=profiles))
        engine.update(history)
    return engine


def stack(below: dict[bool, FloatArray], above: dict[bool, FloatArray]) -> Engine:
    """What is found in two layers, each given by its two directions: the one that reads from the
    end is True."""
    return judged_together(
        *(
            RecurrentProfile("rnn", "dL/dh", norms, depth, reverse)
            for depth, layer in enumerate((below, above))
            for reverse, norms in layer.items()
        )
    )


def over_time(ratio: float) -> FloatArray:
    return np.geomspace(ratio, 1, 40).astype(np.float32)


def test_vanishing_along_time_names_the_layer() -> None:
    finding = only(judged(over_time(1e-7)))
    assert finding.symptom is Symptom.RNN_VANISHING_IN_TIME
    assert finding.layers == ("rnn",)
    assert "first of 40 time steps" in finding.message


def test_exploding_along_time_names_the_layer() -> None:
    finding = only(judged(over_time(1e5)))
    assert finding.symptom is Symptom.RNN_EXPLODING_IN_TIME
    assert finding.reported_step <= 5


def test_silent_on_some_decay_and_some_growth() -> None:
    assert found(judged(over_time(0.05))) == set()
    assert found(judged(over_time(20))) == set()


def test_padding_at_the_ends_is_no_explosion() -> None:
    norms = np.ones(40, np.float32)
    norms[-3:] = 1e-6
    assert found(judged(norms)) == set()


def test_a_loss_that_is_left_at_the_first_time_steps_alone_is_no_explosion() -> None:
    norms = np.ones(40, np.float32)
    norms[:4] = [1000, 500, 100, 10]
    assert found(judged(norms)) == set()


def test_short_sequences_and_empty_gradients_say_nothing() -> None:
    assert found(judged(np.array([1e-9, 1], np.float32))) == set()
    assert found(judged(np.zeros(40, np.float32))) == set()


def only_at_the_last() -> FloatArray:
    norms = np.zeros(40, np.float32)
    norms[-1] = 1
    return norms


def test_a_backward_direction_that_mirrors_what_fades_above_is_no_explosion() -> None:
    fading = over_time(1e-7)
    finding = only(
        stack({False: fading, True: 0.1 * fading}, {False: fading, True: only_at_the_last()})
    )
    assert finding.symptom is Symptom.RNN_VANISHING_IN_TIME


def test_a_direction_is_no_explosion_where_the_middle_alone_is_read() -> None:
    towards, away = (
        np.geomspace(1e-4, 1, 20, dtype=np.float32),
        np.geomspace(1, 1e-7, 20, dtype=np.float32),
    )
    read, nothing = np.concatenate([towards, away]), np.zeros(20, np.float32)
    above = {False: np.concatenate([towards, nothing]), True: np.concatenate([nothing, away])}
    assert found(stack({False: read, True: np.ones(40, np.float32)}, above)) == set()


def test_a_backward_direction_that_grows_by_itself_is_found_below_steady_ones() -> None:
    steady, growing = np.ones(40, np.float32), over_time(1e5)[::-1]
    finding = only(stack({False: steady, True: growing}, {False: steady, True: steady}))
    assert finding.symptom is Symptom.RNN_EXPLODING_IN_TIME


def test_a_backward_direction_that_grows_is_found_though_the_one_above_fades_as_fast_the_other_way() -> (
    None
):
    """Each direction read where it ends: both ends above have their own loss, what comes in fades
    towards neither."""
    fading, growing = over_time(1e-5), over_time(1e5)[::-1]
    engine = stack(
        {False: np.ones(40, np.float32), True: growing}, {False: fading, True: fading[::-1]}
    )
    assert found(engine) == {Symptom.RNN_VANISHING_IN_TIME, Symptom.RNN_EXPLODING_IN_TIME}


def test_a_backward_direction_that_mirrors_an_explosion_above_does_not_vanish() -> None:
    steady, growing = np.ones(40, np.float32), over_time(1e5)
    finding = only(stack({False: growing, True: growing}, {False: growing, True: steady}))
    assert finding.symptom is Symptom.RNN_EXPLODING_IN_TIME


def test_what_mirrors_another_module_is_no_explosion_whether_that_reads_both_ways_or_one() -> None:
    fading = over_time(1e-7)
    below = (
        RecurrentProfile("rnn", "dL/dh", fading),
        RecurrentProfile("rnn", "dL/dh", 0.1 * fading, reverse=True),
    )
    forward = RecurrentProfile("later", "dL/dh", fading)
    backward = RecurrentProfile("later", "dL/dh", only_at_the_last(), reverse=True)
    for above in ((forward,), (forward, backward)):
        assert found(judged_together(*below, *above)) == {Symptom.RNN_VANISHING_IN_TIME}


def test_a_direction_that_grows_is_found_beside_a_later_module_of_other_length() -> None:
    growing = RecurrentProfile("rnn", "dL/dh", over_time(1e5)[::-1], reverse=True)
    decoder = RecurrentProfile("later", "dL/dh", over_time(1e-2)[:20])
    assert only(judged_together(growing, decoder)).symptom is Symptom.RNN_EXPLODING_IN_TIME


def test_explosions_of_either_direction_of_the_top_layer_are_found() -> None:
    for reverse in (False, True):
        norms = over_time(1e5)[::-1] if reverse else over_time(1e5)
        finding = only(judged_together(RecurrentProfile("rnn", "dL/dh", norms, 0, reverse)))
        assert finding.symptom is Symptom.RNN_EXPLODING_IN_TIME


class BothWays(nn.Module):
    """A stack that reads a sequence both ways, and what is taken from its outputs [B, T, ...]."""

    def __init__(self, rnn: nn.GRU | nn.RNN, read: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.rnn = rnn
        self.head = nn.Linear(2 * rnn.hidden_size, 1)
        self.read = read

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.read(self.rnn(x)[0]))
        return y


def trained(model: BothWays) -> set[Symptom]:
    optimizer = torch.optim.SGD(model.parameters(), 1e-5)
    with GradMonitor(model) as monitor:
        for _ in range(10):
            optimizer.zero_grad()
            model(torch.randn(8, 25, 4)).mean().backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    return {finding.symptom for finding in monitor.findings}


def relu_stack(grown: str) -> nn.RNN:
    rnn = nn.RNN(4, 16, 2, nonlinearity="relu", batch_first=True, bidirectional=True)
    with torch.no_grad():
        rnn.get_parameter(grown).copy_(1.5 * torch.eye(16))
    return rnn


def test_a_stack_read_at_its_last_output_alone_only_vanishes() -> None:
    torch.manual_seed(0)
    gru = nn.GRU(4, 16, 2, batch_first=True, bidirectional=True)
    assert trained(BothWays(gru, lambda out: out[:, -1])) == {Symptom.RNN_VANISHING_IN_TIME}


def test_one_exploding_direction_of_a_stack_read_everywhere_only_explodes() -> None:
    torch.manual_seed(0)
    for grown in ("weight_hh_l0_reverse", "weight_hh_l1"):
        model = BothWays(relu_stack(grown), lambda out: out.mean(1))
        assert trained(model) == {Symptom.RNN_EXPLODING_IN_TIME}
