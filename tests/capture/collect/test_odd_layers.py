"""A layer with a tensor that nobody can read costs its own row, with a reason, and no other."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.optim import SGD, Optimizer
from torch.utils._python_dispatch import return_and_correct_aliasing
from torch.utils.flop_counter import FlopCounterMode

from gradwidget import GradMonitor
from gradwidget.capture.stats import scratch as scratch_module

Watch = Callable[..., Any]
Make = Callable[[Tensor], Any]


class Wrapped(Tensor):
    """A tensor that carries out every operation itself, as quantized or sharded ones do."""

    within: Tensor

    @staticmethod
    def __new__(cls: type[Wrapped], within: Tensor) -> Wrapped:
        made: Wrapped = torch.Tensor._make_wrapper_subclass(
            cls, within.shape, dtype=within.dtype, requires_grad=within.requires_grad
        )
        made.within = within
        return made

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]  # as torch's own subclasses declare it
        cls, function: Any, _types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        def opened(value: Any) -> Any:
            return value.within if isinstance(value, Wrapped) else value

        result = function(*map(opened, args), **(kwargs or {}))
        closed = Wrapped(result) if isinstance(result, Tensor) else result
        return return_and_correct_aliasing(function, args, kwargs or {}, closed)


class Labeled(Tensor):
    """A tensor that only carries something along."""


class Odd(nn.Module):
    """A layer that hands on what it computes, beside something odd."""

    def __init__(self, make: Make) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4))
        self.make = make

    def forward(self, x: Tensor) -> Any:
        y = x @ self.weight
        return self.make(y), y


class Used(Odd):
    """The same, where the odd tensor goes into the loss too."""

    made: Tensor

    def forward(self, x: Tensor) -> Any:
        made, y = super().forward(x)
        self.made = made["found"][0] if isinstance(made, dict) else made
        self.made.retain_grad()
        return made, y + self.made.sum().to(y.dtype)


class Between(nn.Module):
    """Ordinary layers around an odd one."""

    def __init__(self, odd: nn.Module) -> None:
        super().__init__()
        self.first, self.odd, self.last = nn.Linear(5, 4), odd, nn.Linear(4, 2)
        self.outputs: dict[str, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        h.retain_grad()
        odd = self.odd(h)
        y: Tensor = self.last(odd[1] if isinstance(odd, tuple) else odd)
        y.retain_grad()
        self.outputs = {"first": h, "last": y}
        return y


class Dense(Optimizer):
    """Moves what has a dense gradient, and leaves the rest alone."""

    def __init__(self, parameters: Iterator[nn.Parameter]) -> None:
        super().__init__(parameters, {"lr": 0.01})

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # no closure is used
        assert closure is None
        with torch.no_grad():
            for one in self.param_groups[0]["params"]:
                if one.grad is not None and type(one.grad) is Tensor:
                    one.sub_(one.grad, alpha=0.01)


def norm(*tensors: Tensor | None) -> float:
    """L2 norm over all entries, in double precision."""
    squares = (one.detach().double().square().sum() for one in tensors if one is not None)
    return math.sqrt(float(sum(squares)))


def train(model: Between, optimizer: Optimizer, capture: Any, steps: int = 3) -> None:
    """Trains, and checks the ordinary layers of every step against plain torch."""
    for step in range(steps):
        optimizer.zero_grad()
        before = {name: [p.detach().clone() for p in layer(model, name)] for name in AROUND}
        model(torch.randn(6, 5)).square().mean().backward()
        optimizer.step()
        assert len(capture.frames) == step + 1
        for name in AROUND:
            own = layer(model, name)
            output = model.outputs[name]
            moved = [p.detach() - old for p, old in zip(own, before[name], strict=True)]
            truth = {
                "grad_norm": norm(*(p.grad for p in own)),
                "raw_grad_norm": norm(*(p.grad for p in own)),
                "weight_norm": norm(*before[name]),
                "update_ratio": norm(*moved) / norm(*before[name]),
                "act_rms": norm(output) / output.numel() ** 0.5,
                "act_grad_norm": norm(output.grad),
            }
            for metric, value in truth.items():
                assert capture.of(metric, name) == pytest.approx(value, rel=1e-3), (metric, name)


AROUND = ("first", "last")


def layer(model: Between, name: str) -> list[nn.Parameter]:
    return list(model.get_submodule(name).parameters())


def is_measured(capture: Any, metric: str) -> bool:
    frame = capture.frames[-1]
    row = [one.name for one in frame.layers].index("odd")
    return metric in frame.metrics and bool(frame.is_measured(metric)[row])


UNREADABLE_OUTPUTS: dict[str, tuple[Make, str]] = {
    "jagged": (
        lambda y: torch.nested.nested_tensor_from_jagged(y, torch.tensor([0, 2, 6])),
        "nested",
    ),
    "nested": (lambda y: torch.nested.as_nested_tensor([y[:2], y[2:]]), "nested"),
    "compressed rows": (lambda y: y.to_sparse_csr(), "sparse_csr"),
    "meta": (lambda y: y.to("meta"), "meta device"),
    "fake": (lambda y: FakeTensorMode().from_tensor(y.detach()), "FakeTensor"),
    "wrapped": (lambda y: Wrapped(y.detach()), "Wrapped"),
    "empty": (lambda y: y[:0], "empty"),
}


@pytest.mark.parametrize("name", UNREADABLE_OUTPUTS)
@pytest.mark.filterwarnings("ignore::UserWarning")  # torch says which layouts are young
def test_an_output_that_cannot_be_read_is_explained(watch: Watch, name: str) -> None:
    make, words = UNREADABLE_OUTPUTS[name]
    model = Between(Odd(make))
    capture = watch(model)
    train(model, SGD(model.parameters(), 0.01), capture)
    assert not is_measured(capture, "act_rms")
    assert is_measured(capture, "grad_norm")
    assert words in capture.frames[-1].reasons["odd"]
    assert capture.problems == []


READABLE_OUTPUTS: dict[str, Make] = {
    "a number": lambda y: y.sum(),
    "transposed": lambda y: y.t(),
    "every second column": lambda y: y[:, ::2],
    "expanded": lambda y: y[:1].expand(6, 4),
    "overlapping": lambda y: y.reshape(-1).unfold(0, 5, 3),
    "double": lambda y: y.double(),
    "half": lambda y: y.half(),
    "a subclass": lambda y: y.as_subclass(Labeled),
    "a list in a dict": lambda y: {"found": [y * 2]},
}


@pytest.mark.parametrize("name", READABLE_OUTPUTS)
def test_an_output_of_any_shape_and_layout_is_measured(watch: Watch, name: str) -> None:
    odd = Used(READABLE_OUTPUTS[name])
    model = Between(odd)
    capture = watch(model)
    train(model, SGD(model.parameters(), 0.01), capture)
    made = odd.made
    assert capture.of("act_rms", "odd") == pytest.approx(norm(made) / made.numel() ** 0.5, rel=1e-3)
    assert made.grad is not None
    assert capture.of("act_grad_norm", "odd") == pytest.approx(norm(made.grad), rel=1e-3)
    assert capture.problems == []


def test_a_loss_that_is_a_layer_is_measured_as_one_unit(watch: Watch) -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Linear(6, 4)
            self.scale = nn.Parameter(torch.tensor(2.0))

        def forward(self, x: Tensor) -> Tensor:
            loss: Tensor = self.scale.exp() * self.body(x).square().mean()
            return loss

    model = Scaled()
    capture = watch(model)
    optimizer = SGD(model.parameters(), 0.01)
    for step in range(5):
        optimizer.zero_grad()
        loss = model(torch.randn(8, 6))
        loss.backward()
        optimizer.step()
        assert len(capture.frames) == step + 1
        assert capture.of("act_rms", "(root)") == pytest.approx(abs(loss.item()), rel=1e-5)
        assert capture.of("act_grad_norm", "(root)") == pytest.approx(1.0)
    assert capture.problems == []


def with_parameter(name: str, make: Callable[[], Any]) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        odd = Odd(lambda y: y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch says which layouts are young
            odd.register_parameter(name, make())
        return odd

    return build


UNREADABLE_PARAMETERS: dict[str, tuple[Callable[[], Any], str]] = {
    "meta": (lambda: nn.Parameter(torch.empty(3, device="meta")), "meta device"),
    "lazy": (nn.UninitializedParameter, "first forward"),
    "compressed columns": (lambda: nn.Parameter(torch.eye(3).to_sparse_csc()), "sparse_csc"),
    "compressed rows": (lambda: nn.Parameter(torch.eye(3).to_sparse_csr()), "sparse_csr"),
    "fake": (lambda: nn.Parameter(FakeTensorMode().from_tensor(torch.ones(3))), "FakeTensor"),
    "wrapped": (lambda: nn.Parameter(Wrapped(torch.ones(3))), "Wrapped"),
}


@pytest.mark.parametrize("name", UNREADABLE_PARAMETERS)
def test_a_parameter_that_cannot_be_read_is_explained(watch: Watch, name: str) -> None:
    make, words = UNREADABLE_PARAMETERS[name]
    model = Between(with_parameter("strange", make)())
    capture = watch(model)
    train(model, Dense(model.parameters()), capture)
    for metric in ("grad_norm", "weight_norm", "update_ratio", "grad_is_none"):
        assert not is_measured(capture, metric), metric
    assert words in capture.frames[-1].reasons["odd"]
    assert "strange" in capture.frames[-1].reasons["odd"]
    assert "total_grad_norm" not in capture.frames[-1].scalars
    assert capture.problems == []


READABLE_PARAMETERS: dict[str, Callable[[], Any]] = {
    "complex": lambda: nn.Parameter(torch.randn(3, dtype=torch.complex64)),
    "conjugated": lambda: nn.Parameter(torch.randn(3, dtype=torch.complex64).conj()),
    "integer": lambda: nn.Parameter(torch.arange(3), requires_grad=False),
    "bool": lambda: nn.Parameter(torch.ones(3, dtype=torch.bool), requires_grad=False),
    "empty": lambda: nn.Parameter(torch.empty(0, 3)),
    "a number": lambda: nn.Parameter(torch.tensor(1.5)),
    "transposed": lambda: nn.Parameter(torch.randn(3, 5).t()),
    "expanded": lambda: nn.Parameter(torch.ones(1, 3).expand(4, 3)),
    "stored entries": lambda: nn.Parameter(torch.eye(3).to_sparse()),
    "a subclass": lambda: nn.Parameter(torch.ones(3).as_subclass(Labeled)),
}


@pytest.mark.parametrize("name", READABLE_PARAMETERS)
def test_a_parameter_of_any_type_and_layout_is_read(watch: Watch, name: str) -> None:
    odd = with_parameter("strange", READABLE_PARAMETERS[name])()
    model = Between(odd)
    capture = watch(model)
    train(model, Dense(model.parameters()), capture)
    strange = odd.get_parameter("strange")
    trained = [odd.get_parameter("weight")] + ([strange] if strange.requires_grad else [])
    dense = [one.detach().to_dense() if one.is_sparse else one.detach() for one in trained]
    entries = torch.cat([one.abs().double().reshape(-1) for one in dense])
    assert capture.of("weight_norm", "odd") == pytest.approx(norm(entries), rel=1e-2)
    assert capture.problems == []


def test_a_gradient_that_cannot_be_read_is_explained(watch: Watch) -> None:
    model = Between(Odd(lambda y: y))
    capture = watch(model)
    optimizer = Dense(model.parameters())
    model(torch.randn(6, 5)).square().mean().backward()
    weight = model.odd.get_parameter("weight")
    assert weight.grad is not None
    weight.grad = Wrapped(weight.grad)
    optimizer.step()
    for name in AROUND:
        expected = norm(*(one.grad for one in layer(model, name)))
        assert capture.of("grad_norm", name) == pytest.approx(expected, rel=1e-4)
    assert not is_measured(capture, "grad_norm")
    assert is_measured(capture, "weight_norm")
    assert "weight" in capture.frames[-1].reasons["odd"]
    assert "Wrapped" in capture.frames[-1].reasons["odd"]
    assert "total_grad_norm" not in capture.frames[-1].scalars
    assert capture.problems == []


def test_numpy_may_be_told_to_raise(watch: Watch) -> None:
    model = Between(Odd(lambda y: y))
    with torch.no_grad():
        model.first.weight *= 1e-38
    capture = watch(model)
    with np.errstate(all="raise"):
        train(model, SGD(model.parameters(), 0.01), capture)
        model(torch.full((6, 5), float("nan"))).sum().backward()
        SGD(model.parameters(), 1e-30).step()
    assert len(capture.frames) == 4
    assert capture.problems == []


def test_a_model_of_fakes_leaves_nothing_behind(watch: Watch) -> None:
    with FakeTensorMode():
        model: nn.Module = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
        capture = watch(model)
        optimizer = SGD(model.parameters(), 0.1)
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(2, 4)).sum().backward()
            optimizer.step()
    assert len(capture.frames) == 3
    assert all("FakeTensor" in capture.frames[-1].reasons[name] for name in ("0", "2"))
    assert capture.problems == []
    assert all(type(one) is Tensor for one in scratch_module._kept.numbers.values())
    other = Between(Odd(lambda y: y))
    train(other, SGD(other.parameters(), 0.01), watch(other))


def test_the_default_device_may_be_any(watch: Watch) -> None:
    scratch_module._kept.numbers.clear()
    model = Between(Odd(lambda y: y))
    capture = watch(model)
    x = torch.randn(6, 5)
    torch.set_default_device("meta")
    try:
        for _ in range(3):
            model(x).square().mean().backward()
            SGD(model.parameters(), 0.01).step()
    finally:
        torch.set_default_device(None)
    assert capture.problems == []
    assert all(one.device.type == "cpu" for one in scratch_module._kept.numbers.values())
    train(model, SGD(model.parameters(), 0.01), watch(model))


def test_our_operations_are_not_counted_as_the_models() -> None:
    def counted(*, watched: bool) -> int:
        torch.manual_seed(0)
        model = nn.Sequential(nn.LSTM(5, 4), Last(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        optimizer = SGD(model.parameters(), 0.1)
        monitor = GradMonitor(model, budget=None) if watched else None
        with FlopCounterMode(display=False) as counter:
            for _ in range(3):
                optimizer.zero_grad()
                model(torch.randn(7, 6, 5)).square().mean().backward()
                optimizer.step()
        if monitor is not None:
            assert monitor.problems == []
            assert monitor.history.version == 3
            monitor.close()
        return int(counter.get_total_flops())

    assert counted(watched=True) == counted(watched=False) > 0


class Last(nn.Module):
    def forward(self, given: tuple[Tensor, Any]) -> Tensor:
        return given[0][-1]


@pytest.mark.parametrize("shape", [(4, 4), (4,), (9,)], ids=["as a matrix", "as a bias", "alone"])
def test_a_parameter_that_turns_unreadable_unseen_costs_its_own_layer_alone(
    watch: Watch, shape: tuple[int, ...]
) -> None:
    odd = Odd(lambda y: y)
    odd.register_parameter("strange", nn.Parameter(torch.ones(shape)))
    model = Between(odd)
    capture = watch(model)
    optimizer = Dense(model.parameters())
    train(model, optimizer, capture)
    # The parameter stays the same object: nothing tells that it is another tensor.
    meta = nn.Parameter(torch.ones(shape, device="meta"))
    torch.utils.swap_tensors(odd.get_parameter("strange"), meta)
    capture.frames.clear()
    train(model, optimizer, capture)
    assert not is_measured(capture, "weight_norm")
    assert "meta device" in capture.frames[-1].reasons["odd"]
    assert capture.problems == []


def test_parameters_can_be_swapped_under_a_running_capture(watch: Watch) -> None:
    model = Between(Odd(lambda y: y))
    capture = watch(model)
    train(model, SGD(model.parameters(), 0.01), capture)
    frames = len(capture.frames)
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        model.double()
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)
    assert model.first.weight.dtype is torch.float64
    optimizer = SGD(model.parameters(), 0.01)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.randn(6, 5, dtype=torch.float64)).square().mean().backward()
        optimizer.step()
        for name in AROUND:
            expected = norm(*(one.grad for one in layer(model, name)))
            assert capture.of("grad_norm", name) == pytest.approx(expected, rel=1e-6)
    assert len(capture.frames) == frames + 2
    assert capture.problems == []


def test_a_softmax_over_one_state_without_a_batch_is_measured(watch: Watch) -> None:
    model = nn.Linear(4, 2)
    with torch.no_grad():
        model.bias.copy_(torch.tensor([30.0, 0.0]))
    capture = watch(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    for _ in range(3):
        optimizer.zero_grad()
        torch.softmax(model(torch.randn(4)), -1)[1].log().neg().backward()
        optimizer.step()
    assert capture.problems == []
    assert capture.of("act_saturated_fraction", "(root)") == 1.0
