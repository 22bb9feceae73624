"""The callback for Lightning, in a real trainer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

pl = pytest.importorskip("pytorch_lightning", reason="`make integrations` installs it")

from pytorch_lightning import LightningModule
from pytorch_lightning.loggers.logger import DummyLogger

from gradwidget.integrations.lightning import GradCallback

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")


class Module(LightningModule):
    """A small regression; Lightning calls it itself, never its ``forward``."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(4, 8), nn.Linear(8, 1)
        self.norms: list[float] = []

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        return torch.as_tensor(self.head(self.body(batch[0]).tanh()).square().mean())

    def on_before_optimizer_step(self, _: Any) -> None:
        parts = [one.grad.flatten() for one in self.parameters() if one.grad is not None]
        self.norms.append(float(torch.cat(parts).norm()))

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Kept(DummyLogger):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, dict[str, float]]] = []

    def log_metrics(self, metrics: Any, step: Any) -> None:
        self.seen.append((step, dict(metrics)))


def fit(callback: GradCallback, module: Module, logger: Kept, batches: int = 6) -> Any:
    loader = DataLoader(TensorDataset(torch.randn(4 * batches, 4)), batch_size=4)
    trainer = pl.Trainer(
        max_epochs=1, callbacks=[callback], logger=logger, log_every_n_steps=1, accelerator="cpu",
        enable_progress_bar=False, enable_checkpointing=False, enable_model_summary=False,
        accumulate_grad_batches=2,
    )  # fmt: skip
    trainer.fit(module, loader)
    return trainer


def test_steps_and_figures_are_the_trainers() -> None:
    callback, module, logger = GradCallback(budget=None), Module(), Kept()
    fit(callback, module, logger)
    monitor = callback.monitor
    assert monitor is not None
    assert monitor.closed
    assert monitor.problems == []
    assert monitor.history.steps.tolist() == [0, 1, 2]
    norms = monitor.history.scalars["total_grad_norm"].tolist()
    assert norms == pytest.approx(module.norms, rel=1e-4)
    ours = [(step, log) for step, log in logger.seen if "gradwidget/total_grad_norm" in log]
    assert [step for step, _ in ours] == [1, 2, 3]
    assert [log["gradwidget/total_grad_norm"] for _, log in ours] == pytest.approx(norms)


def test_a_critical_finding_stops_the_training_if_asked() -> None:
    module = Module()
    with torch.no_grad():
        module.head.weight[0, 0] = float("nan")
    callback = GradCallback(budget=None, stop_on_critical=True)
    trainer = fit(callback, module, Kept(), batches=80)
    assert trainer.global_step < 40
