"""Architectures of real kinds: they train, in every way in which they can be sick."""

from __future__ import annotations

import math

import pytest
import torch

from evaluation.real.subject import WAYS
from evaluation.real.verdict import SUBJECTS, Verdict, table


def _losses(name: str, way: str, steps: int) -> list[float]:
    torch.manual_seed(0)
    loop = SUBJECTS[name].build(way)
    return [loop.step(number) for number in range(steps)]


@pytest.mark.slow
@pytest.mark.parametrize("name", SUBJECTS)
def test_a_healthy_architecture_trains_the_same_way_each_time(name: str) -> None:
    losses = _losses(name, "", 3)
    assert all(math.isfinite(loss) for loss in losses)
    assert losses == _losses(name, "", 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", SUBJECTS)
def test_every_way_makes_another_training_and_says_what_it_is_to_be_named_by(name: str) -> None:
    assert set(SUBJECTS[name].named) == set(WAYS)
    healthy = _losses(name, "", 6)
    for way in WAYS:
        assert _losses(name, way, 6) != healthy, way


def test_the_table_tells_silence_from_a_right_headline() -> None:
    silent = Verdict("ViT", "", (), (), 0.1, 50.0, ())
    right = Verdict("ViT", "rate", ("lr_too_high", "plateau"), (), 2.0, 50.0, ())
    late = Verdict("ViT", "init", ("plateau", "exploding_gradients"), (), 2.0, 50.0, ())
    text = table([silent, right, late])
    assert "silent where healthy 1/1, named where sick 1/2" in text
    assert "ViT, init: said plateau, exploding_gradients (loss 2)" in text
