"""Operations over a dimension with one entry, and the same over more."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.capture.collect.wiring.loop import Watch, mean_square, wiring
from tests.capture.older_torch import reads_saved_tensors

N, L = 6, 5


class Attention(nn.Module):
    """Weighs positions by scores, which some operation makes weights of."""

    def __init__(self, weigh: Callable[[Tensor], Tensor], scores: int = 1) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, scores))
        self.head = nn.Linear(4, 2)
        self.weigh = weigh

    def forward(self, x: Tensor) -> Tensor:
        weights = self.weigh(self.score(x))
        y: Tensor = self.head((weights[..., :1] * x).sum(1))
        return y


@reads_saved_tensors
@pytest.mark.parametrize(
    ("weigh", "scores", "expected"),
    [
        (lambda s: s.softmax(-1), 1, "softmax"),
        (lambda s: s.view(-1, 1).softmax(1).view(N, L, 1), 1, "softmax"),
        (lambda s: 2 * s.log_softmax(2).exp(), 1, "log_softmax"),
        (lambda s: functional.layer_norm(s, (1,)), 1, "layer_norm"),
        (lambda s: functional.group_norm(s.view(N * L, 2), 2).view(N, L, 2), 2, "group_norm"),
    ],
)
def test_over_one_entry_it_is_named_with_the_layer_before_it(
    watch: Watch, weigh: Callable[[Tensor], Tensor], scores: int, expected: str
) -> None:
    found = wiring(watch, Attention(weigh, scores), N, L, 4, loss=mean_square).obstacles
    assert found.get("one entry") == (expected, "score.2")


@pytest.mark.parametrize(
    ("weigh", "scores"),
    [
        (lambda s: s.softmax(1), 1),
        (lambda s: s.softmax(-1), 3),
        (lambda s: s.view(N, L).softmax(-1)[..., None], 1),
        (lambda s: functional.layer_norm(s, (2,)), 2),
        (lambda s: functional.group_norm(s.transpose(1, 2), 2).transpose(1, 2), 2),
        (lambda s: torch.stack([s[:, :i].softmax(1).amax(1) for i in range(1, L + 1)], 1), 1),
    ],
)
def test_over_more_entries_it_is_not(
    watch: Watch, weigh: Callable[[Tensor], Tensor], scores: int
) -> None:
    found = wiring(watch, Attention(weigh, scores), N, L, 4, loss=mean_square).obstacles
    assert "one entry" not in found


@reads_saved_tensors
def test_a_single_output_makes_nothing_of_cross_entropy(watch: Watch) -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
    labels = torch.zeros(N, dtype=torch.long)
    found = wiring(watch, model, N, 4, loss=lambda y: functional.cross_entropy(y, labels))
    assert found.obstacles.get("one entry") == ("log_softmax", "2")


class Rounded(nn.Module):
    """Two layers, of which something makes other weights, or other values between them."""

    def __init__(
        self, weights: Callable[[Tensor], Tensor], between: Callable[[Tensor], Tensor] = torch.tanh
    ) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 5), nn.Linear(5, 2)
        self.weights, self.between = weights, between

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.linear(x, self.weights(self.first.weight), self.first.bias)
        y: Tensor = self.last(self.between(hidden))
        return y


def same(x: Tensor) -> Tensor:
    return x


@pytest.mark.parametrize(
    ("weights", "between", "expected"),
    [
        (lambda w: (8 * w).round() / 8, torch.tanh, "round"),
        (lambda w: w.abs().mean().detach() * w.sign(), torch.tanh, "sign"),
        (same, torch.floor, "floor"),
        (same, lambda x: x.relu().ceil(), "ceil"),
    ],
)
def test_weights_that_every_way_to_is_rounded_get_nothing(
    watch: Watch,
    weights: Callable[[Tensor], Tensor],
    between: Callable[[Tensor], Tensor],
    expected: str,
) -> None:
    model = Rounded(weights, between)
    found = wiring(watch, model, N, 4, loss=mean_square).obstacles
    assert found.get("rounded") == (expected, "first")
    assert model.first.weight.grad is not None
    assert not model.first.weight.grad.any()


@pytest.mark.parametrize(
    ("weights", "between"),
    [
        (lambda w: w + ((8 * w).round() / 8 - w).detach(), torch.tanh),
        (same, lambda x: x - x.floor()),
        (same, lambda x: x.sign() * x.abs().sqrt()),
        (lambda w: torch.fake_quantize_per_tensor_affine(w, 0.1, 0, -8, 7), torch.tanh),
    ],
    ids=["straight through", "what is left of a floor", "signed root", "torch's own"],
)
def test_a_rounding_that_another_way_leads_around_is_none(
    watch: Watch, weights: Callable[[Tensor], Tensor], between: Callable[[Tensor], Tensor]
) -> None:
    model = Rounded(weights, between)
    assert "rounded" not in wiring(watch, model, N, 4, loss=mean_square).obstacles
    assert model.first.weight.grad is not None
    assert model.first.weight.grad.any()
