"""The list of rules is complete, and each rule has the name of its symptom."""

from __future__ import annotations

import pytest

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.rules import AT_EVERY_FRAME, RULES
from tests.support.frames import chain, healthy, judge


def test_every_symptom_has_a_rule_and_the_plateau_comes_last() -> None:
    assert set(RULES) == set(Symptom)
    assert set(RULES) > AT_EVERY_FRAME
    assert list(RULES)[-1] is Symptom.PLATEAU


@pytest.mark.parametrize("symptom", Symptom)
def test_a_rule_has_the_name_of_its_symptom_and_is_silent_on_a_healthy_run(
    symptom: Symptom,
) -> None:
    rule = RULES[symptom]
    assert rule.__name__ == symptom.value
    assert rule.__module__ == f"gradwidget.diagnose.rules.{symptom.value}"
    assert rule.__doc__
    assert rule(Window(judge(120, chain(4), healthy(4))[1]), None) is None
