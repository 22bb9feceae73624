"""A run file says itself what is in it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # ships no type information
import numpy as np
from mcap.reader import make_reader

from gradwidget.control.control import Change
from gradwidget.frame import RecurrentProfile, Standing, Wiring
from gradwidget.problem import Problem
from gradwidget.record.rank_log import Rank
from gradwidget.report.processes import Processes
from gradwidget.run.format.schemas import SCHEMAS
from gradwidget.run.news import News
from tests.support.frames import chain, frame, healthy, origin
from tests.support.recording.recorded import Recorded

TWO = Processes(Standing(notes=("Of 2.",)), [Rank(0, 3, 0.5, 0.01), Rank(1, 3, math.nan, 0.01)])


def test_every_message_follows_the_schema_that_stands_in_the_file(tmp_path: Path) -> None:
    layers = chain(4)
    wiring = Wiring({"fc0": ("fc1",)}, ("mse_loss",), ("Linear 4×4",), "float16", ("SGD",))
    profile = RecurrentProfile("fc0", "dL/dh", np.ones(3, np.float32))
    live = Recorded(tmp_path / "run.gw")
    live.news = News((Change(1, 2, "clipped"),), [Problem("here", "failed", "…", 3)], TWO)
    nan = healthy(4, scalars={"loss": np.nan}, origin=origin("loss"), wiring=wiring)
    live.take([frame(0, layers, healthy(4)), frame(1, layers, nan)])
    one = frame(2, layers, nan)
    live.take([type(one)(2, layers, one.metrics, recurrent=(profile,), wiring=wiring)])
    live.take([frame(3, layers, {"scalars": {"loss": 1.0}})]).close()
    seen = set()
    with (tmp_path / "run.gw").open("rb") as file:
        for schema, channel, message in make_reader(file, validate_crcs=True).iter_messages():
            assert schema is not None
            assert schema.encoding == "jsonschema"
            jsonschema.validate(json.loads(message.data), json.loads(schema.data))
            seen.add(channel.topic)
    # A long run has these besides, see tests/run/test_overview.py.
    assert seen == set(SCHEMAS) - {"overview", "overview_metric"}
