"""The table of the cures, as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from evaluation.cures.treatment import Treatment
from evaluation.runs.run import RUNS


def table(treatments: Iterable[Treatment]) -> str:
    """By cause: how often the first advice cures and any of the first three; then what failed."""
    treatments = list(treatments)
    by_code = [t for t in treatments if t.known_cure]
    by_person = [t for t in treatments if RUNS[t.run].cure == "person"]
    unknown = [t for t in treatments if not t.known_cure and t not in by_person]
    return "\n".join(
        [
            *_cured(by_code),
            "",
            *_named(by_person),
            "",
            *_details(by_code, by_person, unknown),
        ]
    )


def summary(treatments: Iterable[Treatment]) -> str:
    """The sums alone, for runs whose details are not to be looked at."""
    treatments = list(treatments)
    code = [t for t in treatments if t.known_cure]
    person = [t for t in treatments if RUNS[t.run].cure == "person"]
    return (
        f"written first, scored last: first advice {sum(map(_first, code))}/{len(code)}, "
        f"any of three {sum(any(t.cured) for t in code)}/{len(code)}, "
        f"named for a person {sum(t.named for t in person)}/{len(person)}"
    )


def _first(treatment: Treatment) -> bool:
    return bool(treatment.cured) and treatment.cured[0]


def _by_cause(treatments: list[Treatment]) -> dict[str, list[Treatment]]:
    groups: dict[str, list[Treatment]] = {}
    for treatment in treatments:
        groups.setdefault(RUNS[treatment.run].causes[0], []).append(treatment)
    return dict(sorted(groups.items())) | {"all": treatments}


def _cured(treatments: list[Treatment]) -> Iterator[str]:
    yield f"{'cause, code can cure it':28}{'runs':>6}{'first':>8}{'any of 3':>10}"
    for cause, group in _by_cause(treatments).items():
        first, some = sum(map(_first, group)), sum(any(t.cured) for t in group)
        yield f"{cause:28}{len(group):>6}{_share(first, group):>8}{_share(some, group):>10}"


def _named(treatments: list[Treatment]) -> Iterator[str]:
    yield f"{'cause, a person can':28}{'runs':>6}{'named':>8}"
    for cause, group in _by_cause(treatments).items():
        named = _share(sum(t.named for t in group), group)
        yield f"{cause:28}{len(group):>6}{named:>8}"


def _share(count: int, group: list[Treatment]) -> str:
    return f"{count / len(group):.2f}" if group else ""


def _details(
    by_code: list[Treatment], by_person: list[Treatment], unknown: list[Treatment]
) -> Iterator[str]:
    for treatment in by_code:
        where = f"{treatment.run} (seed {treatment.seed})"
        for tried in treatment.attempts:
            if tried.error:
                yield f"{'error':14}{where}: {tried.title}: {tried.error}"
            if tried.left_behind:
                left = ", ".join(tried.left_behind)
                yield f"{'left behind':14}{where}: {tried.title}: {left}"
    for treatment in by_code:
        if not _first(treatment):
            tried_in_turn = "; ".join(
                f"{tried.title} ({tried.end:.3g}{', cured' * cured})"
                for tried, cured in zip(treatment.attempts, treatment.cured, strict=True)
            )
            told = treatment.headline or "nothing said"
            where = f"{treatment.run} (seed {treatment.seed})"
            yield f"{'not cured':14}{where}: {told}: {tried_in_turn or 'no advice'}"
    for treatment in by_person:
        if not treatment.named:
            told = treatment.headline or "nothing said"
            yield f"{'not named':14}{treatment.run} (seed {treatment.seed}): {told}"
    for treatment in unknown:
        yield f"{'no known cure':14}{treatment.run} (seed {treatment.seed})"
