"""A recorded run, read again, is the run that it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gradwidget import GradMonitor, Thresholds, open_run
from gradwidget.control.control import Change
from gradwidget.problem import Problem
from gradwidget.run.news import News
from tests.support.frames import chain, frame, healthy, origin
from tests.support.recording.recorded import Recorded, assert_same_history, steps

Loop = Callable[[GradMonitor, nn.Module], None]


def trained(monitor: GradMonitor, model: nn.Module, count: int = 60, lr: float = 0.1) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    width = next(model.parameters()).shape[-1]
    for _ in range(count):
        optimizer.zero_grad()
        model(torch.randn(16, width)).square().mean().backward()
        optimizer.step()
    monitor.log(done=True)


def sigmoids() -> nn.Module:
    layers = [part for _ in range(9) for part in (nn.Linear(8, 8), nn.Sigmoid())]
    return nn.Sequential(*layers)


def plain() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))


def diverging(monitor: GradMonitor, model: nn.Module) -> None:
    trained(monitor, model, lr=1e4)


def changing(monitor: GradMonitor, model: nn.Module) -> None:
    trained(monitor, model, 30)
    assert isinstance(model, nn.Sequential)
    model.append(nn.Linear(4, 4))
    trained(monitor, model, 30)


def recurrent(monitor: GradMonitor, model: nn.Module) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(30):
        optimizer.zero_grad()
        model(torch.randn(5, 12, 8))[0].square().mean().backward()
        optimizer.step()
    assert monitor.history.last is not None


KINDS: dict[str, tuple[Callable[[], nn.Module], Loop]] = {
    "vanishing": (sigmoids, trained),
    "explosion to NaN": (plain, diverging),
    "layers that change": (plain, changing),
    "recurrent": (lambda: nn.LSTM(8, 8), recurrent),
    "healthy": (plain, trained),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_read_again_has_the_history_and_the_findings_that_it_had_live(
    kind: str, tmp_path: Path
) -> None:
    build, loop = KINDS[kind]
    torch.manual_seed(0)
    model = build()
    with GradMonitor(model, budget=None, run_file=tmp_path / "run.gw") as monitor:
        loop(monitor, model)
    assert monitor.problems == []
    run = open_run(tmp_path / "run.gw")
    assert_same_history(run.history, monitor.history)
    # In words: the evidence may have a NaN, which is not equal to itself.
    assert repr(run.findings) == repr(monitor.findings)
    assert repr(run.diagnose()) == repr(monitor.findings)
    assert run.report(full=True) == monitor.report(full=True)
    assert run.layers == monitor.layers
    assert run.closed
    assert run.damage == []
    sick = {finding.symptom.value for finding in run.findings}
    expected = {"vanishing": "vanishing_gradients", "explosion to NaN": "loss_nonfinite"}
    assert kind not in expected or expected[kind] in sick


def test_skipped_steps_gaps_and_what_was_not_measured_come_back(tmp_path: Path) -> None:
    layers = chain(3)
    frames = []
    for step in range(0, 120, 3):
        values = healthy(
            3,
            scalars={"loss": np.nan if step % 5 == 0 else 2.0},
            measured={"act_rms": np.array([True, False, step % 2 == 0])},
            act_rms=np.array([np.nan, np.nan, 1.0]),
            skipped=step % 7 == 0,
            origin=origin("backward", "fc1") if step == 60 else None,
        )
        frames.append(frame(step, layers, values))
    live = Recorded(tmp_path / "run.gw").take(frames).close()
    run = open_run(tmp_path / "run.gw")
    assert_same_history(run.history, live.history)
    # In words: the evidence has a NaN, which is not equal to itself.
    assert repr(run.findings) == repr(live.engine.findings) == repr(run.diagnose())


@pytest.mark.slow
def test_frames_with_scalars_alone_come_back_too(tmp_path: Path) -> None:
    layers = chain(3)
    frames = [
        frame(step, layers, healthy(3))
        if step % 10 == 0
        else frame(step, layers, {"scalars": {"loss": 1.0 / (step + 1), "time": step * 0.1}})
        for step in range(1_500)
    ]
    live = Recorded(tmp_path / "run.gw").take(frames).close()
    assert_same_history(open_run(tmp_path / "run.gw").history, live.history)


def test_the_loss_of_every_step_is_in_the_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, losses = plain(), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with GradMonitor(model, run_file=tmp_path / "run.gw") as monitor:
        for _ in range(400):
            optimizer.zero_grad()
            loss = model(torch.randn(16, 8)).square().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert monitor.problems == []
    assert monitor.history.version < 400
    run = open_run(tmp_path / "run.gw")
    steps, values = run.history.series("loss")
    assert steps.tolist() == list(range(400))
    assert values.tolist() == losses
    assert_same_history(run.history, monitor.history)


def test_the_losses_of_several_passes_are_added_and_those_that_were_cleared_are_not(
    tmp_path: Path,
) -> None:
    torch.manual_seed(0)
    model, losses = plain(), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with GradMonitor(model, run_file=tmp_path / "run.gw") as monitor:
        for step in range(200):
            optimizer.zero_grad()
            if step % 7 == 0:
                model(torch.randn(16, 8)).square().mean().backward()
                optimizer.zero_grad()
            passes = [model(torch.randn(16, 8)).square().mean() for _ in range(3)]
            for loss in passes:
                loss.backward()
            optimizer.step()
            losses.append(sum(loss.item() for loss in passes))
    assert monitor.history.series("loss")[1].tolist() == losses


def test_a_loss_that_the_user_logs_is_the_one_that_is_shown(tmp_path: Path) -> None:
    model = plain()
    with GradMonitor(model, run_file=tmp_path / "run.gw") as monitor:
        monitor.log(loss=7.0)
        trained(monitor, model, 200)
    assert set(monitor.history.series("loss")[1].tolist()[:1]) == {7.0}
    assert monitor.history.losses.version <= monitor.history.version


def test_a_resumed_run_replaces_losses_too(tmp_path: Path) -> None:
    Recorded(tmp_path / "run.gw").take_losses([(step, 1.0) for step in range(100)]).close()
    live = Recorded(tmp_path / "run.gw", start_step=40)
    live.take_losses([(step, 2.0) for step in range(40, 60)]).close()
    steps, values = open_run(tmp_path / "run.gw").history.series("loss")
    assert steps.tolist() == list(range(60))
    assert values.tolist() == [1.0] * 40 + [2.0] * 20


def test_changes_problems_settings_and_versions_are_in_the_file(tmp_path: Path) -> None:
    bounds = Thresholds(vanishing_ratio=1e-6)
    live = Recorded(tmp_path / "run.gw", thresholds=bounds, model="Transformer")
    live.news = News((Change(1, 7, "clipped", undone_step=9),), [Problem("here", "failed", "…", 3)])
    live.take(steps(20)).close()
    run = open_run(tmp_path / "run.gw")
    assert run.changes == (Change(1, 7, "clipped", undone_step=9),)
    assert run.problems == [Problem("here", "failed", "…", 3)]
    assert run.thresholds == bounds
    assert run.model_class == "Transformer"
    assert run.versions["torch"] == torch.__version__


def test_other_bounds_can_be_judged_by(tmp_path: Path) -> None:
    Recorded(tmp_path / "run.gw").take(steps(60)).close()
    run = open_run(tmp_path / "run.gw")
    assert not [finding for finding in run.diagnose() if finding.severity == "critical"]
    strict = Thresholds(update_high=1e-9, update_low=1e-12)
    assert run.diagnose(strict)


def test_names_of_every_kind_come_back(tmp_path: Path) -> None:
    odd = "\x1b[31m\ud800</script>\n" + "ä" * 50
    layers = (chain(2)[0], chain(2)[1].__class__(odd, odd, {"w": (2,)}))
    one = frame(0, layers, healthy(2, scalars={odd: 1.0}))
    Recorded(tmp_path / "run.gw").take([one]).close()
    read = open_run(tmp_path / "run.gw")
    assert read.layers == layers
    assert odd in read.scalars
    assert "\x1b" not in read.report(full=True)


# ---------------------------------------------------------------- resumed runs


def test_a_resumed_run_replaces_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    first = Recorded(tmp_path / "run.gw").take(steps(100)).close()
    again = Recorded(tmp_path / "run.gw", start_step=80).take(steps(50, start=80)).close()
    run = open_run(tmp_path / "run.gw")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.2.gw", "run.gw"]
    joined = Recorded(tmp_path / "joined.gw").take(steps(80)).take(steps(50, start=80)).close()
    assert_same_history(run.history, joined.history)
    assert first.history.version + again.history.version > run.history.version
    assert run.start_step == 0


def test_a_run_started_again_stands_alone(tmp_path: Path) -> None:
    Recorded(tmp_path / "run.gw").take(steps(100)).close()
    live = Recorded(tmp_path / "run.gw").take(steps(30)).close()
    assert_same_history(open_run(tmp_path / "run.gw").history, live.history)


def test_findings_of_an_earlier_part_are_over(tmp_path: Path) -> None:
    layers = chain(6)
    vanishing = 10.0 ** np.arange(-12, 0, 2)
    names = ("act_grad_rms", "act_grad_norm", "grad_rms", "grad_norm")
    values = healthy(6, **dict.fromkeys(names, vanishing), scalars={"loss": 2.0})
    sick = [frame(step, layers, values) for step in range(60)]
    first = Recorded(tmp_path / "run.gw").take(sick).close()
    assert any(finding.active for finding in first.engine.findings)
    Recorded(tmp_path / "run.gw", start_step=60).take(steps(40, 6, start=60)).close()
    run = open_run(tmp_path / "run.gw")
    assert run.findings
    assert not any(finding.active for finding in run.findings)
    assert run.findings == run.diagnose()


@pytest.mark.parametrize("bad", ["run.gw", "run.2.gw"])
def test_a_part_that_cannot_be_read_does_not_take_the_others_with_it(
    bad: str, tmp_path: Path
) -> None:
    Recorded(tmp_path / "run.gw").take(steps(30)).close()
    Recorded(tmp_path / "run.gw", start_step=30).take(steps(10, start=30)).close()
    (tmp_path / bad).write_bytes(b"")
    run = open_run(tmp_path / "run.gw")
    assert run.history.version == {"run.gw": 10, "run.2.gw": 30}[bad]
    assert run.damage == [f"{bad} is empty: nothing has been recorded yet; try again in a while"]
    assert not run.refresh()
    assert run.diagnose() == run.findings
