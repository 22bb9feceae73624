"""What each message of a run file holds, as the JSON Schema that stands in the file itself."""

from __future__ import annotations

import json

FORMAT = 1
"""Version of the format. A reader refuses a higher one, and skips topics that it does not know."""

PROFILE = "gradwidget"
"""What the container says that it holds."""

STANDING = ("layers", "wiring", "findings", "changes", "problems", "processes")
"""Topics of which the newest message is in force."""

Schema = dict[str, object]

_whole: Schema = {"type": "integer", "minimum": 0}
_text: Schema = {"type": "string"}
_any_text: Schema = {"type": ["string", "null"]}
_any_whole: Schema = {"type": ["integer", "null"]}


def _array(of: str) -> Schema:
    return {"type": "string", "contentEncoding": "base64", "description": of}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _by_name(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


_number: Schema = {"type": ["number", "string"], "description": "or NaN, Infinity, -Infinity"}
_flags = _array("bools as bits, the first one highest")
_layers: Schema = {**_whole, "description": "id of the newest message of topic layers"}
_wiring: Schema = {**_any_whole, "description": "id of the newest message of topic wiring, or null"}
_reasons = _by_name(_text)


def _columns(of: str, **more: Schema) -> Schema:
    names = ("low", "mean", "high", "start")
    arrays = {name: _array(f"{of}, little-endian") for name in names}
    return _object(**more, **arrays, measured=_flags)


SCHEMAS: dict[str, Schema] = {
    "run": _object(
        format=_whole,
        versions=_by_name(_text),
        model=_text,
        start_step=_whole,
        began={"type": "number", "description": "seconds since 1970"},
        thresholds=_by_name({"type": "number"}),
    ),
    "layers": _object(
        id=_whole,
        layers=_list(
            _object(
                name=_text,
                kind=_text,
                shapes=_by_name(_list(_whole)),
                trainable={"type": "boolean"},
                activation=_any_text,
            )
        ),
    ),
    "wiring": _object(
        id=_whole,
        feeds=_by_name(_list(_text)),
        loss_path=_list(_text),
        unregistered=_list(_text),
        precision=_text,
        optimizers=_list(_text),
        unused=_list(_text),
        obstacles=_by_name(_list(_text)),
    ),
    "frame": _object(
        step=_whole,
        layers=_layers,
        wiring=_wiring,
        metrics=_by_name(_array("float32 [layers], little-endian; NaN where not measured")),
        measured=_by_name(_flags),
        scalars=_object(names=_list(_text), values=_array("float64 [names], little-endian")),
        skipped={"type": "boolean"},
        reasons=_reasons,
        origin={
            "type": ["object", "null"],
            "properties": {"phase": _text, "layer": _any_text, "operation": _text},
        },
        recurrent=_list(
            _object(
                layer=_text,
                quantity=_text,
                norms=_array("float32 [time], little-endian"),
                depth=_whole,
                reverse={"type": "boolean"},
            )
        ),
    ),
    # Frames that have scalars alone, most of a long run, in columns.
    "scalars": _object(
        steps=_array("int64 [steps], little-endian"),
        layers=_layers,
        wiring=_wiring,
        skipped=_flags,
        reasons=_reasons,
        scalars=_list(
            _object(name=_text, values=_array("float64 [steps], little-endian"), measured=_flags)
        ),
    ),
    # The loss of every step of which it is known, with a frame or without.
    "losses": _object(
        steps=_array("int64 [steps], little-endian: each less the one before, the first as it is"),
        values=_array("float64 [steps], little-endian"),
    ),
    # Of a long run once in a while: what its frames come to, joined in columns. Metadata named
    # overview say which blocks to read to have all of it, and where the frames behind it are.
    "overview": _object(
        layers=_layers,
        first_step=_whole,
        since={**_whole, "description": "frames before the columns; an overview ended there"},
        next_step={**_whole, "description": "of the first frame behind the columns"},
        stride={**_whole, "description": "frames of a full column"},
        steps=_array("int64 [columns], little-endian: the first step of each"),
        frames=_array("int64 [columns], little-endian: how many each stands for"),
        metrics=_list(_text),
        scalars=_list(_columns("float64 [columns]", name=_text)),
        skipped=_columns("float32 [columns]"),
        losses=_object(
            steps=_array("int64 [columns], little-endian: the first step of each"),
            means=_array("float64 [columns], little-endian"),
            firsts=_array("int64 [columns], little-endian: losses before each"),
            version={**_whole, "description": "losses in all"},
            last_step=_whole,
            longest={**_whole, "description": "losses of an older column at most"},
        ),
    ),
    "overview_metric": _columns("float32 [columns, layers]", name=_text),
    # Each of the following replaces the one before it.
    "findings": _object(
        step=_whole,
        findings=_list(
            _object(
                symptom=_text,
                severity=_text,
                message=_text,
                layers=_list(_text),
                first_step=_whole,
                reported_step=_whole,
                last_step=_whole,
                active={"type": "boolean"},
                caveat=_text,
                evidence=_by_name(_number),
                origin=_any_text,
                remedies=_list(
                    _object(title=_text, why=_text, code=_text, action={"type": ["object", "null"]})
                ),
                because=_any_text,
                consequences=_list(_text),
            )
        ),
    ),
    "changes": _object(
        changes=_list(_object(number=_whole, step=_whole, text=_text, undone_step=_any_whole))
    ),
    "problems": _object(
        problems=_list(
            _object(
                where=_text,
                message=_text,
                traceback=_text,
                step=_whole,
                is_off={"type": "boolean"},
            )
        )
    ),
    # Where the training is spread over several.
    "processes": _object(
        judge={**_any_whole, "description": "the rank that judges in the place of this one"},
        notes=_list(_text),
        ranks=_list(
            _object(
                rank=_whole,
                step=_whole,
                loss=_number,
                seconds=_number,
                lags={"type": "boolean"},
                nonfinite_step=_any_whole,
                nonfinite_phase=_text,
                apart_since=_any_whole,
            )
        ),
    ),
}
"""By topic: the messages of a run, in the order in which they were written."""


def schema_text(topic: str) -> bytes:
    """The schema of a topic as it stands in the file."""
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": topic}
    return json.dumps(whole | SCHEMAS[topic]).encode()
