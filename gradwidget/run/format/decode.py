"""Reads the nouns of a run back from plain data, and takes nothing on trust."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields as fields_of
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from gradwidget.control.control import Change
from gradwidget.diagnose.finding import Finding, Origin, Remedy, Severity, Symptom
from gradwidget.diagnose.thresholds import Thresholds
from gradwidget.frame import (
    BoolArray,
    FloatArray,
    Frame,
    Layer,
    NonfiniteOrigin,
    Obstacle,
    RecurrentProfile,
    Standing,
    Wiring,
)
from gradwidget.metrics import METRICS
from gradwidget.problem import Problem
from gradwidget.record.rank_log import Rank
from gradwidget.report.processes import Processes
from gradwidget.run.format.arrays import unpacked, unpacked_flags
from gradwidget.run.format.fields import (
    Fields,
    UnreadableError,
    flag,
    listing,
    mapping,
    maybe,
    one_of,
    real,
    text,
    whole,
)
from gradwidget.run.format.limits import (
    LONGEST_NAME,
    MOST_FINDINGS,
    MOST_LAYERS,
    MOST_PROFILES,
    MOST_RANKS,
    MOST_ROWS,
    MOST_SCALARS,
    MOST_SHAPES,
    MOST_STEP,
)

SYMPTOMS = tuple(Symptom)


def name_of(value: object) -> str:
    """The name of a layer, a scalar or a class."""
    return text(value, LONGEST_NAME)


def layers_from(data: Fields) -> tuple[Layer, ...]:
    """The layers."""
    return listing(data["layers"], _layer, MOST_LAYERS)


def _layer(value: object) -> Layer:
    data = mapping(value)
    shapes = {
        name_of(name): listing(sizes, whole, 64)
        for name, sizes in mapping(data["shapes"], MOST_SHAPES).items()
    }
    return Layer(
        name_of(data["name"]),
        name_of(data["kind"]),
        shapes,
        flag(data["trainable"]),
        maybe(data["activation"], name_of),
    )


def wiring_from(data: Fields, layers: int) -> Wiring:
    """The wiring of ``layers`` layers, and of a few that have gone since."""
    most = 2 * layers + 100
    # Each name once: every one of the newest frames may have a wiring of its own.
    shared: dict[str, str] = {}

    def layer_name(value: object) -> str:
        if len(shared) > most:
            message = f"more than {most:,} layers"
            raise UnreadableError(message)
        name = name_of(value)
        return shared.setdefault(name, name)

    return Wiring(
        {
            layer_name(name): listing(behind, layer_name, most)
            for name, behind in mapping(data["feeds"], most).items()
        },
        listing(data["loss_path"], name_of, 1_000),
        listing(data["unregistered"], name_of, 10_000),
        name_of(data["precision"]),
        listing(data["optimizers"], name_of, 1_000),
        listing(data["unused"], name_of, 100_000),
        {
            one_of(name, get_args(Obstacle)): listing(words, name_of, 10)
            for name, words in mapping(data["obstacles"], 100).items()
        },
    )


def frame_from(data: Fields, layers: tuple[Layer, ...], wiring: Wiring | None) -> Frame:
    """A frame of these layers."""
    count = len(layers)
    scalars = mapping(data["scalars"])
    names = listing(scalars["names"], name_of, MOST_SCALARS)
    values = unpacked(scalars["values"], "<f8", len(names)).tolist()
    return Frame(
        whole(data["step"]),
        layers,
        _metrics(data, count),
        _measured(data, count),
        dict(zip(names, values, strict=True)),
        flag(data["skipped"]),
        _reasons(data, count),
        maybe(data["origin"], _origin),
        listing(data["recurrent"], _profile, MOST_PROFILES),
        wiring,
    )


def _metrics(data: Fields, count: int) -> dict[str, FloatArray]:
    # One that a later version measures has no meaning here.
    return {
        name: unpacked(values, "<f4", count)
        for name, values in mapping(data["metrics"]).items()
        if name in METRICS
    }


def _measured(data: Fields, count: int) -> dict[str, BoolArray]:
    return {
        name: unpacked_flags(mask, count)
        for name, mask in mapping(data["measured"]).items()
        if name in METRICS
    }


def _reasons(data: Fields, count: int) -> dict[str, str]:
    # A sentence for each layer, and a few for layers that are gone since.
    reasons = mapping(data["reasons"], 2 * count + 100)
    return {name_of(name): text(why, 1_000) for name, why in reasons.items()}


def _origin(value: object) -> NonfiniteOrigin:
    data = mapping(value)
    return NonfiniteOrigin(
        one_of(data["phase"], get_args(Origin)),
        maybe(data["layer"], name_of),
        name_of(data.get("operation", "")),
    )


def _profile(value: object) -> RecurrentProfile:
    data = mapping(value)
    return RecurrentProfile(
        name_of(data["layer"]),
        name_of(data["quantity"]),
        unpacked(data["norms"], "<f4"),
        whole(data["depth"]),
        flag(data["reverse"]),
    )


def plain_from(data: Fields, layers: tuple[Layer, ...], wiring: Wiring | None) -> list[Frame]:
    """Frames that have scalars alone."""
    steps = _rows(data["steps"]).tolist()
    if steps and not (min(steps) >= 0 and max(steps) <= MOST_STEP):
        message = "steps out of range"
        raise ValueError(message)
    count = len(steps)
    skipped = unpacked_flags(data["skipped"], count).tolist()
    reasons = _reasons(data, len(layers))
    scalars: list[dict[str, float]] = [{} for _ in steps]
    for name, values, measured in listing(
        data["scalars"], lambda one: _column(one, count), MOST_SCALARS
    ):
        for place in measured.nonzero()[0].tolist():
            scalars[place][name] = values[place]
    return [
        Frame(step, layers, {}, {}, scalars[place], skipped[place], reasons, wiring=wiring)
        for place, step in enumerate(steps)
    ]


def _column(value: object, count: int) -> tuple[str, list[float], BoolArray]:
    data = mapping(value)
    values = unpacked(data["values"], "<f8", count).tolist()
    return name_of(data["name"]), values, unpacked_flags(data["measured"], count)


def _rows(steps: object) -> NDArray[np.int64]:
    numbers = unpacked(steps, "<i8")
    if len(numbers) > MOST_ROWS:
        message = f"{len(numbers):,} rows where {MOST_ROWS:,} are the most"
        raise UnreadableError(message)
    return numbers


def losses_from(data: Fields) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Steps and their losses."""
    differences = _rows(data["steps"])
    values = unpacked(data["values"], "<f8", len(differences))
    if ((differences < 0) | (differences > MOST_STEP)).any():
        message = "steps out of range"
        raise ValueError(message)
    steps = np.cumsum(differences)
    if ((steps < 0) | (steps > MOST_STEP)).any():
        message = "steps out of range"
        raise ValueError(message)
    return steps, values


def findings_from(data: Fields) -> list[Finding]:
    """All findings; those of symptoms that a later version knows are left out."""
    listed = listing(data["findings"], _finding, MOST_FINDINGS)
    return [finding for finding in listed if finding is not None]


def _finding(value: object) -> Finding | None:
    data = mapping(value)
    if data["symptom"] not in SYMPTOMS:
        return None
    return Finding(
        Symptom(name_of(data["symptom"])),
        one_of(data["severity"], get_args(Severity)),
        text(data["message"]),
        listing(data["layers"], name_of, MOST_LAYERS),
        whole(data["first_step"]),
        whole(data["reported_step"]),
        whole(data["last_step"]),
        flag(data["active"]),
        text(data["caveat"]),
        {name_of(name): real(one) for name, one in mapping(data["evidence"], 1_000).items()},
        maybe(data["origin"], lambda one: one_of(one, get_args(Origin))),
        listing(data["remedies"], _remedy, 100),
        maybe(data["because"], _symptom),
        listing(data["consequences"], _symptom, 1_000),
    )


def _symptom(value: object) -> Symptom:
    return Symptom(name_of(value))


def _remedy(value: object) -> Remedy:
    data = mapping(value)
    action = maybe(data["action"], mapping)
    return Remedy(text(data["title"]), text(data["why"]), text(data["code"]), action)


def changes_from(data: Fields) -> tuple[Change, ...]:
    """Every change made to the loop."""
    return listing(data["changes"], _change, MOST_FINDINGS)


def _change(value: object) -> Change:
    data = mapping(value)
    undone = maybe(data["undone_step"], whole)
    return Change(whole(data["number"]), whole(data["step"]), text(data["text"]), undone)


def problems_from(data: Fields) -> tuple[Problem, ...]:
    """Every problem."""
    return listing(data["problems"], _problem, MOST_FINDINGS)


def _problem(value: object) -> Problem:
    data = mapping(value)
    return Problem(
        text(data["where"]),
        text(data["message"]),
        text(data["traceback"]),
        whole(data["step"]),
        flag(data["is_off"]),
    )


def processes_from(data: Fields) -> Processes:
    """What each process has told last."""
    standing = Standing(maybe(data["judge"], whole), listing(data["notes"], text, MOST_FINDINGS))
    return Processes(standing, listing(data["ranks"], _rank, MOST_RANKS))


def _rank(value: object) -> Rank:
    data = mapping(value)
    return Rank(
        whole(data["rank"]),
        whole(data["step"]),
        real(data["loss"]),
        real(data["seconds"]),
        flag(data["lags"]),
        maybe(data["nonfinite_step"], whole),
        name_of(data["nonfinite_phase"]),
        maybe(data["apart_since"], whole),
    )


def thresholds_from(value: object) -> Thresholds:
    """The bounds; those that a later version knows are left out."""
    known = {one.name: one.type for one in fields_of(Thresholds)}
    given: Mapping[str, object] = mapping(value, 1_000)
    return Thresholds(
        **{
            name: whole(one) if known[name] == "int" else real(one)
            for name, one in given.items()
            if name in known
        }  # type: ignore[arg-type]  # each is a number of its field's type
    )
