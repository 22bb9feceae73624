"""The table of a tally, as text."""

from __future__ import annotations

import math
from collections.abc import Iterator

from evaluation.score import GRADIENT, OURS, Score, Tally


def table(seen: Tally, held_out: Tally | None = None) -> str:
    """Recall and precision by symptom, then false alarms and everything that was not right.

    Args:
        seen: the runs that rules were written against.
        held_out: those written first and scored last, of which nothing but the sums is told.
    """
    last = [] if held_out is None else [_held_out(held_out), ""]
    return "\n".join(
        [*_symptoms(seen), "", *_headlines(seen), "", *_summary(seen), "", *last, *_misses(seen)]
    )


def _headlines(tally: Tally) -> Iterator[str]:
    yield f"{'cause':24}{'runs':>9}{'led':>8}{'said':>8}"
    for cause, found in [*sorted(tally.headlines.items()), ("all", tally.all_headlines)]:
        asked = found["asked"]
        led, said = (_share(found[key] / asked if asked else math.nan) for key in ("led", "said"))
        yield f"{cause:24}{asked:>9}{led:>8}{said:>8}"


def _held_out(tally: Tally) -> str:
    total, headlines = tally.all_symptoms, tally.all_headlines
    return (
        f"written first, scored last: found {total.found}/{total.labeled}, "
        f"layers {total.layers_right}/{total.layers_asked}, "
        f"headline = cause {headlines['led']}/{headlines['asked']}, "
        f"healthy runs with an alarm {tally.healthy_with_alarm.get(OURS, 0)}/{tally.healthy_runs}"
    )


def _symptoms(tally: Tally) -> Iterator[str]:
    tools = list(tally.earlier)
    yield f"{'':24}{OURS:^52}" + "".join(f"{tool:^18}" for tool in tools)
    yield (
        f"{'symptom':24}{'found':>9}{'recall':>8}{'precision':>11}{'layers':>9}{'delay':>7}{'also':>8}"
        + "".join(f"{'recall':>10}{'prec.':>8}" for _ in tools)
    )
    for symptom in sorted(tally.symptoms):
        yield _row(
            symptom,
            tally.symptoms[symptom],
            [tally.earlier[tool].get(symptom, Score()) for tool in tools],
        )
    totals = []
    for tool in tools:
        totals.append(Score())
        for score in tally.earlier[tool].values():
            totals[-1] += score
    yield _row("all", tally.all_symptoms, totals)


def _row(name: str, score: Score, others: list[Score]) -> str:
    ours = (
        f"{f'{score.found}/{score.labeled}':>9}{_share(score.recall):>8}"
        f"{_share(score.precision):>11}{f'{score.layers_right}/{score.layers_asked}':>9}"
        f"{_steps(score.delay):>7}{f'{score.also_found}/{score.also}':>8}"
    )
    theirs = (f"{_share(other.recall):>10}{_share(other.precision):>8}" for other in others)
    return f"{name:24}{ours}{''.join(theirs)}"


def _summary(tally: Tally) -> Iterator[str]:
    for tool, count in tally.healthy_with_alarm.items():
        yield f"healthy runs with an alarm: {count} of {tally.healthy_runs} ({tool})"
    delays = sorted(
        delay for symptom in GRADIENT for delay in tally.symptoms.get(symptom, Score()).delays
    )
    if delays:
        middle = delays[len(delays) // 2]
        yield f"median delay of gradient symptoms: {middle} steps (of {len(delays)})"
    yield "found: of the runs made for it."
    yield "also: of the runs that measurably have it beside their own fault."


def _misses(tally: Tally) -> Iterator[str]:
    for miss in sorted(
        tally.misses, key=lambda miss: (miss.kind, miss.symptom, miss.run, miss.seed)
    ):
        yield f"{miss.kind:14}{miss.symptom:24}{miss.run} (seed {miss.seed}): {miss.detail}"


def _share(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"


def _steps(value: float) -> str:
    return "" if math.isnan(value) else f"{value:g}"
