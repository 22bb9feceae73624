"""The table of what explains what."""

from __future__ import annotations

from gradwidget.diagnose.causes.explanations import AT_ONCE, EXACT, EXPLAINS, NONFINITE
from gradwidget.diagnose.finding import Symptom


def test_every_symptom_has_its_row_and_none_explains_itself() -> None:
    assert set(EXPLAINS) == set(Symptom)
    assert not [symptom for symptom, explains in EXPLAINS.items() if symptom in explains]


def test_nothing_explains_what_is_exact_but_what_is_exact_itself() -> None:
    for symptom, explains in EXPLAINS.items():
        assert symptom in EXACT or not explains & EXACT


def test_exact_causes_stand_first() -> None:
    order = list(EXPLAINS)
    assert max(order.index(one) for one in EXACT) == len(EXACT) - 1


def test_a_plateau_and_a_nan_can_have_a_cause() -> None:
    for end in (*NONFINITE, Symptom.PLATEAU, *AT_ONCE):
        assert any(end in explains for explains in EXPLAINS.values())
