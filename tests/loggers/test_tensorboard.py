"""TensorBoard: what a writer is given, and what a real one keeps."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from gradwidget import Finding, GradMonitor, Symptom
from gradwidget.loggers.tensorboard import TensorBoardLogger


class Writer:
    """Takes what a SummaryWriter takes."""

    def __init__(self) -> None:
        self.scalars: list[tuple[str, float, int]] = []
        self.texts: list[tuple[str, str, int]] = []

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        self.scalars.append((tag, scalar_value, global_step))

    def add_text(self, tag: str, text_string: str, global_step: int) -> None:
        self.texts.append((tag, text_string, global_step))


def train(writer: object) -> GradMonitor:
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with GradMonitor(model, budget=None) as monitor:
        monitor.send_to(TensorBoardLogger(writer))  # type: ignore[arg-type]  # either of the two
        for step in range(3):
            optimizer.zero_grad()
            (model(torch.randn(8, 4)).square().mean() * (math.nan if step == 2 else 1)).backward()
            optimizer.step()
    assert monitor.problems == []
    return monitor


def test_a_writer_gets_scalars_and_text_at_their_steps() -> None:
    writer = Writer()
    monitor = train(writer)
    norms = [
        (value, step) for tag, value, step in writer.scalars if tag.endswith("/total_grad_norm")
    ]
    assert [step for _, step in norms] == [0, 1, 2]
    assert norms[0][0] == pytest.approx(monitor.history.scalars["total_grad_norm"][0])
    assert writer.texts[0][0] == "gradwidget/findings"
    assert writer.texts[0][2] == 2


def test_names_of_layers_are_text_in_what_is_read_as_markdown() -> None:
    writer = Writer()
    message = "Units of <b>_fc_1_</b> and [x](y) are dead."
    finding = Finding(Symptom.DEAD_RELU, "warning", message, (), 3, 8, 9)
    TensorBoardLogger(writer).log_finding(finding, 8)
    [(_, text, _)] = writer.texts
    assert r"&lt;b&gt;\_fc\_1\_&lt;/b&gt; and \[x\](y)" in text


def test_what_is_no_writer_is_refused() -> None:
    with pytest.raises(TypeError, match="SummaryWriter, not str"):
        TensorBoardLogger("runs")  # type: ignore[arg-type]  # that is the point


def test_a_real_writer_keeps_them(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="`make integrations` installs it")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        monitor = train(writer)
    read = EventAccumulator(str(tmp_path))
    read.Reload()
    events = read.Scalars("gradwidget/total_grad_norm")
    assert [one.step for one in events] == [0, 1, 2]
    norms = monitor.history.scalars["total_grad_norm"]
    assert [one.value for one in events[:2]] == pytest.approx(norms[:2])
    assert read.Tensors("gradwidget/findings/text_summary")[0].step == 2
