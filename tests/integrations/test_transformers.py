"""The callback for the Trainer, in a real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import nn

pytest.importorskip("transformers", reason="`make integrations` installs it")
pytest.importorskip("accelerate", reason="`make integrations` installs it")

from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainerCallback, TrainingArguments

from gradwidget import GradMonitor
from gradwidget.integrations.transformers import GradCallback, watch


class Reporter(TrainerCallback):
    """Keeps what it is given, as one for a dashboard does."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def on_log(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        self.seen.append(dict(given["logs"]))


def trainer(
    path: Path,
    reporter: Reporter,
    *,
    steps: int = 6,
    adapted: Callable[[nn.Module], nn.Module] = lambda model: model,
    **options: Any,
) -> Trainer:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2,
    )  # fmt: skip
    data = [{"input_ids": row, "labels": row} for row in torch.randint(0, 32, (32, 8))]
    arguments = TrainingArguments(
        output_dir=str(path), max_steps=steps, per_device_train_batch_size=2, logging_steps=2,
        gradient_accumulation_steps=2, max_grad_norm=0.1, report_to=[], use_cpu=True,
        save_strategy="no", disable_tqdm=True, **options,
    )  # fmt: skip
    model = adapted(LlamaForCausalLM(config))
    return Trainer(model=model, args=arguments, train_dataset=data, callbacks=[reporter])


def test_steps_and_figures_are_the_trainers(tmp_path: Path) -> None:
    reporter = Reporter()
    one = trainer(tmp_path, reporter)
    callback = watch(one, budget=None)
    one.train()
    monitor = callback.monitor
    assert monitor is not None
    assert monitor.closed
    assert monitor.problems == []
    assert monitor.history.steps.tolist() == [0, 1, 2, 3, 4, 5]
    logged = [log for log in reporter.seen if "loss" in log]
    # The trainer's norm is that before clipping.
    raw = monitor.history.scalars["raw_total_grad_norm"]
    for number, log in enumerate(logged):
        assert log["gradwidget/raw_total_grad_norm"] == pytest.approx(raw[2 * number + 1])
        assert log["grad_norm"] == pytest.approx(raw[2 * number + 1], rel=1e-4)
        assert log["gradwidget/total_grad_norm"] == pytest.approx(0.1, rel=1e-3)
        assert log["gradwidget/state"] == 0.0
    assert "gradwidget/state" in one.state.log_history[0]


def test_a_critical_finding_stops_the_training_if_asked(tmp_path: Path) -> None:
    reporter = Reporter()
    one = trainer(tmp_path, reporter, steps=40)
    with torch.no_grad():
        one.model.lm_head.weight[0, 0] = float("nan")
    callback = watch(one, budget=None, stop_on_critical=True)
    one.train()
    assert one.state.global_step < 40
    assert callback.monitor is not None
    assert any(found.severity == "critical" for found in callback.monitor.findings)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_adapters_that_come_after_the_monitor_are_all_known(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft", reason="`make integrations` installs it")
    monitors: list[GradMonitor] = []

    def adapted(model: nn.Module) -> nn.Module:
        monitors.append(GradMonitor(model, budget=None))
        config = peft.LoraConfig(target_modules=["q_proj", "v_proj"], r=2)
        return cast("nn.Module", peft.get_peft_model(model, config))

    reporter = Reporter()
    one = trainer(tmp_path, reporter, adapted=adapted)
    one.train()
    [monitor] = monitors
    monitor.close()
    assert monitor.problems == []
    assert monitor.history.steps.tolist() == [0, 1, 2, 3, 4, 5]
    trained = {
        name.removeprefix("base_model.model.")
        for name, parameter in one.model.named_parameters()
        if parameter.requires_grad
    }
    assert {f"{layer.name}.weight" for layer in monitor.layers if layer.trainable} == trained
    raw = monitor.history.scalars["raw_total_grad_norm"]
    norms = [log["grad_norm"] for log in reporter.seen if "grad_norm" in log]
    assert norms == pytest.approx(raw[1::2], rel=1e-4)


def test_it_may_be_given_like_any_other_callback(tmp_path: Path) -> None:
    one = trainer(tmp_path, Reporter(), steps=2)
    callback = GradCallback(budget=None)
    one.add_callback(callback)
    one.train()
    assert callback.monitor is not None
    assert len(callback.monitor.history.steps) == 2
