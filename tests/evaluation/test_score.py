"""The arithmetic of the table, on trials made by hand."""

from __future__ import annotations

from evaluation.runs.catalog import all_runs
from evaluation.score import OURS, right_layers, tally
from evaluation.table import table
from evaluation.trial import Known, Report, Trial
from evaluation.truth.fact import Answer, Fact

all_runs()


def _trial(
    run: str, facts: dict[str, Answer], said: dict[str, int], earlier: dict[str, int]
) -> Trial:
    known = Known(
        {symptom: Fact(answer, 0.5, ("2",), 130) for symptom, answer in facts.items()},
        {"other": dict(earlier)},
    )
    reports = tuple(Report(symptom, ("2",), step, step, "why") for symptom, step in said.items())
    return Trial(run, 0, known, reports, ())


def test_a_labeled_symptom_that_is_said_counts_as_found_with_its_layers_and_delay() -> None:
    total = tally([_trial("mlp_relu_killed", {"dead_relu": "yes"}, {"dead_relu": 137}, {})])
    score = total.symptoms["dead_relu"]
    assert (score.labeled, score.found, score.layers_right, score.delays) == (1, 1, 1, [7])
    assert total.earlier["other"]["dead_relu"].recall == 0.0
    assert not total.misses


def test_a_symptom_between_the_bounds_may_be_said_of_a_sick_run_but_not_of_a_healthy_one() -> None:
    on_sick = tally([_trial("mlp_relu_killed", {"saturated": "either"}, {"saturated": 5}, {})])
    on_healthy = tally(
        [_trial("mlp_plain", {"saturated": "either"}, {"saturated": 5}, {"saturated": 5})]
    )
    assert on_sick.symptoms["saturated"].wrong == 0
    assert on_healthy.symptoms["saturated"].wrong == 1
    assert on_healthy.healthy_with_alarm == {OURS: 1, "other": 1}
    assert [miss.kind for miss in on_healthy.misses] == ["false alarm"]


def test_a_label_that_is_not_confirmed_is_noted_and_not_counted() -> None:
    total = tally([_trial("mlp_relu_killed", {"dead_relu": "either"}, {}, {})])
    assert total.symptoms["dead_relu"].labeled == 0
    assert [miss.kind for miss in total.misses] == ["no label"]


def test_a_wrong_symptom_on_a_sick_run_lowers_the_precision() -> None:
    total = tally(
        [
            _trial(
                "mlp_relu_killed",
                {"dead_relu": "yes", "plateau": "no"},
                {"dead_relu": 140, "plateau": 140},
                {},
            ),
            _trial("mlp_relu_killed", {"dead_relu": "yes", "plateau": "yes"}, {"plateau": 140}, {}),
        ]
    )
    assert total.symptoms["plateau"].precision == 0.5
    assert total.symptoms["dead_relu"].recall == 0.5
    assert {miss.kind for miss in total.misses} == {"wrong symptom", "missed", "headline"}


def test_the_headline_is_right_where_the_first_finding_is_the_cause() -> None:
    facts: dict[str, Answer] = {"dead_relu": "yes", "plateau": "yes"}
    led = _trial("mlp_relu_killed", facts, {"dead_relu": 140, "plateau": 150}, {})
    late = _trial("mlp_relu_killed", facts, {"plateau": 140, "dead_relu": 150}, {})
    silent = _trial("mlp_relu_killed", facts, {}, {})
    found = tally([led, late, silent, _trial("mlp_plain", {}, {}, {})]).headlines["dead_relu"]
    assert (found["asked"], found["led"], found["said"]) == (3, 1, 2)


def test_of_runs_that_are_scored_last_the_table_tells_nothing_but_sums() -> None:
    known = tally([_trial("mlp_plain", {}, {}, {})])
    last = tally([_trial("mlp_relu_killed", {"dead_relu": "yes"}, {}, {})])
    text = table(known, last)
    assert "written first, scored last: found 0/1" in text
    assert "mlp_relu_killed" not in text


def test_the_first_layer_and_most_of_the_others_have_to_be_right() -> None:
    true = ("a", "b", "c")
    assert right_layers(("a", "x"), true, "*")
    assert not right_layers(("x", "a", "b"), true, "*")
    assert not right_layers(("a", "x", "y"), true, "*")
    assert not right_layers((), true, "*")


def test_the_table_names_what_was_missed() -> None:
    text = table(tally([_trial("mlp_relu_killed", {"dead_relu": "yes"}, {}, {"dead_relu": 140})]))
    assert "missed        dead_relu               mlp_relu_killed (seed 0)" in text
    assert "0/1" in text
