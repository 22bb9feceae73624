"""Views in the place of permutations, told by the shapes and by where entries end up."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from gradwidget.capture.collect.wiring.obstacles.scrambled_views import is_scrambled
from tests.capture.collect.wiring.loop import Watch, wiring


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((4, 64, 7, 16), (64, 7, 64)),  # heads joined before they are moved
        ((64, 7, 64), (64, 4, 7, 16)),  # and divided
        ((8, 32, 6, 5), (8, 30, 32)),  # pixels of an image as a sequence
        ((8, 32, 6, 5), (8, 5, 192)),  # columns of a picture of text
        ((20, 8, 16), (8, 20, 16)),  # time and samples
        ((8, 3, 20), (8, 20, 3)),
    ],
)
def test_other_orders_of_the_same_dimensions_are_told(
    before: tuple[int, ...], after: tuple[int, ...]
) -> None:
    assert is_scrambled(before, after)
    assert not is_scrambled(before, before)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((64, 7, 64), (64, 7, 4, 16)),
        ((64, 7, 4, 16), (64, 7, 64)),
        ((8, 32, 6, 5), (8, 960)),
        ((8, 960), (8, 32, 6, 5)),
        ((8, 32, 6, 5), (8, 4, 8, 6, 5)),  # groups of channels
        ((8, 32, 30), (8, 32, 6, 5)),
        ((20, 8, 16), (160, 16)),
        ((20, 8, 16), (20, 32, 4)),  # as torch's attention does for its heads
        ((8, 20, 16), (8, 10, 32)),  # frames that are stacked in twos
        ((8, 1, 6), (8, 6, 1)),
        ((8, 7, 7, 16), (8, 49, 16)),
        ((6, 6, 36), (6, 6, 6, 6)),
        ((12,), (3, 4)),
    ],
)
def test_neighbors_that_are_joined_and_parts_of_one_are_none(
    before: tuple[int, ...], after: tuple[int, ...]
) -> None:
    assert not is_scrambled(before, after)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_a_view_is_scrambled_only_where_a_permutation_puts_entries_elsewhere(
    shape: list[int],
) -> None:
    x = torch.arange(torch.tensor(shape).prod().item()).view(*shape)
    for order in permutations(range(len(shape))):
        moved = x.permute(order)
        if is_scrambled(tuple(shape), tuple(moved.shape)):
            assert not torch.equal(x.reshape(moved.shape), moved)
        elif torch.equal(x.reshape(moved.shape), moved):
            assert not is_scrambled(tuple(shape), tuple(moved.shape))


class Heads(nn.Module):
    def __init__(self, join: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.values, self.out, self.join = nn.Linear(6, 6), nn.Linear(6, 3), join

    def forward(self, x: Tensor) -> Tensor:
        heads = torch.stack(self.values(x).chunk(2, -1))  # [2, samples, 5, 3]
        return torch.as_tensor(self.out(self.join(heads)))


def test_the_shapes_and_the_layer_before_it_are_named(watch: Watch) -> None:
    model = Heads(lambda heads: heads.view(8, 5, -1))
    found = wiring(watch, model, 8, 5, 6).obstacles
    assert found["scrambled"] == ("[2, 8, 5, 3]", "[8, 5, 6]", "values")


@pytest.mark.parametrize(
    "join",
    [
        lambda heads: heads.permute(1, 2, 0, 3).reshape(8, 5, -1),
        lambda heads: torch.cat(list(heads), -1),
        lambda heads: torch.einsum("hblc->blhc", heads).flatten(2),
    ],
)
def test_silent_where_they_are_moved(watch: Watch, join: Callable[[Tensor], Tensor]) -> None:
    assert "scrambled" not in wiring(watch, Heads(join), 8, 5, 6).obstacles


@pytest.mark.parametrize("batch_first", [True, False])
def test_silent_on_what_torch_does_inside(watch: Watch, batch_first: bool) -> None:  # noqa: FBT001  # a parameter
    layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=batch_first)
    found = wiring(watch, nn.Sequential(nn.Linear(6, 8), layer, nn.Linear(8, 3)), 5, 4, 6)
    assert "scrambled" not in found.obstacles


def test_silent_where_shapes_are_alike_by_chance_after_a_permutation(watch: Watch) -> None:
    """Torch's attention views [5, 8, 4], moved and copied, as [20, 8]: 4 twice, and 8."""

    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.attention = nn.Linear(6, 8), nn.MultiheadAttention(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            return torch.as_tensor(self.attention(x, x, x)[0])

    assert "scrambled" not in wiring(watch, Attends(), 5, 4, 6).obstacles
