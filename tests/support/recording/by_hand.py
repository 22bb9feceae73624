"""Run files that are written by hand, message by message, with correct checksums."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from mcap.writer import CompressionType, Writer

from gradwidget.diagnose.thresholds import DEFAULT
from gradwidget.run.format.arrays import packed
from gradwidget.run.format.schemas import PROFILE, SCHEMAS
from gradwidget.run.recorder import run_data


def about() -> dict[str, Any]:
    """What a file says first."""
    return run_data("Net", 0, DEFAULT)


def made(path: Path, *messages: tuple[str, Any], profile: str = PROFILE) -> Path:
    """A file with correct checksums, whatever is in it."""
    with path.open("wb") as file:
        writer = Writer(file, compression=CompressionType.ZSTD)
        writer.start(profile=profile)
        channels = {
            topic: writer.register_channel(topic, "json", 0) for topic in [*SCHEMAS, "unknown"]
        }
        for topic, data in messages:
            content = data if isinstance(data, bytes) else json.dumps(data).encode()
            writer.add_message(channels[topic], 0, content, 0)
        writer.finish()
    return path


def layers(number: int = 1, count: int = 2) -> tuple[str, Any]:
    """A message with a few layers."""
    one = {"kind": "Linear", "shapes": {"weight": [2, 2]}, "trainable": True, "activation": None}
    return "layers", {"id": number, "layers": [{"name": f"fc{i}", **one} for i in range(count)]}


def frame(step: object, **changes: Any) -> tuple[str, Any]:
    """A message with a frame of two layers."""
    whole: dict[str, Any] = {
        "step": step,
        "layers": 1,
        "wiring": None,
        "metrics": {"grad_rms": packed(np.ones(2, np.float32), "<f4")},
        "measured": {},
        "scalars": {"names": ["loss"], "values": packed(np.ones(1), "<f8")},
        "skipped": False,
        "reasons": {},
        "origin": None,
        "recurrent": [],
    }
    return "frame", whole | changes
