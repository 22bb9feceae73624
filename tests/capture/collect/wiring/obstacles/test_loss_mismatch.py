"""Losses that are given what they do not expect, and others that resemble them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.capture.collect.wiring.loop import Watch, wiring
from tests.capture.older_torch import reads_saved_tensors

N = 6
CLASSES = 3
LABELS = torch.arange(N) % CLASSES
SHARES = functional.one_hot(LABELS, CLASSES).float() * 0.7 + 0.1
PRICES = torch.arange(float(N))

Loss = Callable[[Tensor], Tensor]


def network(outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, outputs))


@pytest.mark.filterwarnings("ignore:reduction. 'mean'")  # what kl_div says of its default
@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (lambda y: functional.kl_div(y.softmax(1), SHARES), ("kl_div", "softmax")),
        (
            lambda y: functional.kl_div(y.softmax(1), SHARES, reduction="batchmean"),
            ("kl_div", "softmax"),
        ),
        (
            lambda y: functional.kl_div(y.softmax(1), SHARES.log(), log_target=True),
            ("kl_div", "softmax"),
        ),
        (lambda y: functional.kl_div(y.sigmoid(), SHARES), ("kl_div", "sigmoid")),
        (lambda y: functional.kl_div(y.softmax(1), y.softmax(1) + 0), ("kl_div", "softmax")),
        (lambda y: functional.nll_loss(y.softmax(1), LABELS), ("nll_loss", "softmax")),
        (lambda y: functional.nll_loss(y.double().sigmoid(), LABELS), ("nll_loss", "sigmoid")),
        (lambda y: functional.nll_loss(y, LABELS), ("nll_loss", "linear")),
        (
            lambda y: 0.1 * y.square().mean() + functional.nll_loss(y.softmax(1), LABELS),
            ("nll_loss", "softmax"),
        ),
    ],
)
def test_a_loss_of_log_probabilities_that_is_given_others_is_seen(
    watch: Watch, loss: Loss, expected: tuple[str, str]
) -> None:
    found = dict(wiring(watch, network(CLASSES), N, 4, loss=loss).obstacles)
    found.pop("squashed", None)
    assert found == {"no logarithm": expected}


@reads_saved_tensors
def test_logarithms_that_add_up_over_the_samples_are_seen(watch: Watch) -> None:
    def loss(y: Tensor) -> Tensor:
        return functional.nll_loss(y.log_softmax(0), LABELS)

    found = wiring(watch, network(CLASSES), N, 4, loss=loss).obstacles
    assert found["no logarithm"] == ("nll_loss", "log_softmax")


@reads_saved_tensors
def test_a_matrix_of_pairs_may_be_turned_around(watch: Watch) -> None:
    def loss(y: Tensor) -> Tensor:
        return functional.nll_loss((y @ y.T).log_softmax(0).T, torch.arange(N))

    assert "no logarithm" not in wiring(watch, network(CLASSES), N, 4, loss=loss).obstacles


@pytest.mark.filterwarnings("ignore:reduction. 'mean'")  # as above
@pytest.mark.parametrize(
    "loss",
    [
        lambda y: functional.kl_div(y.log_softmax(1), SHARES),
        lambda y: functional.kl_div(y.log_softmax(1), SHARES.log(), log_target=True),
        lambda y: functional.kl_div(functional.logsigmoid(y), SHARES),
        lambda y: functional.kl_div(y.softmax(1).log(), SHARES, reduction="batchmean"),
        lambda y: functional.kl_div(y.log_softmax(1), y.softmax(1), reduction="batchmean"),
        lambda y: functional.nll_loss(y.log_softmax(1), LABELS),
        lambda y: functional.nll_loss((y.softmax(1) + 1e-6).log(), LABELS),
        lambda y: functional.nll_loss((y @ y.T).log_softmax(1), torch.arange(N)),
        lambda y: functional.cross_entropy(y, SHARES),
        lambda y: functional.binary_cross_entropy(y.sigmoid(), SHARES),
        lambda y: -(y.softmax(1) * SHARES).sum(1).mean(),
        lambda y: (1 - y.softmax(1) * SHARES).mean(),
        lambda y: (SHARES * SHARES - SHARES * y.softmax(1)).abs().mean(),
    ],
)
def test_probabilities_elsewhere_and_logarithms_are_none(watch: Watch, loss: Loss) -> None:
    assert wiring(watch, network(CLASSES), N, 4, loss=loss).obstacles == {}


@reads_saved_tensors
@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (
            lambda y: functional.mse_loss(y.sigmoid(), SHARES),
            ("mse_loss", "sigmoid", "1", "0", "1"),
        ),
        (
            lambda y: functional.mse_loss(y.tanh().view(-1), SHARES.view(-1)),
            ("mse_loss", "tanh", "1", "-1", "1"),
        ),
        (lambda y: (SHARES - y.softmax(1)).square().mean(), ("mse_loss", "softmax", "1", "0", "1")),
        (lambda y: ((y.sigmoid() - SHARES) ** 2).mean(), ("mse_loss", "sigmoid", "1", "0", "1")),
        (lambda y: functional.l1_loss(y.sigmoid(), SHARES), ("l1_loss", "sigmoid", "1", "0", "1")),
        (
            lambda y: functional.mse_loss(y.sigmoid(), SHARES) * 3 / 4,
            ("mse_loss", "sigmoid", "0.75", "0", "1"),
        ),
        (lambda y: functional.mse_loss(y.relu(), SHARES), ("mse_loss", "relu", "1", "0", "inf")),
        (
            lambda y: functional.mse_loss(functional.softplus(y), SHARES),
            ("mse_loss", "softplus", "1", "0", "inf"),
        ),
        (
            lambda y: functional.mse_loss(y.clamp(-0.5, 1), SHARES),
            ("mse_loss", "clamp", "1", "-0.5", "1"),
        ),
        (
            lambda y: functional.mse_loss(y.clamp(max=3), SHARES),
            ("mse_loss", "clamp", "1", "-inf", "3"),
        ),
        (
            lambda y: functional.mse_loss(functional.relu6(y), SHARES),
            ("mse_loss", "hardtanh", "1", "0", "6"),
        ),
        (lambda y: functional.mse_loss(y.sigmoid(), SHARES) * -1, None),
        (lambda y: functional.mse_loss(y.sigmoid(), SHARES) / 0, None),
        (lambda y: (y.sigmoid() ** torch.arange(1.0, 1.0 + CLASSES)).mean(), None),
        # The mean error alone, of outputs that are what the function gives, has a largest value.
        (lambda y: functional.mse_loss(y.sigmoid(), SHARES, reduction="sum"), None),
        (lambda y: functional.mse_loss(y.sigmoid(), SHARES) + y.square().mean(), None),
        (lambda y: functional.mse_loss(100 * y.sigmoid(), SHARES), None),
        (lambda y: functional.mse_loss(y, SHARES), None),
        (lambda y: functional.mse_loss(y.sigmoid(), y.tanh()), None),
        (lambda y: ((y.sigmoid() - SHARES) ** 4).mean(), None),
        (lambda y: (y.sigmoid() * SHARES).abs().mean(), None),
        (lambda y: functional.binary_cross_entropy(y.sigmoid(), SHARES), None),
    ],
)
def test_outputs_with_bounds_under_a_mean_error_are_seen(
    watch: Watch, loss: Loss, expected: tuple[str, ...] | None
) -> None:
    found = wiring(watch, network(CLASSES), N, 4, loss=loss).obstacles
    assert found.get("bounded") == expected


def test_a_loss_whose_factor_changes_is_no_mean_error(watch: Watch) -> None:
    model = network(CLASSES)
    capture = watch(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(3):
        (functional.mse_loss(model(torch.randn(N, 4)).sigmoid(), SHARES) * (step + 1)).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert capture.frames[-1].wiring.obstacles == {}


def test_a_loss_of_several_passes_is_no_mean_error(watch: Watch) -> None:
    model = network(CLASSES)
    capture = watch(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        for _ in range(2):
            functional.mse_loss(model(torch.randn(N, 4)).sigmoid(), SHARES).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert "bounded" not in capture.frames[-1].wiring.obstacles


class CallsSoftmax(nn.Module):
    """Calls a softmax at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(x).softmax(1)
        return y


class CallsGate(nn.Module):
    """Has a module of that kind as well, inside."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.gate, self.last = nn.Linear(4, 4), nn.Sigmoid(), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.sigmoid(self.last(x * self.gate(self.first(x))))
        return y


SOFTMAX_AT = inspect.getsourcelines(CallsSoftmax)[1] + 8
SIGMOID_AT = inspect.getsourcelines(CallsGate)[1] + 8


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nn.Sequential(nn.Linear(4, 3), nn.Softmax(1)), ("softmax", "module", "1", "")),
        (
            nn.Sequential(nn.Linear(4, 4), nn.ReLU(), CallsSoftmax()),
            ("softmax", "forward", "2", f"line {SOFTMAX_AT} of test_loss_mismatch.py"),
        ),
        (CallsGate(), ("sigmoid", "forward", "", f"line {SIGMOID_AT} of test_loss_mismatch.py")),
        (nn.Sequential(nn.Linear(4, 3), nn.ReLU()), ("relu", "module", "1", "")),
    ],
)
def test_who_calls_what_lies_right_under_a_loss_of_logits_is_seen(
    watch: Watch, model: nn.Module, words: tuple[str, ...]
) -> None:
    found = wiring(watch, model, N, 4, loss=of_logits)
    assert found.obstacles["squashed"] == words


def of_logits(output: Any) -> Tensor:
    return functional.cross_entropy(output, LABELS)


def test_what_the_loop_calls_is_called_by_no_module(watch: Watch) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3))
    found = wiring(watch, model, N, 4, loss=lambda output: of_logits(output.softmax(1)))
    assert found.obstacles["squashed"] == ("softmax", "", "", "")
    assert "squashed" not in wiring(watch, model, N, 4, loss=of_logits).obstacles


def cosines(y: Tensor) -> Tensor:
    """[N, N]: those between outputs and what another function makes of them."""
    return functional.normalize(y, dim=1) @ functional.normalize(y.tanh(), dim=1).T


def by_hand(y: Tensor) -> Tensor:
    y = y / y.norm(dim=1, keepdim=True)
    return y @ y.T


def both_ways(logits: Tensor) -> Tensor:
    return (of_pairs(logits) + of_pairs(logits.T)) / 2


def of_pairs(logits: Tensor) -> Tensor:
    return functional.cross_entropy(logits, torch.arange(N))


@reads_saved_tensors
@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (lambda y: of_pairs(cosines(y) * 0.07), "0.07"),
        (lambda y: 3 * both_ways(0.5 * cosines(y) / 10), "0.05"),
        (lambda y: of_pairs(by_hand(y) / 20), "0.05"),
        (
            lambda y: of_pairs(0.01 * functional.cosine_similarity(y[:, None], y[None], dim=-1)),
            "0.01",
        ),
        (lambda y: of_pairs(cosines(y) / 0.07), None),
        (lambda y: of_pairs(cosines(y)), None),
        (lambda y: of_pairs(y @ y.T * 0.07), None),
        (lambda y: of_pairs(0.07 * functional.normalize(y, dim=0) @ y.T), None),
        (lambda y: of_pairs(cosines(y) * 0.07 * y.sum().exp()), None),  # one that is learned
        (lambda y: of_pairs(cosines(y) * 0.07) + of_pairs(y @ y.T), None),
    ],
)
def test_logits_that_bounds_keep_at_the_level_of_a_guess_are_seen(
    watch: Watch, loss: Loss, expected: str | None
) -> None:
    found = wiring(watch, network(CLASSES), N, 4, loss=loss).obstacles
    assert found.get("small logits") == (None if expected is None else (expected, str(N)))


def test_their_loss_cannot_fall_far_whatever_the_logits_are() -> None:
    # The true class at the upper bound, all others at the lower one: no logits give less.
    best = 0.07 * (2 * torch.eye(N) - 1)
    assert of_pairs(best) > 0.9 * torch.tensor(N).log()
    assert of_pairs(best / 0.07) < 0.9 * torch.tensor(N).log()
