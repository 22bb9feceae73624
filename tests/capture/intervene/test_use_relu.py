"""ReLU put in the place of squashing modules while a model trains: as the code of the remedy does
it, and taken back without a trace."""

from __future__ import annotations

import gc
from weakref import ref

import pytest
import torch
from torch import Tensor, nn

from gradwidget.action import UseRelu, parse_action
from gradwidget.capture.guard import Guard
from gradwidget.capture.intervene.actuator import Actuator
from gradwidget.control.commands import Undo
from gradwidget.diagnose.finding import Remedy, Symptom
from gradwidget.monitor import GradMonitor

torch.set_num_threads(1)


def sigmoids(*, shared: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    one = nn.Sigmoid()
    parts: list[nn.Module] = []
    for number in range(8):
        parts += [nn.Linear(8 if number == 0 else 32, 32), one if shared else nn.Sigmoid()]
    return nn.Sequential(*parts, nn.Linear(32, 3), nn.Sigmoid())


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> float:
    loss = torch.tensor(0.0)
    for step in range(steps):
        x = torch.randn(64, 8, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(4 * model(x), x[:, :3].argmax(1))
        loss.backward()
        optimizer.step()
    return float(loss.detach())


def advised(model: nn.Module, optimizer: torch.optim.Optimizer) -> Remedy:
    with GradMonitor(model, budget=None) as monitor:
        train(model, optimizer, 30)
        [sick] = [one for one in monitor.findings if one.symptom is Symptom.VANISHING_GRADIENTS]
    return next(one for one in sick.remedies if "ReLU" in one.title)


def kinds(model: nn.Module) -> list[str]:
    return [type(part).__name__ for part in model.children() if not list(part.parameters())]


@pytest.mark.parametrize("shared", [False, True])
def test_it_does_what_the_code_of_the_remedy_does_and_takes_it_back(
    shared: bool,  # noqa: FBT001 - both are tried
) -> None:
    model = sigmoids(shared=shared)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    remedy = advised(model, optimizer)
    assert remedy.action is not None
    modules = list(model)
    before = [one.detach().clone() for one in model.parameters()]
    momentum = [optimizer.state[one]["momentum_buffer"].clone() for one in model.parameters()]

    applied = Actuator(model, lambda: [optimizer], Guard(), rewired=lambda: None).apply(
        parse_action(remedy.action)
    )
    assert kinds(model) == ["ReLU"] * 8 + ["Sigmoid"]  # what comes behind the last layer stays
    assert applied.text.startswith("ReLU in the place of sigmoid; fresh weights for ")
    twin = sigmoids(shared=shared)
    exec(  # noqa: S102 - the code is the measure
        remedy.code,
        {"model": twin, "optimizer": torch.optim.SGD(twin.parameters(), lr=0.05), "torch": torch},
    )
    assert kinds(twin) == kinds(model)

    applied.undo()
    assert all(one is other for one, other in zip(model, modules, strict=True))
    assert all(map(torch.equal, before, model.parameters()))
    now = [optimizer.state[one]["momentum_buffer"] for one in model.parameters()]
    assert all(map(torch.equal, momentum, now))

    Actuator(model, lambda: [optimizer], Guard(), rewired=lambda: None).apply(
        parse_action(remedy.action)
    )
    sick = sigmoids(shared=shared)
    loss = train(sick, torch.optim.SGD(sick.parameters(), lr=0.05, momentum=0.9), 180)
    assert train(model, optimizer, 150) < 0.9 * loss


class Called(nn.Module):
    """One that calls its activation function itself."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(torch.sigmoid(self.first(x)))
        return y


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (UseRelu("Sigmoid", "last", {"first": "kaiming"}), "forward\\(\\) calls it itself"),
        (UseRelu("Sigmoid", "gone", {"first": "kaiming"}), "no layer 'gone' any more"),
    ],
)
def test_what_cannot_be_done_changes_nothing_and_says_why(action: UseRelu, reason: str) -> None:
    model = Called()
    before = [one.detach().clone() for one in model.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match=reason):
        Actuator(model, lambda: [optimizer], Guard(), rewired=lambda: None).apply(action)
    assert all(map(torch.equal, before, model.parameters()))


def test_weights_that_cannot_be_drawn_leave_the_modules_as_they_are() -> None:
    model = sigmoids()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="no layer 'gone' any more"):
        Actuator(model, lambda: [optimizer], Guard(), rewired=lambda: None).apply(
            UseRelu("Sigmoid", "16", {"0": "kaiming", "gone": "kaiming"})
        )
    assert kinds(model) == ["Sigmoid"] * 9


def test_what_has_been_replaced_since_is_left_and_no_model_is_kept_alive() -> None:
    model = sigmoids()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    action = UseRelu("Sigmoid", "16", {"0": "kaiming"})
    optimizers = [optimizer]
    applied = Actuator(model, lambda: optimizers, Guard(), rewired=lambda: None).apply(action)
    model[1] = nn.GELU()
    applied.undo()
    assert kinds(model) == ["GELU", *["Sigmoid"] * 8]
    known = ref(model)
    optimizers.clear()
    del model, optimizer
    gc.collect()
    assert known() is None
    applied.undo()


def test_outputs_are_read_by_the_activation_function_that_is_there_now() -> None:
    model = sigmoids()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    with GradMonitor(model, budget=None) as monitor:
        train(model, optimizer, 30)
        remedy = next(one for one in monitor.findings[0].remedies if "ReLU" in one.title)
        answer = monitor._session.control.submit(remedy)
        train(model, optimizer, 20)
        assert answer.done()
        history = monitor._session.history
        assert [one.activation for one in history.layers] == ["relu"] * 8 + ["sigmoid"]
        assert history.recent("act_dead_fraction", 1)[0, 0] >= 0
        monitor._session.control.gate.submit(Undo(None))
        train(model, optimizer, 20)
        assert {one.activation for one in monitor._session.history.layers} == {"sigmoid"}
