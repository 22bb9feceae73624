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
