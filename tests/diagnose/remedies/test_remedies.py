"""The printed code of remedies, run on the very model that was sick."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from gradwidget.diagnose.finding import Finding, Remedy, Symptom
from gradwidget.monitor import GradMonitor

torch.set_num_threads(1)
STEPS = 40


def chain(
    depth: int, activation: Callable[[], nn.Module], gain: float | None = None
) -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for i in range(depth):
        linear = nn.Linear(8 if i == 0 else 32, 32)
        if gain is not None:
            nn.init.normal_(linear.weight, std=gain / linear.in_features**0.5)
        layers += [linear, activation()]
    return nn.Sequential(*layers, nn.Linear(32, 3))


def train(
    model: nn.Module, optimizer: torch.optim.Optimizer, steps: int = STEPS
) -> tuple[list[Finding], float]:
    """What is found in a run, and its final loss."""
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(8, 3, generator=generator)
    loss = torch.tensor(0.0)
    with GradMonitor(model, budget=None) as monitor:
        for _ in range(steps):
            x = torch.randn(64, 8, generator=generator)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), (x @ weights).argmax(1))
            loss.backward()
            optimizer.step()
    return monitor.findings, float(loss.detach())


def one(findings: list[Finding], symptom: Symptom) -> Finding:
    return next(finding for finding in findings if finding.symptom is symptom)


def run(remedy: Remedy, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    exec(remedy.code, {"model": model, "optimizer": optimizer, "torch": torch})  # noqa: S102 - that is what it is for


@pytest.mark.slow
@pytest.mark.parametrize("title", ["ReLU", "Normalize", "fewer layers"])
def test_a_vanishing_sigmoid_chain_is_cured(title: str) -> None:
    model = chain(10, nn.Sigmoid)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    findings, loss_before = train(model, optimizer)
    sick = one(findings, Symptom.VANISHING_GRADIENTS)
    run(next(remedy for remedy in sick.remedies if title in remedy.title), model, optimizer)
    findings, loss = train(model, optimizer)
    again = [finding for finding in findings if finding.symptom is Symptom.VANISHING_GRADIENTS]
    assert not again or again[0].evidence["value"] > 10 * sick.evidence["value"]
    assert loss < 1.1 * loss_before


@pytest.mark.slow
def test_an_exploding_start_is_cured_by_fresh_weights() -> None:
    model = chain(8, nn.ReLU, gain=6.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-12)
    findings, loss_before = train(model, optimizer)
    sick = one(findings, Symptom.EXPLODING_GRADIENTS)
    run(
        next(remedy for remedy in sick.remedies if "Reinitialize" in remedy.title),
        model,
        optimizer,
    )
    findings, loss = train(model, optimizer)
    assert Symptom.EXPLODING_GRADIENTS not in {finding.symptom for finding in findings}
    assert loss < loss_before


@pytest.mark.slow
def test_a_rate_that_is_too_high_is_lowered_and_then_learns() -> None:
    model = chain(2, nn.Tanh)
    optimizer = torch.optim.Adam(model.parameters(), lr=3.0)
    findings, loss_before = train(model, optimizer, 60)
    sick = one(findings, Symptom.LR_TOO_HIGH)
    fresh = chain(2, nn.Tanh)
    optimizer = torch.optim.Adam(fresh.parameters(), lr=3.0)
    run(sick.remedies[0], fresh, optimizer)
    findings, loss = train(fresh, optimizer, 60)
    assert Symptom.LR_TOO_HIGH not in {finding.symptom for finding in findings}
    assert loss < loss_before


@pytest.mark.slow
def test_every_remedy_of_a_sick_run_runs_on_its_model() -> None:
    tried = 0
    for activation in (nn.Sigmoid, nn.Tanh, nn.ReLU):
        for gain in (0.2, 6.0):
            findings, _ = train(
                model := chain(6, activation, gain),
                torch.optim.SGD(model.parameters(), lr=1e-3),
                25,
            )
            for number in range(max((len(finding.remedies) for finding in findings), default=0)):
                for finding in findings:
                    if number < len(finding.remedies):
                        patient = chain(6, activation, gain)
                        optimizer = torch.optim.SGD(patient.parameters(), lr=1e-3)
                        run(finding.remedies[number], patient, optimizer)
                        patient(torch.randn(4, 8)).sum().backward()
                        optimizer.step()
                        tried += 1
    assert tried >= 30
