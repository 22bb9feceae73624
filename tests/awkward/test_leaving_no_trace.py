"""Model, optimizer and torch carry nothing of gradwidget, and it keeps nothing of the user's."""

from __future__ import annotations

import copy
import gc
import io
import pickle
from typing import Any
from weakref import ref

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import tests.awkward.loops  # noqa: F401  # registers every loop
from gradwidget import GradMonitor
from tests.awkward.loop import LOOPS, Case
from tests.awkward.loops.structure import Convolutions, mlp
from tests.awkward.probe import Silence
from tests.awkward.traces import on_modules, on_optimizers, traces
from tests.support.torch_traces import on_torch

CASES = list(LOOPS.values())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_after_close_everything_is_as_it_was(case: Case) -> None:
    plain = case.loop()
    plain.run()
    expected = traces(plain)
    loop = case.loop()
    monitor = GradMonitor(loop.model, loop.named, budget=None)
    loop.run()
    monitor.close()
    assert traces(loop) == expected


def test_after_the_model_is_gone_nothing_listens() -> None:
    case = LOOPS["plain"]
    expected = traces(case.loop())
    loop = case.loop()
    monitor = GradMonitor(loop.model, budget=None)
    loop.run()
    model = ref(loop.model)
    del loop
    gc.collect()
    assert model() is None, gc.get_referrers(model())
    assert monitor.closed
    assert traces(case.loop()) == expected


@pytest.mark.parametrize("after", ["a step", "a forward"])
def test_a_monitor_that_is_dropped_stops_listening(after: str) -> None:
    loop = LOOPS["plain"].loop()
    expected = dict(on_torch())
    monitor = GradMonitor(loop.model, budget=None)
    loop.run(2)
    if after == "a forward":
        loop.model(torch.randn(2, 4))
    gone = ref(monitor)
    del monitor
    gc.collect()
    assert gone() is None, gc.get_referrers(gone())
    assert dict(on_torch()) == expected
    loop.run(2)


@pytest.mark.slow
def test_a_monitor_that_is_to_act_lives_as_long_as_its_model() -> None:
    loop = LOOPS["a_loss_that_turns_nan"].loop()
    expected = dict(on_torch())
    findings: list[Any] = []
    GradMonitor(loop.model, budget=None, on_finding=findings.append)
    gc.collect()
    loop.run(4)
    assert findings
    del loop
    gc.collect()
    assert dict(on_torch()) == expected


def test_while_a_step_is_sampled_model_and_optimizer_carry_nothing() -> None:
    loop = LOOPS["plain"].loop()
    loop.run(2)
    expected = {**dict(on_modules(loop)), **dict(on_optimizers(loop))}
    with GradMonitor(loop.model, budget=None):
        loop.run(2)
        loop.model(torch.randn(2, 4))
        assert {**dict(on_modules(loop)), **dict(on_optimizers(loop))} == expected


class Anything(nn.Module):
    """A model that can be imported, as pickle wants it."""

    def __init__(self) -> None:
        super().__init__()
        self.body = mlp()

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.as_tensor(self.body(inputs))


def saved(model: nn.Module) -> bytes:
    """The bytes of torch.save."""
    file = io.BytesIO()
    torch.save(model, file)
    return file.getvalue()


@pytest.mark.parametrize(
    "save", [saved, pickle.dumps, lambda model: pickle.dumps(copy.deepcopy(model))]
)
def test_a_watched_model_is_saved_byte_for_byte_as_an_unwatched_one(save: Any) -> None:
    torch.manual_seed(0)
    model = Convolutions()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    expected = save(model)
    with GradMonitor(model, budget=None):
        model(torch.randn(2, 2, 6, 6)).sum().backward()
        model.zero_grad()
        if save is not saved:
            model.load_state_dict(pickle.loads(expected).state_dict())  # noqa: S301  # bytes of this very test
        else:
            model.load_state_dict(model.state_dict())
        assert optimizer is not None
        assert save(model)[:200] == expected[:200]
        assert len(save(model)) == len(expected)
        assert list(model.state_dict()) == list(Convolutions().state_dict())


def test_a_copy_of_a_watched_model_is_not_watched() -> None:
    model = mlp()
    with GradMonitor(model, budget=None) as monitor:
        twin = copy.deepcopy(model)
        optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)
        twin(torch.randn(3, 4)).sum().backward()
        optimizer.step()
        assert monitor.history.last is None


class Operations(TorchDispatchMode):
    """Writes down every operation that is dispatched."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


HOST_READS = {
    f"aten.{name}.default"
    for name in (
        "_local_scalar_dense",
        "is_nonzero",
        "equal",
        "nonzero",
        "_unique2",
        "masked_select",
    )
}
"""Operations that wait for the device, because what they give depends on values."""


@pytest.mark.parametrize(
    "name",
    ["plain", "functional_activations", "a_stacked_lstm", "a_scaler_alone", "clipping_by_norm"],
)
def test_nothing_reads_from_the_device_on_the_hot_path(name: str) -> None:
    reads = {}
    for watched in (False, True):
        loop = LOOPS[name].loop()
        monitor = GradMonitor(loop.model, budget=None) if watched else None
        with Operations() as operations:
            loop.run()
        reads[watched] = sum(name in HOST_READS for name in operations.names)
        if monitor is not None:
            assert len(monitor.history.steps) == 4
            monitor.close()
    assert reads[True] == reads[False]


class Witness(Silence):
    """Remembers every loss, weakly: a loss that is gone has dropped the graph behind it."""

    def __init__(self) -> None:
        self.losses: list[ref[Tensor]] = []

    def loss(self, loss: Tensor, scale: float = 1.0) -> None:  # noqa: ARG002  # what a probe is told
        self.losses.append(ref(loss))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_tensor_of_the_user_outlives_its_step(case: Case) -> None:
    loop, witness = case.loop(), Witness()
    with GradMonitor(loop.model, loop.named, budget=None):
        loop.run(2, witness)
        gc.collect()
        assert [loss() for loss in witness.losses if loss() is not None] == []


@pytest.mark.slow
def test_no_output_of_a_layer_outlives_its_step() -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    outputs: list[ref[Tensor]] = []
    model[2].register_forward_hook(lambda _module, _inputs, output: outputs.append(ref(output)))
    with GradMonitor(model, budget=None):
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(4, 4)).sum().backward()
            optimizer.step()
            gc.collect()
            assert [output() for output in outputs if output() is not None] == []
