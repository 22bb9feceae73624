"""Remedies for weights as they were drawn, carried out on the model that had them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, weight_norm

from gradwidget.diagnose.finding import Finding, Symptom
from gradwidget.diagnose.remedies.divide_weights import divide_weights
from gradwidget.frame import Layer
from gradwidget.monitor import GradMonitor

torch.set_num_threads(1)


def train(
    model: nn.Module, optimizer: torch.optim.Optimizer, steps: int
) -> tuple[list[Finding], float]:
    """What is found, and the mean loss of the last ten steps."""
    losses = []
    with GradMonitor(model, budget=None) as monitor:
        for step in range(steps):
            x = torch.randn(64, 8, generator=torch.Generator().manual_seed(step))
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(x), x[:, :3].argmax(1))
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        return monitor.findings, sum(losses[-10:]) / 10


def run_first(findings: list[Finding], model: nn.Module, optimizer: torch.optim.Optimizer) -> str:
    remedy = findings[0].remedies[0]
    exec(remedy.code, {"model": model, "optimizer": optimizer, "torch": torch})  # noqa: S102 - that is what it is for
    return remedy.title


class Sine(nn.Linear):
    """Of a high frequency."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(30 * super().forward(x))


def sines() -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    layers = [Sine(8, 64), *(Sine(64, 64) for _ in range(4)), nn.Linear(64, 3)]
    model = nn.Sequential(*layers)
    return model, torch.optim.Adam(model.parameters(), lr=1e-3)


def norms(model: nn.Module) -> dict[str, float]:
    """Of the weight matrices."""
    return {name: float(x.detach().norm()) for name, x in model.named_parameters() if x.dim() > 1}


def test_what_little_each_of_many_layers_adds_is_not_rounded_away() -> None:
    layer = Layer("3", "Linear", {"weight": (8, 8)})
    remedy = divide_weights([layer], 1.0115)
    assert remedy is not None
    assert remedy.title == "Divide their weights by 1.012"
    assert "grows 1.012× at each" in remedy.why
    assert "div_(1.012)" in remedy.code
    assert divide_weights([layer], 1.0) is None


def test_usual_weights_of_a_sine_network_are_divided_by_what_each_layer_adds() -> None:
    findings, loss_before = train(*sines(), 60)
    assert findings[0].symptom is Symptom.EXPLODING_GRADIENTS
    model, optimizer = sines()
    before = norms(model)
    assert run_first(findings, model, optimizer).startswith("Divide their weights by ")
    after = norms(model)
    divided = {name: before[name] / after[name] for name in before}
    # A sine of that frequency multiplies the gradient by 30·√(1/2)·√(64/3)/√64 = 12.
    assert divided.pop("5.weight") == 1
    assert all(9 < factor < 16 for factor in divided.values())
    findings, loss = train(model, optimizer, 60)
    assert Symptom.EXPLODING_GRADIENTS not in {one.symptom for one in findings}
    assert loss < 0.7 * loss_before


def test_weights_that_were_drawn_large_are_drawn_again() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(*(nn.Linear(8, 8) for _ in range(8)), nn.Linear(8, 3))
    for layer in model:
        nn.init.normal_(layer.get_parameter("weight"), std=2.0)
    findings, _ = train(model, torch.optim.SGD(model.parameters(), lr=1e-12), 30)
    sick = next(one for one in findings if one.symptom is Symptom.EXPLODING_GRADIENTS)
    assert sick.remedies[0].title.startswith("Reinitialize")
    assert not any("Divide" in one.title for one in sick.remedies)


def normalized(wrap: Callable[[nn.Module], nn.Module]) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    last = nn.Linear(16, 3)
    nn.init.zeros_(last.weight)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), wrap(last))
    return model, torch.optim.Adam(model.parameters(), lr=1e-2)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")  # it is what is tried
@pytest.mark.parametrize("wrap", [parametrizations.weight_norm, weight_norm])
def test_a_direction_is_drawn_for_normalized_weights_that_were_set_to_zero(
    wrap: Callable[[nn.Module], nn.Module],
) -> None:
    findings, _ = train(*normalized(wrap), 30)
    model, optimizer = normalized(wrap)
    assert run_first(findings, model, optimizer) == "Draw the weights that are zero"
    findings, loss = train(model, optimizer, 150)
    assert findings == []
    assert loss < 0.5
