from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gradwidget.capture import unmeasured
from gradwidget.capture.model.output_place import Place
from gradwidget.capture.processes.merged_outputs import DEAD, FIGURES, OutputParts, with_outputs
from gradwidget.capture.processes.sharing import sharing
from gradwidget.frame import Frame, Layer

LAYERS = (Layer("divided", "Linear", {}), Layer("whole", "Linear", {}))
MISSING = unmeasured.output(unmeasured.MISSING_PART)
UNLIKE = unmeasured.output(unmeasured.UNLIKE)

Matrix = NDArray[np.float64]


def figures_of(values: Matrix, slopes: Matrix) -> dict[str, float]:
    """Of outputs [samples, units] and their gradients, by plain arithmetic."""
    return {
        "act_rms": float(np.sqrt((values**2).mean())),
        "act_zero_fraction": float((values == 0).mean()),
        "act_saturated_fraction": float((values > 1).mean()),
        "act_dead_fraction": float((values == 0).all(0).mean()),
        "act_grad_norm": float(np.sqrt((slopes**2).sum())),
        "act_grad_rms": float(np.sqrt((slopes**2).mean())),
        "act_grad_zero_fraction": float((slopes == 0).mean()),
    }


def told(outputs: list[tuple[Matrix, Matrix]], places: dict[str, Place | None]) -> OutputParts:
    """What a process tells of its part of each layer."""
    columns = []
    for values, slopes in outputs:
        found = figures_of(values, slopes)
        columns.append([values.size, *(found[name] for name in FIGURES)])
    alive = {
        layer.name: (values.shape[1], np.packbits((values != 0).any(0)).tobytes().hex())
        for layer, (values, _) in zip(LAYERS, outputs, strict=True)
        if (values == 0).all(0).any()
    }
    return OutputParts(7, np.array(columns, np.float64).T, alive, places)


def frame_of(one: OutputParts) -> Frame:
    """Its own frame."""
    return Frame(
        3, LAYERS, {name: one.figures[1 + at].astype(np.float32) for at, name in enumerate(FIGURES)}
    )


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    data=st.integers(1, 3),
    halves=st.integers(1, 3),
    copies=st.integers(1, 2),
    by_columns=st.booleans(),
    units=st.integers(3, 7),
)
def test_parts_of_a_mesh_make_the_whole(
    *, seed: int, data: int, halves: int, copies: int, by_columns: bool, units: int
) -> None:
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(2, 6 * data, units)).round() * draw.integers(0, 2, size=units)
    slopes = draw.normal(size=values.shape).round(1)
    shards = copies * halves
    parts = []
    for batch in range(data):
        rows = slice(6 * batch, 6 * batch + 6)
        # The gradient of its own loss, of which that of all is the mean.
        own, own_slopes = values[:, rows], data * slopes[:, rows]
        for copy in range(copies):
            for half in range(halves):
                pieces = np.array_split(np.arange(units if by_columns else 6), halves)
                chosen = pieces[half]
                cut = (slice(None), chosen) if by_columns else (chosen,)
                place = Place(
                    shards * batch,
                    shards,
                    counts=copy == 0,
                    start=int(chosen[0]) if by_columns else 0,
                    own=len(chosen) if by_columns else units,
                    units=units,
                )
                outputs = [(own[0][cut], own_slopes[0][cut]), (own[1], own_slopes[1])]
                parts.append(told(outputs, {"divided": place}))
    merged = with_outputs(frame_of(parts[0]), parts)
    assert merged.reasons == {}
    for row in range(2):
        for name, expected in figures_of(values[row], slopes[row]).items():
            np.testing.assert_allclose(
                merged.metrics[name][row], expected, rtol=1e-5, atol=1e-6, err_msg=name
            )


def place(first: int = 0, start: int = 0) -> Place:
    """Of one of two processes with two of four units each."""
    return Place(first, 2, counts=True, start=start, own=2, units=4)


def test_a_part_that_is_missing_leaves_its_layer_unmeasured() -> None:
    one = told([(np.ones((2, 2)), np.ones((2, 2)))] * 2, {"divided": place()})
    merged = with_outputs(frame_of(one), [one])
    assert merged.reasons == {"divided": MISSING}
    for name in FIGURES:
        assert merged.is_measured(name).tolist() == [False, True]
        assert np.isnan(merged.metrics[name][0])


def test_a_layer_with_parts_that_differ_from_call_to_call_is_not_measured() -> None:
    figures = np.ones((2, 8, 2))
    found = sharing(["divided", "whole"], figures, [{"divided": None}, {"divided": place()}])
    assert found.lost == {0: MISSING}


def test_parts_of_unlike_wholes_make_none() -> None:
    figures = np.ones((2, 8, 2))
    other = Place(0, 2, counts=True, start=3, own=3, units=6)
    found = sharing(["divided", "whole"], figures, [{"divided": place()}, {"divided": other}])
    assert found.lost == {0: UNLIKE}


def test_other_values_of_processes_with_the_same_samples_are_no_other_samples() -> None:
    figures = np.ones((4, 8, 2))
    figures[1, 3, 1] = 2
    places = [{"divided": place(first, start)} for first in (0, 2) for start in (0, 2)]
    found = sharing(["divided", "whole"], figures, places)
    assert found.lost == {1: UNLIKE}
    assert found.batches.tolist() == [2, 2]


def test_copies_count_once_and_rounding_makes_no_difference() -> None:
    figures = np.ones((4, 8, 2))
    figures[1] += 1e-7
    places = [{"divided": place(first, start)} for first in (0, 2) for start in (0, 2)]
    found = sharing(["divided", "whole"], figures, places)
    assert found.lost == {}
    assert found.counted[:, 1].tolist() == [True, False, True, False]


def test_units_are_dead_each_in_the_process_that_has_it() -> None:
    dead, alive = np.zeros((3, 2)), np.ones((3, 2))
    parts = [
        told([(dead, dead), (alive, alive)], {"divided": place()}),
        told([(alive, alive), (alive, alive)], {"divided": place(start=2)}),
    ]
    merged = with_outputs(frame_of(parts[0]), parts)
    assert merged.metrics[DEAD].tolist() == [0.5, 0]
