from __future__ import annotations

from gradwidget.capture.sampling.allowances import Reason
from gradwidget.capture.sampling.decision import SamplingDecision
from gradwidget.capture.sampling.pace import Pace


def test_processes_of_different_speed_sample_the_same_steps() -> None:
    decisions = [SamplingDecision(0.01), SamplingDecision(0.01)]
    paces = [Pace(), Pace()]
    paces[0].leads = True
    sampled: list[list[int]] = [[], []]
    for decision, pace in zip(decisions, paces, strict=True):
        decision.pace = pace
    for step in range(1000):
        for place, (decision, cost) in enumerate(zip(decisions, (0.004, 0.03), strict=True)):
            if decision.sampling:
                sampled[place].append(step)
            decision.stepped(0.1, cost if decision.sampling else 0.0)
        paces[1].follow(paces[0].take())
    assert sampled[0] == sampled[1]
    assert len(sampled[0]) < 200


def test_what_the_diagnosis_asks_for_is_sampled_by_all() -> None:
    decision, pace, other = SamplingDecision(0.01), Pace(), Pace()
    decision.pace, pace.leads = pace, True
    pace.choose(0, 64)
    other.follow(pace.take())
    for _ in range(100):
        decision.stepped(0.1, 0.001)
    assert decision.request(Reason.DIAGNOSIS)
    other.follow(pace.take())
    series = [step for step in range(100, 300) if other.samples(step) and step % 64]
    assert len(series) >= 10
    assert series == [step for step in range(100, 300) if pace.samples(step) and step % 64]
