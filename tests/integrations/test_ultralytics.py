"""The callbacks for Ultralytics, with a real model on a few small images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

os.environ.setdefault("YOLO_OFFLINE", "true")
pytest.importorskip("ultralytics", reason="`make integrations` installs it")
pytest.importorskip("torchvision", reason="it has to be made for the torch that is installed")

from PIL import Image
from ultralytics import YOLO

from gradwidget.integrations.ultralytics import watch

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two classes of eight images."""
    random = np.random.default_rng(0)
    for part in ("train", "val"):
        for kind in ("dark", "light"):
            folder = tmp_path / "images" / part / kind
            folder.mkdir(parents=True)
            for number in range(8):
                pixels = random.integers(0, 128, (32, 32, 3)) + (128 if kind == "light" else 0)
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    return tmp_path / "images"


def train(model: Any, images: Path, epochs: int = 2) -> None:
    model.train(
        data=str(images), epochs=epochs, imgsz=32, batch=4, nbs=4, workers=0, device="cpu",
        optimizer="SGD", amp=False, plots=False, verbose=False, project=str(images.parent),
    )  # fmt: skip


def test_steps_and_figures_are_those_that_the_optimizer_uses(images: Path) -> None:
    model, norms, seen = YOLO("yolo11n-cls.yaml"), list[float](), list[float]()
    watching = watch(model, budget=None)

    def note(optimizer: Any, *_: Any) -> None:
        own = [one for group in optimizer.param_groups for one in group["params"]]
        parts = [one.grad.flatten() for one in own if one.grad is not None]
        norms.append(float(torch.cat(parts).double().norm()))

    def begin(trainer: Any) -> None:
        trainer.optimizer.register_step_pre_hook(note)

    def log(trainer: Any) -> None:
        seen.append(trainer.metrics["gradwidget/total_grad_norm"])

    model.add_callback("on_train_start", begin)
    model.add_callback("on_fit_epoch_end", log)
    train(model, images)
    monitor = watching.monitor
    assert monitor is not None
    assert monitor.closed
    assert monitor.problems == []
    assert monitor.history.steps.tolist() == list(range(8))
    found = monitor.history.scalars["total_grad_norm"].tolist()
    assert found == pytest.approx(norms, rel=1e-4)
    assert seen[:2] == pytest.approx([norms[3], norms[7]], rel=1e-4)
    results = next(images.parent.rglob("results.csv")).read_text(encoding="utf-8")
    assert "gradwidget" not in results


def test_a_critical_finding_stops_the_training_if_asked(images: Path) -> None:
    model = YOLO("yolo11n-cls.yaml")
    watching = watch(model, budget=None, stop_on_critical=True)

    def spoil(trainer: Any) -> None:
        with torch.no_grad():
            next(trainer.model.parameters()).fill_(float("nan"))

    model.add_callback("on_train_start", spoil)
    train(model, images, epochs=20)
    assert watching.monitor is not None
    assert len(watching.monitor.history.steps) < 40
