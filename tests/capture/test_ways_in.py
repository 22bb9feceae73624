"""Every public way in: what is in force where it is called neither sees nor changes what we do."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.optim import SGD
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from gradwidget import GradMonitor, GradWidget, Remedy
from gradwidget.loggers.stdlib import StdlibLogger
from gradwidget.problem import Problem
from tests.capture.older_torch import operations_of_classes

Monitor = GradMonitor | GradWidget
BATCH = torch.linspace(-1, 1, 48).reshape(8, 6)
FIGURE = torch.tensor([0.5], requires_grad=True)


class Counted(Tensor):
    """Counts what is done with it."""

    calls: ClassVar[list[str]] = []

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        Counted.calls.append(getattr(func, "__name__", str(func)))
        call: Any = super().__torch_function__
        return call(func, types, args, kwargs or {})


class Functions(TorchFunctionMode):
    """Notes every function of torch that is called."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(getattr(func, "__name__", str(func)))
        return func(*args, **(kwargs or {}))


class Operations(TorchDispatchMode):
    """Notes every operation."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


class Saving(torch.autograd.graph.saved_tensors_hooks):
    """Notes whatever autograd saves."""

    def __init__(self) -> None:
        super().__init__(self._pack, lambda tensor: tensor)
        self.seen: list[str] = []

    def _pack(self, tensor: Tensor) -> Tensor:
        self.seen.append(str(tuple(tensor.shape)))
        return tensor


class Loop:
    """A loop between two steps of its training."""

    def __init__(self, watch: type[Monitor] | None = GradMonitor) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(
            *(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        )
        weight = self.model.get_parameter("4.weight").detach()
        self.model[4].weight = nn.Parameter(weight.as_subclass(Counted))
        self.own = torch.tensor([0.5]).as_subclass(Counted)
        self.optimizer = SGD(self.model.parameters(), torch.tensor(0.01))
        self.monitor: Monitor | None = None
        if watch is not None:
            self.attach(watch)
            self.train(2)

    def attach(self, watch: type[Monitor], optimizer: SGD | None = None) -> None:
        """Watches it, from now on or again."""
        self.monitor = watch(self.model, optimizer, budget=None)

    @property
    def watched(self) -> Monitor:
        """Who watches it."""
        assert self.monitor is not None
        return self.monitor

    def problems(self) -> list[Problem]:
        """What has failed."""
        watched = self.watched
        return (watched.monitor if isinstance(watched, GradWidget) else watched).problems

    def backward(self) -> None:
        """Half a step."""
        self.optimizer.zero_grad()
        self.model(BATCH).square().mean().backward()

    def train(self, steps: int) -> None:
        """Trains on."""
        for _ in range(steps):
            self.backward()
            self.optimizer.step()

    def apply(self, **action: Any) -> None:
        """Has a remedy applied at the next pause point."""
        assert isinstance(self.monitor, GradWidget)
        assert self.monitor.apply(Remedy("a remedy", "to see what it does", "", action)) != ""


def announce(loop: Loop) -> None:
    """A step that the loop announces itself, which changes nothing."""
    loop.watched.step_begins(FIGURE)
    loop.watched.step_ended()


def log_too_many(loop: Loop) -> None:
    """What is refused."""
    with pytest.raises(TypeError, match="one of shape"):
        loop.watched.log(batch=BATCH)


def read(loop: Loop) -> None:
    """Every property."""
    for name in names(type(loop.watched)):
        if isinstance(getattr(type(loop.watched), name), property):
            getattr(loop.watched, name)


def write(loop: Loop, folder: Path) -> None:
    """Every file."""
    loop.watched.to_html(folder / "run.html")
    loop.watched.to_svg(folder / "run.svg")
    loop.watched.to_png(folder / "run.png")


NEW: Mapping[str, Callable[[Loop], object]] = {
    "a monitor": lambda loop: loop.attach(GradMonitor),
    "a monitor of a named optimizer": lambda loop: loop.attach(GradMonitor, loop.optimizer),
    "a widget": lambda loop: loop.attach(GradWidget),
}
"""Ways to begin."""
CALLS: Mapping[str, Callable[[Loop], object]] = {
    "another monitor": lambda loop: loop.attach(GradMonitor),
    "log a number": lambda loop: loop.watched.log(mine=1.5),
    "log a tensor": lambda loop: loop.watched.log(mine=FIGURE),
    "log a tensor of the user's class": lambda loop: loop.watched.log(mine=loop.own),
    "log too many": log_too_many,
    "step_begins, step_ended": announce,
    "inspect": lambda loop: loop.watched.inspect("4"),
    "scalars": lambda loop: loop.watched.scalars(layers=True),
    "send_to": lambda loop: loop.watched.send_to(StdlibLogger("train")),
    "report": lambda loop: loop.watched.report(full=True),
    "close": lambda loop: loop.watched.close(),
    "read": read,
}
"""Ways to ask something of a monitor."""
FILES = {"to_html", "to_svg", "to_png"}
STEERING = {"pause", "resume", "step", "apply", "undo"}
"""Ways to change the loop, which is done in the next step; only a widget has them."""
REMEDIES: Mapping[str, Mapping[str, Any]] = {
    "scaled rates": {"kind": "scale_lr", "factor": 0.5},
    "clipping": {"kind": "clip", "max_norm": 0.01},
    "skipping": {"kind": "skip_nonfinite"},
    "fresh weights": {"kind": "reinitialize", "layers": {"0": "kaiming", "4": "orthogonal"}},
}


def names(watch: type) -> set[str]:
    """What is public of our own."""
    return {
        name
        for one in watch.__mro__
        if one.__module__.startswith("gradwidget.")
        for name in vars(one)
        if not name.startswith("_")
    }


def test_every_public_way_in_is_among_those_that_are_tried() -> None:
    tried = {word for call in CALLS for word in call.replace(",", "").split()} | FILES
    for watch in (GradMonitor, GradWidget):
        calls = {name for name in names(watch) if not isinstance(getattr(watch, name), property)}
        assert calls <= tried | STEERING, watch


def perform(name: str, loop: Loop, folder: Path) -> None:
    """Does what it is the name of."""
    if name == "files":
        write(loop, folder)
    else:
        {**NEW, **CALLS}[name](loop)


WAYS = [*NEW, *CALLS, "files"]


@pytest.mark.parametrize("mode", [Functions, Operations, Saving])
@pytest.mark.parametrize("moment", ["between two steps", "after a backward pass"])
@pytest.mark.parametrize("name", WAYS)
def test_no_mode_hook_or_class_of_the_user_sees_it(
    name: str, moment: str, mode: Callable[[], Any], tmp_path: Path
) -> None:
    loop = Loop(None if name in NEW else GradMonitor)
    if moment == "after a backward pass":
        loop.backward()
    seeing = mode()
    Counted.calls.clear()
    with seeing:
        perform(name, loop, tmp_path)
    assert (seeing.seen, Counted.calls) == ([], [])


@contextmanager
def default_device(name: str) -> Iterator[None]:
    torch.set_default_device(name)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def default_type(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(mode=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(mode=False)


@contextmanager
def warnings_as_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


CONTEXTS: Mapping[str, Callable[[], AbstractContextManager[Any]]] = {
    "no gradients": torch.no_grad,
    "inference": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "a device": lambda: torch.device("meta"),
    "a default device": lambda: default_device("meta"),
    "a double default": lambda: default_type(torch.float64),
    "a half default": lambda: default_type(torch.bfloat16),
    "fake tensors": FakeTensorMode,
    "determinism": deterministic,
    "anomaly detection": lambda: torch.autograd.detect_anomaly(check_nan=True),
    "hooks forbidden": lambda: torch.autograd.graph.disable_saved_tensors_hooks("none here"),
    "forward differentiation": torch.autograd.forward_ad.dual_level,
    "numpy that raises": lambda: np.errstate(all="raise"),
    "warnings as errors": warnings_as_errors,
}


TOOK = {"time", "spent"}
"""Figures that are never the same twice."""


def outcome(name: str, folder: Path, context: str | None) -> tuple[object, ...]:
    """The weights, the figures and the failures after one more step."""
    loop = Loop(None if name in NEW else GradMonitor)
    with CONTEXTS[context]() if context else nullcontext():
        perform(name, loop, folder)
    loop.train(1)
    last = loop.watched.history.last
    assert last is not None
    return (
        [one.detach().as_subclass(Tensor).tolist() for one in loop.model.parameters()],
        {metric: str(column) for metric, column in last.metrics.items()},
        {scalar: str(one) for scalar, one in last.scalars.items() if scalar not in TOOK},
        [str(problem) for problem in loop.problems()],
    )


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.slow
@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("name", WAYS)
def test_what_is_in_force_around_it_changes_neither_the_training_nor_what_is_measured(
    name: str, context: str, tmp_path: Path
) -> None:
    assert outcome(name, tmp_path, context) == outcome(name, tmp_path, None)


@pytest.mark.parametrize("mode", [Functions, pytest.param(Operations, marks=operations_of_classes)])
@pytest.mark.parametrize("name", REMEDIES)
def test_no_mode_sees_what_a_remedy_does(name: str, mode: Callable[[], Any]) -> None:
    def seen(watch: type[Monitor] | None) -> list[str]:
        loop = Loop(watch)
        if watch is None:
            loop.train(2)
        seeing = mode()
        with seeing:
            if watch is not None:
                loop.apply(**REMEDIES[name])
            loop.train(2)
            if isinstance(loop.monitor, GradWidget):
                assert len(loop.monitor.changes) == 1
                loop.monitor.undo()
            loop.train(2)
            if loop.monitor is not None:
                loop.monitor.close()
        found: list[str] = seeing.seen
        return found

    assert seen(GradWidget) == seen(None)
