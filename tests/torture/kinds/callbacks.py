"""Functions of the user's that gradwidget calls: they raise, or do what nobody expects there."""

# ruff: noqa: ARG002  # every extra has the same methods, and few use all that they are given
from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from tests.torture.extra import Extra, extra


def boom(*_: object) -> None:
    """A callback that is broken."""
    message = "a callback of the user's"
    raise RuntimeError(message)


@extra
class OnFrameRaises(Extra):
    """What is called at each frame raises."""

    breaks: ClassVar[bool] = True

    def begin(self) -> None:
        if self.run.watcher is not None:
            self.run.watcher.session.on_frame.append(boom)

    def complaints(self) -> Iterator[str]:
        watcher = self.run.watcher
        if watcher is not None and self.run.done and not watcher.monitor.problems:
            yield "nobody is told that the callback failed"


@extra
class OnInspectionRaises(Extra):
    """What is called with each inspection raises."""

    breaks: ClassVar[bool] = True

    def begin(self) -> None:
        if self.run.watcher is not None:
            self.run.watcher.session.on_inspection.append(boom)

    def before(self, step: int) -> None:
        if self.run.watcher is not None and step == 2 and self.run.watcher.monitor.layers:
            self.run.watcher.monitor.inspect(self.run.watcher.monitor.layers[0].name)


@extra
class OnControlRaises(Extra):
    """What is called when the loop is changed raises, while a remedy is asked for."""

    breaks: ClassVar[bool] = True
    without: ClassVar[tuple[str, ...]] = ("remedies", "lbfgs", "manual", "pauses", "threads")

    def begin(self) -> None:
        if self.run.watcher is not None:
            self.run.watcher.session.on_control.append(boom)

    def before(self, step: int) -> None:
        if self.run.watcher is not None and step == 1:
            self.run.watcher.control.inspect(self.run.watcher.monitor.layers[0].name)


class Sick(Extra):
    """The loss is a NaN in one step, in which a finding opens."""

    def loss(self, step: int, loss: Tensor) -> Tensor:
        return loss * math.nan if step == 3 else loss


@extra
class OnFindingRaises(Sick):
    """What is called with each finding raises."""

    breaks: ClassVar[bool] = True

    def options(self) -> Mapping[str, Any]:
        return {"on_finding": boom}


@extra
class OnFindingCloses(Sick):
    """What is called with a finding closes the monitor."""

    ends_early: ClassVar[bool] = True

    def options(self) -> Mapping[str, Any]:
        return {"on_finding": self._close}

    def _close(self, _finding: object) -> None:
        if self.run.watcher is not None:
            self.run.watcher.close()


@extra
class OnFrameCloses(Extra):
    """What is called at a frame closes the monitor, in the middle of it."""

    ends_early: ClassVar[bool] = True
    # It calls inspect(), which is an error once the monitor is closed.
    without: ClassVar[tuple[str, ...]] = ("on_inspection_raises",)

    def begin(self) -> None:
        if self.run.watcher is not None:
            self.run.watcher.session.on_frame.append(self._close)

    def _close(self) -> None:
        if self.run.watcher is not None and len(self.run.watcher.frames) == 2:
            self.run.watcher.close()


@extra
class OnFrameAsks(Extra):
    """What is called at a frame asks for everything that can be asked for."""

    # After which nothing can be.
    without: ClassVar[tuple[str, ...]] = ("on_finding_closes", "on_frame_closes")

    def begin(self) -> None:
        if self.run.watcher is not None:
            self.run.watcher.session.on_frame.append(self._ask)

    def _ask(self) -> None:
        assert self.run.watcher is not None
        monitor = self.run.watcher.monitor
        monitor.report()
        monitor.log(asked=1.0)
        monitor.inspect(monitor.layers[-1].name)
        assert monitor.findings is not None
        assert monitor.history["grad_rms"].ndim == 2


@extra
class FilterRaisesLater(Extra):
    """The function that chooses the layers raises once the model has changed."""

    breaks: ClassVar[bool] = True
    without: ClassVar[tuple[str, ...]] = ("copied", "saved")
    has_figures: ClassVar[bool] = False

    def options(self) -> Mapping[str, Any]:
        return {"layers": self._choose}

    def _choose(self, name: str, _module: nn.Module) -> bool:
        if "late" in name:
            message = "a name that the filter does not know"
            raise KeyError(message)
        return True

    def before(self, step: int) -> None:
        if step == 2:
            self.run.model.late = nn.Linear(2, 2)


class Hostile(nn.Module):
    """A module of the user's that cannot be walked."""

    def modules(self, remove_duplicate: bool = True) -> Iterator[nn.Module]:  # noqa: FBT001, FBT002  # as torch has it
        message = "not to be walked"
        raise TypeError(message)

    def forward(self, x: Any) -> Any:
        return x


@extra
class ModuleThatCannotBeWalked(Extra):
    """A module beside the model raises where its parts are listed, and something is pending."""

    breaks: ClassVar[bool] = True
    without: ClassVar[tuple[str, ...]] = ("pauses", "threads")

    def call(self, step: int, forward: Callable[..., Any]) -> Callable[..., Any]:
        hostile = Hostile()

        def call(*args: Any, **kwargs: Any) -> Any:
            hostile(0)
            return forward(*args, **kwargs)

        return call

    def before(self, step: int) -> None:
        if self.run.watcher is not None and step == 1:
            self.run.watcher.control.inspect(self.run.watcher.monitor.layers[0].name)


@extra
class Dropped(Extra):
    """The monitor is dropped in the middle of the run, without being closed."""

    ends_early: ClassVar[bool] = True
    # A widget that is dropped lives on: its page may still ask for it.
    without: ClassVar[tuple[str, ...]] = ("threads", "pauses", "remedies", "pages", "widget")
    watches: ClassVar[tuple[str, ...]] = ("full", "default")
    alone: ClassVar[bool] = True

    def after(self, step: int) -> None:
        if step == 2:
            self.run.watcher = None
            gc.collect()


@extra
class Replaced(Extra):
    """A second monitor takes the place of the first in the middle of the run."""

    ends_early: ClassVar[bool] = True
    without: ClassVar[tuple[str, ...]] = ("remedies", "pauses", "pages", "threads")

    def after(self, step: int) -> None:
        if step == 2 and self.run.watcher is not None:
            from gradwidget import GradMonitor  # noqa: PLC0415  # only here is another one made

            self.second = GradMonitor(self.run.model, budget=None)

    def end(self) -> None:
        if self.run.watcher is not None and hasattr(self, "second"):
            if self.second.history.last is None and self.run.done > 3:
                self.run.complaints.append("the second monitor has no frame")
            if not self.run.watcher.monitor.closed:
                self.run.complaints.append("the first monitor still listens")
            self.second.close()
