from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gradwidget.capture.capture import Capture
from gradwidget.capture.collect.output_parts import output_parts
from gradwidget.capture.delivery import Delivery
from gradwidget.capture.processes.merged_outputs import FIGURES, OutputParts, with_outputs
from gradwidget.frame import Frame

Told = tuple[Frame, OutputParts]


def network() -> nn.Sequential:
    """Some of its units are dead for some samples only; one layer runs twice."""
    torch.manual_seed(0)
    twice = nn.Linear(6, 6)
    return nn.Sequential(
        nn.Linear(4, 6), nn.ReLU(), twice, nn.ReLU(), twice, nn.ReLU(), nn.Linear(6, 2)
    )


def told(samples: Tensor, monkeypatch: pytest.MonkeyPatch) -> Told:
    """The frame of one step on these samples, and what its process would tell of the outputs."""
    found: list[Told] = []
    record: Any = Delivery._record

    def noted(self: Delivery, builder: Any, frame: Frame) -> None:
        found.append((frame, output_parts(frame, builder.activations.outputs)))
        record(self, builder, frame)

    with monkeypatch.context() as patch:
        patch.setattr(Delivery, "_record", noted)
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        capture = Capture(model, emit=lambda _: None, budget=None)
        model(samples).square().mean().backward()
        optimizer.step()
        capture.close()
    return found[0]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1_000), parts=st.integers(2, 4), each=st.integers(1, 5))
def test_the_parts_make_what_one_process_has_of_all_samples(
    seed: int, parts: int, each: int
) -> None:
    samples = torch.randn(parts * each, 4, generator=torch.Generator().manual_seed(seed))
    with pytest.MonkeyPatch.context() as monkeypatch:
        whole, _ = told(samples, monkeypatch)
        pieces = [told(part, monkeypatch) for part in samples.split(each)]
    merged = with_outputs(pieces[0][0], [one for _, one in pieces]).metrics
    for name in set(FIGURES) & set(whole.metrics):
        np.testing.assert_allclose(
            merged[name], whole.metrics[name], rtol=1e-4, atol=1e-7, err_msg=name
        )


def test_parts_of_unlike_length_count_by_their_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = torch.randn(9, 4)
    whole, _ = told(samples, monkeypatch)
    pieces = [told(part, monkeypatch) for part in samples.split([2, 7])]
    merged = with_outputs(pieces[0][0], [one for _, one in pieces]).metrics
    for name in ("act_rms", "act_zero_fraction", "act_dead_fraction"):
        np.testing.assert_allclose(merged[name], whole.metrics[name], rtol=1e-5, err_msg=name)


def test_processes_with_the_same_samples_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, one = told(torch.randn(8, 4), monkeypatch)
    assert with_outputs(frame, [one, one]) is frame


def test_a_process_with_other_layers_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, one = told(torch.randn(8, 4), monkeypatch)
    other = OutputParts(one.layers + 1, 2 * one.figures, one.alive)
    assert with_outputs(frame, [one, other]) is frame


def test_a_unit_is_dead_where_it_is_in_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    # A unit each is alive for a sample each.
    pieces = [told(part, monkeypatch) for part in torch.randn(6, 4).split(1)]
    merged = with_outputs(pieces[0][0], [one for _, one in pieces]).metrics["act_dead_fraction"]
    alone = np.array([frame.metrics["act_dead_fraction"] for frame, _ in pieces])
    assert (alone[:, 0] > 0).all()
    assert merged[0] < alone[:, 0].min()
