"""Runs a case alone and watched, and says in what the two differ."""

from __future__ import annotations

import gc
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gradwidget import Frame
from gradwidget.session import LOGGING
from tests.support.torch_traces import on_torch
from tests.torture.case import Case
from tests.torture.reference.truth import Truth
from tests.torture.run import Run

RELATIVE = 1e-3
"""How far a figure may be from the truth."""
MEMORY = 64
"""Mebibytes by which watching a small model may make the process grow."""
OBJECTS = 50_000
"""Live objects that watching a small model may make."""
TIMES, ONCE = 20, 2.0
"""Times the processor time of the loop alone, and seconds, that it may take watched."""
STEERING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""Characters that change the direction of what follows."""
CONFESSIONS = ("fail", "switched off", "not measured", "problem", "went wrong", "stopped", "off")
"""One of these is in the first line of a report of a run in which something of ours failed."""


@dataclass(frozen=True)
class Failure:
    """A promise that was not kept."""

    check: str
    """What was checked, in a word or two."""
    watch: str
    """How the run was watched."""
    detail: str

    def __str__(self) -> str:
        return f"{self.check} [{self.watch}]: {self.detail}"


class UnsoundError(Exception):
    """A case that cannot be judged, as its unwatched run goes wrong by itself."""


def failures(case: Case, progress: Callable[[str], None]) -> list[Failure]:
    """Everything in which watching the case breaks a promise.

    Args:
        case: what is run.
        progress: told what comes next, for a process that does not come back.
    """
    alone: Run | None = None
    if not any(part.watched_first for part in case.parts):
        alone = _alone(case, progress)
    found: list[Failure] = []
    for watch in case.watches:
        progress(watch)
        torch_before, weight = dict(on_torch()), Weight()
        run = Run(case, watch)
        run.go()
        grown = weight.grown()
        progress(f"comparing {watch}")
        known = alone = alone or _alone(case, progress)
        if run.watcher is not None and run.watcher.applied and case.is_done_by_hand:
            known = Run(case, None, run.watcher.applied)
            known.go()
        details = [
            *_slow(run, known),
            *_told(run, known),
            *_left(torch_before),
            *(() if any(part.spends_memory for part in case.parts) else grown),
        ]
        found += [Failure(check, watch, detail) for check, detail in details]
    if any(one.check in ("bits", "seen", "raised") for one in found):
        again = _alone(case, progress)
        if alone is not None and (again.state, again.seen) != (alone.state, alone.seen):
            message = f"not the same twice: {_differences(alone.state, again.state)}"
            raise UnsoundError(message)
    return found


def _alone(case: Case, progress: Callable[[str], None]) -> Run:
    progress("alone")
    run = Run(case, None)
    run.go()
    if not run.done:
        message = f"it never trains: {run.raised[-1:]}"
        raise UnsoundError(message)
    return run


def _slow(run: Run, alone: Run) -> Iterator[tuple[str, str]]:
    if any(one.kind == "threads" for one in run.extras):
        return  # what the other thread takes is counted too
    if run.seconds > TIMES * alone.seconds + ONCE:
        yield "slow", f"{run.seconds:.1f} s, {alone.seconds:.2f} s alone"


def _told(run: Run, alone: Run) -> Iterator[tuple[str, str]]:
    if all(one.has_bits for one in run.extras):
        yield from _seen(run, alone)
        if differences := _differences(alone.state, run.state):
            yield "bits", differences
    for complaint in run.complaints:
        yield "promise", complaint
    for one in run.extras:
        for complaint in one.complaints():
            yield "promise", f"{one.name}: {complaint}"
    if run.watcher is not None:
        yield from _frames(run, alone)
        yield from _problems(run)


def _seen(run: Run, alone: Run) -> Iterator[tuple[str, str]]:
    if run.seen == alone.seen:
        return
    pairs = zip(run.seen, alone.seen, strict=False)
    number = next((place for place, (one, other) in enumerate(pairs) if one != other), -1)
    ours = run.seen[number] if number < len(run.seen) else "nothing"
    theirs = alone.seen[number] if number < len(alone.seen) else "nothing"
    raised = len(run.raised) > len(alone.raised)
    last = run.raised[-1].strip().splitlines()[-6:] if raised else []
    yield (
        "raised" if raised else "seen",
        "\n    ".join([f"the loop saw {ours}, alone {theirs}", *last]),
    )


def _differences(before: dict[str, str], after: dict[str, str]) -> str:
    places = [
        place for place in {**before, **after} if before.get(place, "–") != after.get(place, "–")
    ]
    told = [f"{place}: {before.get(place, '–')} → {after.get(place, '–')}" for place in places[:4]]
    return "; ".join(told) + (f" and {len(places) - 4} more" if len(places) > 4 else "")


def _frames(run: Run, alone: Run) -> Iterator[tuple[str, str]]:
    assert run.watcher is not None
    frames = run.watcher.frames
    if any(one.ends_early for one in run.extras) or not alone.done:
        return
    if not frames:
        yield "frames", f"none of {alone.done} steps"
        return
    is_whole = run.loop.has_all_frames and all(one.has_all_frames for one in run.extras)
    if is_whole and run.watcher.has_every_step:
        steps = [frame.step for frame in frames]
        if steps != list(range(alone.done)):
            yield "frames", f"of steps {steps}, {alone.done} were done"
    if alone.has_figures and is_whole:
        for frame in frames:
            if frame.step >= len(alone.truths.steps):
                yield "frames", f"of step {frame.step}, {alone.done} were done"
            elif wrong := list(_figures(run, frame, alone.truths.steps[frame.step])):
                yield "figures", "; ".join(wrong[:3])
                return


def _figures(run: Run, frame: Frame, truth: Truth) -> Iterator[str]:
    rows = {layer.name: row for row, layer in enumerate(frame.layers)}
    for name, figures in truth.layers.items():
        row = rows.get(name)
        if row is None:
            yield f"step {frame.step}: layer {name!r} is not there"
            continue
        for metric, true in figures.items():
            is_measured = bool(frame.is_measured(metric)[row])
            said = float(frame.metrics[metric][row]) if is_measured else None
            if said is None and (name in frame.reasons or metric == "update_ratio"):
                continue
            if said is None or not agrees(said, true):
                yield f"step {frame.step}: {metric} of {name} is {true:.6g}, not {said}"
    for scalar, true in truth.scalars.items():
        said = frame.scalars.get(scalar)
        if said is None and scalar == "loss" and run.case.loop == "taken":
            continue
        if said is None or not agrees(said, true):
            yield f"step {frame.step}: {scalar} is {true:.6g}, not {said}"


def agrees(said: float, true: float) -> bool:
    """To 1e-3 relative; of figures that are not finite, that they are not."""
    if not abs(true) < 1e38:
        return not abs(said) < 1e37
    return abs(said - true) <= RELATIVE * abs(true) + 1e-30


def _problems(run: Run) -> Iterator[tuple[str, str]]:
    assert run.watcher is not None
    problems = run.watcher.monitor.problems
    for problem in problems:
        last = (problem.traceback.strip().splitlines() or [""])[-1]
        if any(one.breaks for one in run.extras) or problem.where == LOGGING:
            continue
        if "switched off" in problem.message:
            yield "switched off", problem.message
        else:
            yield "problem", f"{problem.where}: {last}"
    try:
        report = run.watcher.monitor.report()
        report.encode()
    except Exception as error:  # noqa: BLE001  # whatever a user would have met
        yield "report", f"{type(error).__name__}: {error}"
        return
    strange = {one for one in report if (one != "\n" and not one.isprintable()) or is_steering(one)}
    if strange:
        yield "report", f"has characters that steer a terminal: {sorted(map(ascii, strange))}"
    first = report.partition("\n")[0].lower()
    beginning = " ".join(report.partition("\n\n")[0].split())
    is_told = any(problem.message[:40] in beginning for problem in problems)
    if problems and not is_told and not any(word in first for word in CONFESSIONS):
        yield "confession", f"{problems[0].message}, but the report begins with {first!r}"


def is_steering(character: str) -> bool:
    """Whether it changes the direction of the text that follows."""
    return unicodedata.bidirectional(character) in STEERING


def _left(before: dict[str, object]) -> Iterator[tuple[str, str]]:
    after = dict(on_torch())
    for place, value in after.items():
        if value != before[place]:
            yield "hooks", f"{place} is {value}, was {before[place]}"


class Weight:
    """How heavy the process is."""

    def __init__(self) -> None:
        gc.collect()
        self._memory, self._objects = resident(), len(gc.get_objects())

    def grown(self) -> list[tuple[str, str]]:
        """What is wrong with its growth since."""
        memory, objects = resident() - self._memory, len(gc.get_objects()) - self._objects
        found = []
        if memory > MEMORY:
            found.append(("memory", f"{memory:.0f} MiB more than before"))
        if objects > OBJECTS:
            found.append(("memory", f"{objects:,} objects more than before"))
        return found


def resident() -> float:
    """Mebibytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20
