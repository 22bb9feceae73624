"""Values and names that nobody expects: huge, hostile, or none at all."""

# ruff: noqa: ARG002  # every extra has the same methods, and few use all that they are given
from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from gradwidget import GradMonitor
from gradwidget.record.start_step import LARGEST_START
from tests.torture.extra import Extra, extra

LOGGED: dict[str, Callable[[], object]] = {
    "more than a float holds": lambda: 10**400,
    "a fraction": lambda: Fraction(10**400, 3),
    "a decimal": lambda: Decimal("1e500"),
    "not a number": lambda: math.nan,
    "infinite": lambda: -math.inf,
    "yes": lambda: True,
    "half": lambda: np.float16(2.0),
    "an array": lambda: np.ones(1),
    "of no device": lambda: torch.empty((), device="meta"),
    "complex": lambda: torch.ones((), dtype=torch.complex64),
    "sparse": lambda: torch.ones(1).to_sparse(),
    "whole": lambda: torch.tensor(2**62),
    "with a graph": lambda: torch.ones(1, requires_grad=True) * 2,
    "eight bits": lambda: torch.ones(1).to(torch.float8_e4m3fn),
    "text": lambda: "0.5",
    "none": lambda: None,
    "two entries": lambda: torch.ones(2),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(1)], layout=torch.jagged),
}
"""What is logged, by what it is."""


@extra
class LogsAnything(Extra):
    """Everything that can be given to ``log``; it may refuse with the errors that it documents."""

    breaks: ClassVar[bool] = True  # it may also say that it has refused

    def prepare(self) -> None:
        # Not where they are logged: a mode of the user's would count what makes them.
        self.values = {what: make() for what, make in LOGGED.items()}

    def before(self, step: int) -> None:
        watcher = self.run.watcher
        if watcher is None:
            return
        for what, value in self.values.items():
            self._log(watcher.monitor, what, value)

    def _log(self, monitor: GradMonitor, what: str, value: object) -> None:
        try:
            monitor.log(**{what: value})
        except TypeError:
            return  # documented
        except Exception as error:  # noqa: BLE001  # whatever a user would have met
            complaint = f"log of what is {what} raised {error!r}"
            if complaint not in self.run.complaints:
                self.run.complaints.append(complaint)


@extra
class LogsOverItsOwnNames(Extra):
    """Figures of the user's that have the names of ours."""

    has_figures: ClassVar[bool] = False

    def before(self, step: int) -> None:
        if self.run.watcher is not None:
            self.run.watcher.monitor.log(loss=7.0, lr=math.nan, total_grad_norm=-1, time=1e30)


@extra
class Underflow(Extra):
    """Gradients so small that squares underflow, and numpy told to raise where that happens."""

    has_figures: ClassVar[bool] = False

    def prepare(self) -> None:
        self._before = np.seterr(all="raise")

    def loss(self, step: int, loss: torch.Tensor) -> torch.Tensor:
        return loss * 1e-30

    def tidy(self) -> None:
        np.seterr(**self._before)


@extra
class NumpyRaises(Extra):
    """Numpy told to raise at every division by zero, overflow and invalid operation."""

    def prepare(self) -> None:
        self._before = np.seterr(all="raise")

    def tidy(self) -> None:
        np.seterr(**self._before)


@extra
class NumpyRaisesAtNan(NumpyRaises):
    """The same, in a run with losses that are not finite, and with weights of zero."""

    has_figures: ClassVar[bool] = False

    def loss(self, step: int, loss: torch.Tensor) -> torch.Tensor:
        return loss * (0.0, math.nan, math.inf, 1e25)[step % 4]


NAMES = {
    "surrogates": "a\udce4\ud800",
    "bidirectional": "a\u202eb\u2066",
    "controls": "a\x1b[2Jb\r\n\x00",
    "long": "a" * 5000,
    "markup": "<img src=x onerror=alert(1)>",
    "empty": " ",
    "brackets": "[red](root)%s{0}",
}
"""Names of modules, by what is odd about them."""


@extra
class OddNames(Extra):
    """Modules whose names steer a terminal, are not text, or never end."""

    def rebuild(self, model: nn.Module) -> nn.Module:
        for what, name in NAMES.items():
            odd = nn.Linear(2, 2)
            odd.requires_grad_(requires_grad=what in ("surrogates", "long"))
            model.add_module(name, odd)
        return model

    def end(self) -> None:
        watcher = self.run.watcher
        if watcher is None or watcher.widget is None:
            return
        try:
            str(watcher.widget).encode()
            repr(watcher.widget).encode()
        except Exception as error:  # noqa: BLE001  # whatever a user would have met
            self.run.complaints.append(f"the text of the widget: {error!r}")


@extra
class NamesOnThePage(OddNames):
    """The same, sent to a page as JSON."""

    watches: ClassVar[tuple[str, ...]] = ("widget",)

    def begin(self) -> None:
        if self.run.watcher is not None and self.run.watcher.widget is not None:
            self.run.watcher.widget.send = self._send

    def _send(self, content: object, buffers: object = None) -> None:
        del buffers
        try:
            json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
        except Exception as error:  # noqa: BLE001  # whatever a page would have missed
            complaint = f"a message that cannot be sent: {error!r}"[:300]
            if complaint not in self.run.complaints:
                self.run.complaints.append(complaint)

    def end(self) -> None:
        super().end()
        if self.run.watcher is not None and self.run.watcher.widget is not None:
            self.run.watcher.widget._receive({"kind": "hello"})


@extra
class HugeStartStep(Extra):
    """A run that is resumed at the largest step that is accepted."""

    without: ClassVar[tuple[str, ...]] = ("remedies",)  # done by hand, steps are counted from 0
    has_figures: ClassVar[bool] = False
    has_all_frames: ClassVar[bool] = False

    def options(self) -> Mapping[str, Any]:
        return {"start_step": LARGEST_START}


@extra
class TinyLoss(Extra):
    """Gradients near the smallest numbers that there are."""

    def loss(self, step: int, loss: torch.Tensor) -> torch.Tensor:
        return loss * 1e-25


@extra
class HugeLoss(Extra):
    """Gradients whose squares overflow."""

    def loss(self, step: int, loss: torch.Tensor) -> torch.Tensor:
        return loss * 1e22


class _UnprintableError(RuntimeError):
    def __str__(self) -> str:
        message = "not even its text can be had"
        raise ValueError(message)


@extra
class UnprintableError(Extra):
    """A callback raises an error that has no text."""

    breaks: ClassVar[bool] = True

    def begin(self) -> None:
        def boom() -> None:
            raise _UnprintableError

        if self.run.watcher is not None:
            self.run.watcher.session.on_frame.append(boom)
