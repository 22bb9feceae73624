"""Which layers lie on the way to which, against a search by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gradwidget.diagnose.evidence.paths import MOST, Paths
from gradwidget.frame import LOSS


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """Layers that feed later ones, or the loss."""
    count = draw(st.integers(1, 8))
    return {
        str(number): tuple(
            str(behind) for behind in range(number + 1, count) if draw(st.booleans())
        )
        or (LOSS,)
        for number in range(count)
    }


def reached(feeds: dict[str, tuple[str, ...]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for behind in feeds.get(waiting.pop(), ()):
            if behind not in found:
                found.add(behind)
                waiting.append(behind)
    return found


@given(graphs(), st.randoms())
def test_before_is_what_a_search_finds(feeds: dict[str, tuple[str, ...]], random: object) -> None:
    names = list(feeds)
    random.shuffle(names)  # type: ignore[attr-defined]  # the order of the layers does not matter
    before = Paths(names, feeds).before
    for i, behind in enumerate(names):
        for j, name in enumerate(names):
            assert before[i, j] == (behind in reached(feeds, name)), (name, behind)


@given(graphs())
def test_extremes_over_what_comes_before(feeds: dict[str, tuple[str, ...]]) -> None:
    names = list(feeds)
    values = np.arange(len(names), dtype=np.float64) * 7 % 5
    paths = Paths(names, feeds)
    for i, name in enumerate(names):
        chain = [
            values[i],
            *(values[j] for j, one in enumerate(names) if name in reached(feeds, one)),
        ]
        assert paths.highest_before(values)[i] == max(chain)
        assert paths.lowest_before(values)[i] == min(chain)


def test_a_network_of_very_many_layers_is_taken_for_one_chain() -> None:
    names = [str(number) for number in range(MOST + 1)]
    paths = Paths(names, dict.fromkeys(names, (LOSS,)))
    assert not paths.known
    assert paths.fed.sum() == MOST
    assert np.flatnonzero(paths.between(3, 5)).tolist() == [3, 4, 5]


def test_a_circle_of_layers_ends() -> None:
    paths = Paths(["a", "b"], {"a": ("b",), "b": ("a", LOSS)})
    assert paths.ends(np.array([1.0, 1.0])).tolist() == [1, 1]


def test_without_a_graph_the_layers_are_one_chain() -> None:
    paths = Paths(["a", "b", "c"], {})
    np.testing.assert_equal(paths.highest_before(np.array([2.0, np.nan, 1.0])), [2, np.nan, 2])
    assert paths.ends(np.array([2.0, 1.0, np.nan])).tolist() == [1, 1, 1]


def test_chains_are_the_unbranched_parts_of_a_network() -> None:
    """A U-net of one scale: the way down and up again, beside a skip."""
    feeds = {
        "in": ("down", "out"),
        "down": ("low",),
        "low": ("up",),
        "up": ("out",),
        "out": (LOSS,),
    }
    names = list(feeds)
    chains = [[names[number] for number in chain] for chain in Paths(names, feeds).chains]
    assert chains == [["down", "low", "up"]]


def test_without_a_graph_all_layers_are_one_chain() -> None:
    assert Paths(["a", "b", "c"], {}).chains == [[0, 1, 2]]


def test_a_code_with_a_loss_of_its_own_is_no_final_end() -> None:
    feeds = {"encoder": ("code",), "code": ("decoder", LOSS), "decoder": (LOSS,)}
    paths, values = Paths(list(feeds), feeds), np.array([3.0, 2.0, 1.0])
    assert paths.ends(values).tolist() == [1, 1, 2]
    assert paths.ends(values, final=True).tolist() == [2, 2, 2]
    without = np.array([3.0, 2.0, np.nan])
    assert paths.ends(without, final=True).tolist() == [1, 1, -1]


def test_a_loop_whose_layers_all_lead_to_the_loss_keeps_its_ends() -> None:
    feeds = {"second": ("first", LOSS), "first": ("second",)}
    assert Paths(list(feeds), feeds).ends(np.ones(2), final=True).tolist() == [0, 0]
    both = {"second": ("first", LOSS), "first": ("second", LOSS)}
    assert set(Paths(list(both), both).ends(np.ones(2), final=True).tolist()) <= {0, 1}
