"""Remedies whose proof takes another loop: clipping, recurrent layers, wiring, inputs, half
precision."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradwidget.diagnose.finding import Finding, Remedy, Symptom
from gradwidget.monitor import GradMonitor

torch.set_num_threads(1)

Before = Callable[[int], None]


def nothing(step: int) -> None:
    """What happens before most steps."""
    del step


class LastState(nn.Module):
    """A recurrent layer over 40 steps, a linear one on its last state."""

    def __init__(self, rnn: nn.RNN | nn.LSTM | nn.GRU) -> None:
        super().__init__()
        self.rnn = rnn
        self.head = nn.Linear(rnn.hidden_size, 4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.rnn(x)[0][:, -1])
        return y


class CellLoop(nn.Module):
    """A cell called once a time step."""

    def __init__(self) -> None:
        super().__init__()
        self.cell: nn.Module = nn.RNNCell(4, 16)
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        state = x.new_zeros(len(x), 16)
        for part in x.unbind(1):
            state = self.cell(part, state)
        y: Tensor = self.head(state)
        return y


def sequences(step: int, length: int = 40) -> tuple[Tensor, Tensor]:
    """The class of the first symbol is asked for at the end of a sequence of noise."""
    generator = torch.Generator().manual_seed(step)
    y = torch.randint(4, (32,), generator=generator)
    x = 0.1 * torch.randn(32, length, 4, generator=generator)
    x[:, 0] += functional.one_hot(y, 4)
    return x, y


def points(step: int) -> tuple[Tensor, Tensor]:
    """Numbers and a linear function of them."""
    x = torch.randn(64, 8, generator=torch.Generator().manual_seed(step))
    return x, x @ torch.linspace(-1, 1, 24).reshape(8, 3)


def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Callable[[int], tuple[Tensor, Tensor]],
    criterion: Callable[[Tensor, Tensor], Tensor],
    *,
    steps: int,
    before: Before = nothing,
) -> tuple[list[Finding], float]:
    """What is found in a run, and the mean loss of its last five steps."""
    losses = []
    with GradMonitor(model, budget=None) as monitor:
        for step in range(steps):
            before(step)
            x, y = batches(step)
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        return monitor.findings, sum(losses[-5:]) / 5


def of(findings: Iterable[Finding], symptom: Symptom) -> list[Finding]:
    return [finding for finding in findings if finding.symptom is symptom]


def run(finding: Finding, title: str, model: nn.Module, optimizer: torch.optim.Optimizer) -> Remedy:
    """Runs the printed code of the remedy with these words in its title."""
    remedy = next(remedy for remedy in finding.remedies if title in remedy.title)
    exec(remedy.code, {"model": model, "optimizer": optimizer, "torch": torch})  # noqa: S102 - that is what it is for
    return remedy


def test_clipping_at_the_bound_from_the_run_keeps_it_from_blowing_up() -> None:
    """From step 40 the learning rate is so high that error and gradient feed each other."""

    def start() -> tuple[nn.Module, torch.optim.Optimizer, Before]:
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3)
        )
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

        def before(step: int) -> None:
            if step == 40:
                optimizer.param_groups[0]["lr"] = 1.4

        return model, optimizer, before

    model, optimizer, before = start()
    findings, loss_before = train(
        model, optimizer, points, functional.mse_loss, steps=60, before=before
    )
    [sick, *_] = of(findings, Symptom.EXPLODING_GRADIENTS)
    assert 40 <= sick.first_step < 50
    model, optimizer, before = start()
    run(sick, "Clip", model, optimizer)
    findings, loss = train(model, optimizer, points, functional.mse_loss, steps=60, before=before)
    assert of(findings, Symptom.EXPLODING_GRADIENTS) == []
    assert not loss_before <= loss  # it had become NaN


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "title"),
    [
        (LastState(nn.RNN(4, 16, batch_first=True)), "gated"),
        (LastState(nn.RNN(4, 16, batch_first=True)), "orthogonal"),
        (LastState(nn.LSTM(4, 16, batch_first=True)), "remembering"),
        (CellLoop(), "gated"),
        (CellLoop(), "orthogonal"),
    ],
    ids=["rnn-gated", "rnn-orthogonal", "lstm-remember", "cell-gated", "cell-orthogonal"],
)
def test_a_recurrent_net_that_forgets_is_made_to_remember(model: nn.Module, title: str) -> None:
    torch.manual_seed(0)
    for parameter in model.parameters():
        nn.init.uniform_(parameter, -0.2, 0.2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    findings, loss_before = train(model, optimizer, sequences, functional.cross_entropy, steps=25)
    [sick] = of(findings, Symptom.RNN_VANISHING_IN_TIME)
    run(sick, title, model, optimizer)
    findings, loss = train(model, optimizer, sequences, functional.cross_entropy, steps=25)
    again = of(findings, Symptom.RNN_VANISHING_IN_TIME)
    assert not again or again[0].evidence["value"] > 10 * sick.evidence["value"]
    assert loss < 1.05 * loss_before


def test_orthogonal_weights_cure_a_state_that_grows() -> None:
    torch.manual_seed(0)
    rnn = nn.RNN(4, 16, nonlinearity="relu", batch_first=True)
    rnn.get_parameter("weight_hh_l0").data.copy_(1.4 * torch.eye(16))
    model = LastState(rnn)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-9)
    findings, loss_before = train(model, optimizer, sequences, functional.cross_entropy, steps=20)
    [sick] = of(findings, Symptom.RNN_EXPLODING_IN_TIME)
    run(sick, "orthogonal", model, optimizer)
    findings, loss = train(model, optimizer, sequences, functional.cross_entropy, steps=20)
    assert of(findings, Symptom.RNN_EXPLODING_IN_TIME) == []
    assert loss < loss_before


@pytest.mark.slow
def test_a_head_that_the_optimizer_does_not_hold_is_added() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3)
    )
    optimizer = torch.optim.SGD(model[:4].parameters(), lr=0.05)
    findings, loss_before = train(model, optimizer, points, functional.mse_loss, steps=80)
    [sick] = of(findings, Symptom.NOT_IN_OPTIMIZER)
    assert sick.layers == ("4",)
    head = model[4].get_parameter("weight")
    as_it_was = head.detach().clone()
    run(sick, "optimizer", model, optimizer)
    findings, loss = train(model, optimizer, points, functional.mse_loss, steps=80)
    assert of(findings, Symptom.NOT_IN_OPTIMIZER) == []
    assert not torch.equal(head, as_it_was)
    assert loss < loss_before


class Cut(nn.Module):
    """Two layers with a stray ``.detach()`` between them."""

    def __init__(self) -> None:
        super().__init__()
        self.early = nn.Linear(8, 16)
        self.late = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.late(torch.relu(self.early(x)).detach())
        return y


@pytest.mark.slow
def test_a_layer_that_is_cut_off_is_named_or_frozen() -> None:
    model = Cut()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    findings, loss_before = train(model, optimizer, points, functional.mse_loss, steps=80)
    [sick] = of(findings, Symptom.NO_GRADIENT)
    assert sick.layers == ("early",)
    assert "Look in forward() after early" in sick.remedies[0].why
    run(sick, "Freeze", model, optimizer)
    findings, loss = train(model, optimizer, points, functional.mse_loss, steps=80)
    assert of(findings, Symptom.NO_GRADIENT) == []
    assert loss < 1.1 * loss_before


@pytest.mark.slow
def test_scaled_inputs_bring_saturated_units_back() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def unscaled(step: int) -> tuple[Tensor, Tensor]:
        x, y = points(step)
        return 300 * x + 200, y

    findings, loss_before = train(model, optimizer, unscaled, functional.mse_loss, steps=40)
    [sick] = of(findings, Symptom.SATURATED)
    run(sick, "Scale the inputs", model, optimizer)
    findings, loss = train(model, optimizer, unscaled, functional.mse_loss, steps=40)
    assert of(findings, Symptom.SATURATED) == []
    assert loss < loss_before


def test_features_that_are_scaled_one_by_one_are_all_learned_from() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scale = torch.tensor([10_000.0, *[1.0] * 7])

    def table(step: int) -> tuple[Tensor, Tensor]:
        x, y = points(step)
        return scale * x, y

    findings, loss_before = train(model, optimizer, table, functional.mse_loss, steps=120)
    [sick] = of(findings, Symptom.BAD_INPUTS)
    run(sick, "Scale each feature", model, optimizer)
    _, loss = train(model, optimizer, table, functional.mse_loss, steps=120)
    assert loss < loss_before / 2


@pytest.mark.parametrize("title", ["Scale the loss", "bfloat16"])
def test_gradients_lost_in_half_precision_come_back(title: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    half, scaler = torch.float16, torch.amp.GradScaler("cpu", enabled=False)

    def loop() -> list[Finding]:
        with GradMonitor(model, budget=None) as monitor:
            for step in range(30):
                x, y = points(step)
                optimizer.zero_grad()
                with torch.autocast("cpu", half):
                    output = model(x)
                loss = 3e-7 * functional.mse_loss(output.float(), y)
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
            return monitor.findings

    [sick] = of(loop(), Symptom.FP16_UNDERFLOW)
    scope = {"model": model, "optimizer": optimizer, "torch": torch}
    exec(next(remedy for remedy in sick.remedies if title in remedy.title).code, scope)  # noqa: S102 - as above
    # What the code says is to be changed in the loop itself:
    if "scaler" in scope:
        made = scope["scaler"]
        assert isinstance(made, torch.amp.GradScaler)
        scaler = made
    else:
        half = torch.bfloat16
    assert of(loop(), Symptom.FP16_UNDERFLOW) == []


@pytest.mark.parametrize(
    "criterion",
    [functional.mse_loss, functional.huber_loss, lambda y, target: (y - target).abs().mean()],
)
def test_raw_columns_and_raw_prices_are_learned_after_the_first_advice(criterion: Any) -> None:
    """As well as by a twin whose table was scaled where it was loaded: there, R2 is 0.99."""
    chance = torch.Generator().manual_seed(0)
    clean = torch.rand(1000, 3, generator=chance)
    x = clean * torch.tensor([250.0, 9e4, 120.0]) + torch.tensor([30.0, 1e4, 1900.0])
    y = 1500 * x[:, :1] * (0.6 + x[:, 1:2] / 1e5) + 800 * (x[:, 2:] - 1900)
    y = torch.cat([y, y.sqrt()], 1)

    def rows(step: int) -> tuple[Tensor, Tensor]:
        chosen = torch.arange(100) + 100 * (step % 10)
        return x[chosen], y[chosen]

    def start() -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, 2))
        return model, torch.optim.Adam(model.parameters(), lr=5e-3)

    findings, _ = train(*start(), rows, criterion, steps=150)
    [sick] = of(findings, Symptom.BAD_INPUTS)
    assert sick.title == "Inputs and targets out of scale"
    assert findings[0] is sick
    model, optimizer = start()
    run(sick, "Scale each feature by itself, and the targets", model, optimizer)
    for step in range(300):
        batch, target = rows(step)
        optimizer.zero_grad()
        criterion(model(batch), target).backward()
        optimizer.step()
    with torch.no_grad():
        left = (model(x) - y).square().mean(0) / y.var(0)
    # Of absolute errors, one scale is given to all columns.
    is_squared = criterion is functional.mse_loss
    assert (left if is_squared else left[:1]).max() < 0.05
