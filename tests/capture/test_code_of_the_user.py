"""Reading what a loop makes runs none of its code: a class of its own may compute what it gives."""

from __future__ import annotations

import re
from collections import OrderedDict, UserDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from gradwidget.capture.guard import Guard, entry
from tests.capture.conftest import Watched

Watch = Callable[..., Watched]


class Counted(Tensor):
    """Counts what is done with it."""

    calls: ClassVar[int] = 0

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        Counted.calls += 1
        call: Any = super().__torch_function__
        return call(func, types, args, kwargs or {})


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 1))


def train(model: nn.Module, steps: int = 5) -> None:
    optimizer = SGD(model.parameters(), 0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.ones(8, 6)).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("budget", [None, 0.01])
def test_a_parameter_of_a_class_of_its_own_is_asked_as_often_as_without_us(
    watch: Watch, budget: float | None
) -> None:
    def counted(*, watched: bool) -> int:
        torch.manual_seed(0)
        model = mlp()
        weight = model.get_parameter("0.weight").detach()
        model[0].weight = nn.Parameter(weight.as_subclass(Counted))
        capture = watch(model, budget=budget) if watched else None
        Counted.calls = 0
        train(model)
        if capture is not None:
            assert capture.of("grad_norm", "0") > 0
            assert capture.problems == []
        return Counted.calls

    assert counted(watched=True) == counted(watched=False)


def test_an_input_whose_class_allows_nothing_blinds_no_layer(watch: Watch) -> None:
    class Forbidding(Tensor):
        @classmethod
        def __torch_function__(
            cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            if getattr(func, "__name__", "") in {"detach", "numel", "abs", "reshape", "copy_"}:
                message = "not to be read"
                raise RuntimeError(message)
            call: Any = super().__torch_function__
            return call(func, types, args, kwargs or {})

    model = mlp()
    capture = watch(model)
    optimizer = SGD(model.parameters(), 0.01)
    for _ in range(5):
        optimizer.zero_grad()
        loss = model(torch.ones(8, 6).as_subclass(Forbidding)).square().mean()
        loss.as_subclass(Tensor).backward()
        optimizer.step()
    assert capture.of("act_rms", "2") > 0
    assert capture.problems == []


class Computing(dict[str, Any]):
    """Computes what it gives, and counts how often."""

    calls: ClassVar[int] = 0

    def values(self) -> Any:
        Computing.calls += 1
        return super().values()

    def __iter__(self) -> Iterator[str]:
        Computing.calls += 1
        return super().__iter__()


class Ordered(OrderedDict[str, Any]):
    def values(self) -> Any:
        Computing.calls += 1
        return super().values()


class Listed(list[Any]):
    def __iter__(self) -> Iterator[Any]:
        Computing.calls += 1
        return super().__iter__()


class Carried(UserDict[str, Any]):
    def __getitem__(self, key: str) -> Any:
        Computing.calls += 1
        return super().__getitem__(key)


class Derived(Mapping[str, Any]):
    """Has no values but those that it computes."""

    def __init__(self, **made: Any) -> None:
        self.made = made

    def __getitem__(self, key: str) -> Any:
        Computing.calls += 1
        return self.made[key] * 2

    def __iter__(self) -> Iterator[str]:
        return iter(self.made)

    def __len__(self) -> int:
        return len(self.made)


@dataclass
class Fields:
    y: Any

    def __getattribute__(self, name: str) -> Any:
        if name == "y":
            Computing.calls += 1
        return object.__getattribute__(self, name)


@dataclass(slots=True)
class Slotted:
    y: Any


def holding_itself(y: Tensor) -> list[Any]:
    made: list[Any] = []
    made += [made, y]
    return made


def buried(y: Any) -> Any:
    for _ in range(5_000):
        y = [y]
    return y


def unburied(made: Any) -> Any:
    while isinstance(made, list):
        (made,) = made
    return made


CONTAINERS: dict[str, tuple[Callable[[Tensor], Any], Callable[[Any], Tensor], bool]] = {
    "a dict": (lambda y: Computing(y=y), lambda made: dict.__getitem__(made, "y"), True),
    "an ordered one": (lambda y: Ordered(y=y), lambda made: dict.__getitem__(made, "y"), True),
    "a list": (lambda y: Listed([y]), lambda made: made[0], True),
    "a carried dict": (lambda y: Carried(y=y), lambda made: made.data["y"], True),
    "a mapping": (lambda y: Derived(y=y), lambda made: made.made["y"], False),
    "a dataclass": (Fields, lambda made: object.__getattribute__(made, "__dict__")["y"], True),
    "one that holds itself": (holding_itself, lambda made: made[1], True),
    "one very deep": (buried, unburied, True),
    "one with slots": (Slotted, lambda made: made.y, True),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_what_a_layer_returns_is_read_past_the_code_of_its_class(watch: Watch, name: str) -> None:
    wrap, unwrap, is_readable = CONTAINERS[name]

    class Wrapping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.eye(4))

        def forward(self, x: Tensor) -> Any:
            return wrap(x @ self.weight)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.odd, self.last = nn.Linear(6, 4), Wrapping(), nn.Linear(4, 1)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.last(unwrap(self.odd(self.first(x))))
            return found

    model = Model()
    capture = watch(model)
    Computing.calls = 0
    train(model)
    assert Computing.calls == 0
    frame = capture.frames[-1]
    row = [one.name for one in frame.layers].index("odd")
    assert bool(frame.is_measured("act_rms")[row]) is is_readable
    assert is_readable or frame.reasons["odd"]
    assert capture.problems == []


def test_a_forward_inside_a_transform_costs_no_later_step_its_figures(watch: Watch) -> None:
    model = mlp()
    capture = watch(model)
    values = {name: one.detach() for name, one in model.named_parameters()}

    def loss(values: dict[str, Tensor], x: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(model, values, (x,)).square().mean()
        return found

    for _ in range(4):
        torch.func.grad(loss)(values, torch.ones(8, 6))
        torch.func.vmap(torch.func.grad(loss), (None, 0))(values, torch.ones(8, 1, 6))
        torch.vmap(model)(torch.ones(8, 6))
    train(model)
    assert capture.problems == []
    assert capture.frames[-1].scalars["input_rms"] == pytest.approx(1.0)


@pytest.mark.filterwarnings("ignore:`torch.jit.trace")
def test_a_trace_of_a_watched_model_holds_nothing_of_ours(watch: Watch) -> None:
    model = mlp()
    alone = str(torch.jit.trace(model, torch.ones(8, 6)).inlined_graph)
    capture = watch(model)
    train(model)
    for _ in range(3):
        traced = torch.jit.trace(model, torch.ones(8, 6))
        assert without_places(traced) == without_places(alone)
        train(model, 1)
    assert capture.of("act_rms", "2") > 0
    assert capture.problems == []


def without_places(graph: object) -> list[str]:
    text = str(getattr(graph, "inlined_graph", graph))
    return [re.sub(r"#.*|___torch_mangle_\d+\.?", "", line).strip() for line in text.splitlines()]


def test_a_model_that_passes_on_what_it_lacks_is_watched_itself(watch: Watch) -> None:
    class Around(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner, self.head = inner, nn.Linear(1, 1)

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.inner, name)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.head(self.inner(x))
            return found

    capture = watch(Around(torch.compile(mlp(), backend="eager")))  # type: ignore[arg-type]  # torch types it as a function
    assert "head" in [layer.name for layer in capture.layers]


def test_a_function_of_the_users_meets_its_own_classes_as_always() -> None:
    class Thing:
        guard = Guard()

        @entry("working")
        def work(self) -> None:
            self.guard.run("reading", reading)
            self.guard.ask("asking the user", asked)

    def reading() -> None:
        found.append(type(tensor + 1))

    def asked() -> None:
        found.append(type(tensor + 1))

    found: list[type] = []
    tensor = torch.ones(2).as_subclass(Counted)
    Thing().work()
    assert found == [Tensor, Counted]
    assert type(tensor + 1) is Counted


def test_a_choice_of_layers_meets_its_own_classes_as_always(watch: Watch) -> None:
    model = mlp()
    weight = model.get_parameter("0.weight").detach()
    model[0].weight = nn.Parameter(weight.as_subclass(Counted))
    found: list[type] = []

    def chosen(_name: str, module: nn.Module) -> bool:
        found.append(type(torch.as_tensor(module.weight) + 1))
        return True

    watch(model, layers=chosen)
    assert found == [Counted, Tensor]
