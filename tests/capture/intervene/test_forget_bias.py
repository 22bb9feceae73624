"""Forget gates opened while a model trains: as the code of the remedy does it, and taken back."""

from __future__ import annotations

import gc
from weakref import ref

import pytest
import torch
from torch import Tensor, nn

from gradwidget.action import RaiseForgetBias, parse_action
from gradwidget.capture.guard import Guard
from gradwidget.capture.intervene.actuator import Actuator
from gradwidget.capture.model.layers import LayerTable
from gradwidget.diagnose.remedies.forget_bias import forget_bias

torch.set_num_threads(1)


class Reader(nn.Module):
    """Two gated layers, one of them in both directions, and a cell."""

    def __init__(self) -> None:
        super().__init__()
        self.both = nn.LSTM(4, 6, num_layers=2, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(12, 5, batch_first=True)
        self.cell = nn.LSTMCell(5, 3)
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        between, _ = self.gru(self.both(x)[0])
        y: Tensor = self.head(self.cell(between[:, -1])[0])
        return y


def trained() -> tuple[Reader, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = Reader()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(8, 7, 4)).square().mean().backward()
        optimizer.step()
    return model, optimizer


def actuator(model: nn.Module, optimizer: torch.optim.Optimizer) -> Actuator:
    return Actuator(model, lambda: [optimizer], Guard(), rewired=lambda: None)


def test_it_does_what_the_code_of_the_remedy_does_and_takes_it_back() -> None:
    model, optimizer = trained()
    twin, its_optimizer = trained()
    remedy = forget_bias(LayerTable(model, None).layers)
    assert remedy is not None
    assert remedy.action is not None
    before = [one.detach().clone() for one in model.parameters()]
    kept = [optimizer.state[one]["exp_avg"].clone() for one in model.parameters()]

    applied = actuator(model, optimizer).apply(parse_action(remedy.action))
    exec(  # noqa: S102 - the code is the measure
        remedy.code, {"model": twin, "optimizer": its_optimizer, "torch": torch}
    )
    assert applied.text == "forget gate bias of both, gru and cell set to 3"
    assert all(map(torch.equal, model.parameters(), twin.parameters()))
    cleared = {name for name, one in model.named_parameters() if one not in optimizer.state}
    assert cleared == {
        name for name, one in twin.named_parameters() if one not in its_optimizer.state
    }
    assert cleared == {
        name for name, _ in model.named_parameters() if "bias_" in name and "head" not in name
    }

    applied.undo()
    assert all(map(torch.equal, before, model.parameters()))
    now = [optimizer.state[one]["exp_avg"] for one in model.parameters()]
    assert all(map(torch.equal, kept, now))


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        (("gru", "gone"), "no layer 'gone' any more"),
        (("gru", "head"), "'head' has no gate with a bias"),
    ],
)
def test_what_cannot_be_done_changes_nothing_and_says_why(
    layers: tuple[str, ...], reason: str
) -> None:
    model, optimizer = trained()
    before = [one.detach().clone() for one in model.parameters()]
    with pytest.raises(ValueError, match=reason):
        actuator(model, optimizer).apply(RaiseForgetBias(layers))
    assert all(map(torch.equal, before, model.parameters()))


def test_a_failure_half_way_puts_everything_back(monkeypatch: pytest.MonkeyPatch) -> None:
    model, optimizer = trained()
    before = [one.detach().clone() for one in model.parameters()]
    # The second layer's size is not that of its biases.
    monkeypatch.setattr(model.gru, "hidden_size", "five")
    with pytest.raises(ValueError, match="the bias could not be raised: "):
        actuator(model, optimizer).apply(RaiseForgetBias(("both", "gru")))
    assert all(map(torch.equal, before, model.parameters()))
    assert all(one in optimizer.state for one in model.parameters())


def test_what_can_be_taken_back_keeps_no_model_alive() -> None:
    model, optimizer = trained()
    optimizers = [optimizer]
    applied = Actuator(model, lambda: optimizers, Guard(), rewired=lambda: None).apply(
        RaiseForgetBias(("gru",))
    )
    known = ref(model)
    optimizers.clear()
    del model, optimizer
    gc.collect()
    assert known() is None
    applied.undo()
