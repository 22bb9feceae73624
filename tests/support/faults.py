"""Makes functions of gradwidget fail at random, wherever their callers keep them."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import CellType, FunctionType, ModuleType
from typing import Any

OUTERMOST = frozenset(
    {
        # These contain the failures of all others; each is a few lines that call nothing of ours
        # unguarded, but for the Problem that is kept.
        "capture.guard.Guard.run",
        "capture.guard.Guard.failed",
        "capture.guard.Guard.note",
        "capture.guard.Guard.is_elsewhere",
        "capture.guard.Guard.is_off",
        "capture.guard.Guard.spent_until_now",
        "capture.guard.entry",
        "capture.guard.way_in",
        "problem.Problem.__init__",
        # These are what torch itself calls: two or three lines each, which hand everything on to
        # what contains it.
        "capture.hooks.torch_events._argument",
        "capture.hooks.torch_events._backward",
        "capture.hooks.torch_events._compile",
        "capture.hooks.torch_events._grad",
        "capture.hooks.torch_events._has_closure",
        "capture.hooks.torch_events._scale",
        "capture.hooks.torch_events._scaler_step",
        "capture.hooks.torch_events._step_begins",
        "capture.hooks.torch_events._step_ended",
        "capture.hooks.torch_events._tell",
        "capture.hooks.torch_events._tensors",
        "capture.hooks.global_hook.GlobalPreHook._called",
    }
)


class Injected(Exception):  # noqa: N818  # it is no error of anybody's
    """The failure that is put in."""


class Faults:
    """The functions and methods of a part of gradwidget, each of which can fail when it is called.

    Use as a context manager: while it lasts, every place that keeps one of them keeps a wrapper.

    Args:
        part: the package whose functions fail, sub-packages included.
        seed: for what fails when.
    """

    def __init__(self, part: str = "gradwidget", seed: int = 0) -> None:
        self._part = part
        self.hits: Counter[str] = Counter()
        """Failures so far by site."""
        self.calls: Counter[str] = Counter()
        """Calls while armed, by site."""
        self.kind: type[BaseException] = Injected
        self.probability = 0.0
        """Of each call to fail."""
        self.left = 0
        """How many may still fail."""
        self.only: str | None = None
        """The one site that fails; None for all."""
        self._thread: int | None = None
        """The thread on which calls fail; None while nothing is armed."""
        self._random = random.Random(seed)  # noqa: S311  # chooses what fails
        self._undo: list[Callable[[], None]] = []

    @contextmanager
    def failing(
        self, probability: float, *, only: str | None = None, at_most: int = 10**9
    ) -> Iterator[None]:
        """Lets calls on this thread fail in this context."""
        self.probability, self.only, self.left = probability, only, at_most
        self._thread = threading.get_ident()
        try:
            yield
        finally:
            self._thread = None

    def __enter__(self) -> Faults:
        wrapped: dict[Any, Any] = {}
        for owner, name, function, site in functions(self._part):
            self._wrap(owner, name, function, site)
            wrapped[function] = vars(owner)[name]
        # A function is kept under its name in other modules as well, and in tables.
        for module in modules("gradwidget"):
            for name, held in list(vars(module).items()):
                replaced = exchanged(held, wrapped)
                if replaced is not held:
                    setattr(module, name, replaced)
                    self._undo.append(partial(setattr, module, name, held))
        return self

    def __exit__(self, *_: object) -> None:
        while self._undo:
            self._undo.pop()()

    def _wrap(self, owner: Any, name: str, function: Any, site: str) -> None:
        if cell := guarded(function):
            # What is called from the user's loop has its guard around it: the failure belongs
            # inside.
            inside = cell.cell_contents
            cell.cell_contents = self._failing(inside, site)
            self._undo.append(lambda: setattr(cell, "cell_contents", inside))
            return
        failing = self._failing(getattr(function, "fget", function), site)
        setattr(owner, name, property(failing) if isinstance(function, property) else failing)
        self._undo.append(partial(setattr, owner, name, function))

    def _failing(self, call: Callable[..., Any], site: str) -> Callable[..., Any]:
        @functools.wraps(call)
        def failing(*args: Any, **kwargs: Any) -> Any:
            if self._thread == threading.get_ident() and self.only in (None, site):
                self.calls[site] += 1
                if self.left and self._random.random() < self.probability:
                    self.hits[site] += 1
                    self.left -= 1
                    raise self.kind(site)
            return call(*args, **kwargs)

        return failing


def exchanged(held: Any, wrapped: Mapping[Any, Any]) -> Any:
    """What a module keeps, with wrappers in the place of functions: itself, or a table of them."""
    if isinstance(held, FunctionType):
        return wrapped.get(held, held)
    if type(held) is tuple and any(isinstance(item, FunctionType) for item in held):
        return tuple(exchanged(item, wrapped) for item in held)
    if type(held) is dict and any(isinstance(item, FunctionType) for item in held.values()):
        return {key: exchanged(item, wrapped) for key, item in held.items()}
    return held


def guarded(function: Any) -> CellType | None:
    """The cell in which a function made by ``guard.entry`` keeps the method; None for any other."""
    if not hasattr(function, "__wrapped__"):
        return None
    names = function.__code__.co_freevars
    return function.__closure__[names.index("method")] if "method" in names else None


def functions(part: str) -> list[tuple[Any, str, Any, str]]:
    """Owner, name, function and site of everything that a package and its sub-packages define.

    Left out are the few functions that contain the failures of all others.
    """
    found = list(defined(part))
    if part == "gradwidget":
        unknown = OUTERMOST - {site for *_, site in found}
        assert not unknown, f"no functions: {unknown}"
    return [one for one in found if one[3] not in OUTERMOST]


def defined(part: str) -> Iterator[tuple[Any, str, Any, str]]:
    """The same, without an exception."""
    for module in modules(part):
        short = module.__name__.removeprefix("gradwidget.")
        for name, value in list(vars(module).items()):
            if getattr(value, "__module__", None) != module.__name__:
                continue
            if isinstance(value, FunctionType):
                yield module, name, value, f"{short}.{name}"
            elif inspect.isclass(value):
                for attribute, held in list(vars(value).items()):
                    ours = not attribute.startswith("__") or attribute == "__init__"
                    if ours and isinstance(held, (FunctionType, property)):
                        yield value, attribute, held, f"{short}.{name}.{attribute}"


def modules(part: str) -> list[ModuleType]:
    """Every module of a package, those in its sub-packages included.

    Left out are the callbacks for frameworks, which need these.
    """
    package = importlib.import_module(part)
    names = [
        found.name
        for found in pkgutil.walk_packages(package.__path__, f"{part}.")
        if not found.name.startswith(("gradwidget.integrations.", "gradwidget.loggers."))
    ]
    return [importlib.import_module(name) for name in names]
