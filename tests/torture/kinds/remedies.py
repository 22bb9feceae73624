"""Remedies are applied to the running loop, and taken back; the same is done by hand."""

# ruff: noqa: ARG002  # every extra has the same methods, and few use all that they are given
from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ExponentialLR

from tests.torture.extra import Extra, extra
from tests.torture.kinds.layers import Odd
from tests.torture.reference.truth import is_unreadable

NOWHERE = (
    *("manual", "in_backward", "closure", "two_optimizers", "taken"),
    *("threads", "pauses", "callbacks"),
)
"""Where a remedy cannot be asked for, or nobody can say when it came into force."""


class Applied(Extra):
    """Applies a remedy in the second step, and takes it back some steps later."""

    steps: ClassVar[int] = 14
    without: ClassVar[tuple[str, ...]] = (*NOWHERE, "sparse", "faults", "stateful")
    has_figures: ClassVar[bool] = False
    action: ClassVar[dict[str, Any]] = {}
    undone: ClassVar[int] = 9

    def before(self, step: int) -> None:
        if self.run.watcher is not None:
            if step == 2:
                self.answer = self.run.watcher.apply(**self.action)
            if step == self.undone:
                self.run.watcher.control.undo()

    def complaints(self) -> Iterator[str]:
        if self.run.watcher is not None and self.run.done > 5 and not self.answer.done():
            yield "the remedy was never answered"


@extra
class ScaledRate(Applied):
    """The learning rate is scaled."""

    action: ClassVar[dict[str, Any]] = {"kind": "scale_lr", "factor": 0.1}


@extra
class ScaledRateToTheEnd(Applied):
    """The learning rate is scaled until the monitor is closed."""

    action: ClassVar[dict[str, Any]] = {"kind": "scale_lr", "factor": 3.0}
    undone: ClassVar[int] = 10**9


@extra
class Clipped(Applied):
    """The gradient is clipped."""

    action: ClassVar[dict[str, Any]] = {"kind": "clip", "max_norm": 1e-3}


@extra
class SparseClipped(Applied):
    """A gradient is clipped that is sparse in part."""

    models: ClassVar[tuple[str, ...] | None] = ("sparse",)
    usual: ClassVar[dict[str, str]] = {"model": "sparse", "loop": "plain", "optimizer": "sgd"}
    without: ClassVar[tuple[str, ...]] = (*NOWHERE, "faults", "stateful", "layers", "features")
    action: ClassVar[dict[str, Any]] = {"kind": "clip", "max_norm": 1e-6}
    has_bits: ClassVar[bool] = False
    undone: ClassVar[int] = 10**9

    def after(self, step: int) -> None:
        watcher = self.run.watcher
        if watcher is None or step < 5 or not watcher.control.changes:
            return
        dense = [one.grad.to_dense() for one in self.run.model.parameters() if one.grad is not None]
        norm = math.sqrt(sum(float(one.double().square().sum()) for one in dense))
        if norm > 1.001e-6:
            self.run.complaints.append(f"clipped at 1e-6, says the change, but the norm is {norm}")


class SkipsBad(Applied):
    """Steps with NaN are left out."""

    action: ClassVar[dict[str, Any]] = {"kind": "skip_nonfinite"}

    def loss(self, step: int, loss: Tensor) -> Tensor:
        return loss * math.nan if step in (5, 6, 8) else loss


@extra
class Skipped(SkipsBad):
    """Steps with NaN are left out, and the optimizer's memory stays as it was."""


@extra
class SkippedAndScaled(SkipsBad):
    """Two remedies at once."""

    without: ClassVar[tuple[str, ...]] = (*SkipsBad.without, "stepped_scheduler")

    def before(self, step: int) -> None:
        if self.run.watcher is not None and step == 3:
            self.run.watcher.apply(kind="scale_lr", factor=0.5)
        super().before(step)


@extra
class Reinitialized(Applied):
    """A layer is drawn afresh, which is taken back before the next step: all is as it was."""

    without: ClassVar[tuple[str, ...]] = (*Applied.without, "parametrized", "values", "remedies")

    def before(self, step: int) -> None:
        watcher = self.run.watcher
        if watcher is None or step not in (2, 6):
            return
        for layer in watcher.monitor.layers:
            if any(len(shape) > 1 for shape in layer.shapes.values()):
                random = torch.get_rng_state()
                self.answer = watcher.apply(kind="reinitialize", layers={layer.name: "kaiming"})
                watcher.control.undo()
                self._random = random
                return

    def end(self) -> None:
        """Fresh weights take random numbers, as they would by hand."""

    has_bits: ClassVar[bool] = False

    def after(self, step: int) -> None:
        # Fresh weights take random numbers, so only what does not depend on them can be compared.
        for name, one in self.run.model.named_parameters():
            if not (is_unreadable(one) or one.detach().float().isfinite().all()):
                self.run.complaints.append(f"{name} is not finite after a layer was drawn")


class Impossible(Odd):
    """Layers of which the last cannot be drawn."""

    def layer(self) -> nn.Module:
        raise NotImplementedError

    steps: ClassVar[int] = 14
    scheme: ClassVar[str] = "orthogonal"
    without: ClassVar[tuple[str, ...]] = (
        *(*NOWHERE, "remedies", "stateful", "faults", "layers", "features", "scaled", "callbacks"),
        *("parametrized", "dropped", "attention"),
    )

    def before(self, step: int) -> None:
        watcher = self.run.watcher
        if watcher is None or step != 3:
            return
        names = [layer.name for layer in watcher.monitor.layers]
        first = next((one for one in watcher.monitor.layers if one.kind == "Linear"), None)
        odd = next(name for name in names if name.endswith("odd"))
        if first is not None:
            drawn = {first.name: "kaiming", odd: self.scheme}
            listed = watcher.control.changes
            self.answer = watcher.apply(kind="reinitialize", layers=drawn)
            self._is_listed = watcher.control.changes != listed

    _is_listed: bool = False

    def complaints(self) -> Iterator[str]:
        if self._is_listed:
            yield "a change is listed of what could not be done"


class EightBits(nn.Module):
    """A layer with a weight of eight bits, for which torch draws nothing."""

    def __init__(self) -> None:
        super().__init__()
        eight = torch.eye(3).to(torch.float8_e4m3fn)
        self.weight = nn.Parameter(eight, requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.float() + self.bias


@extra
class ReinitializedHalfWay(Impossible):
    """Of two layers to be drawn the second cannot be: nothing is changed."""

    def layer(self) -> nn.Module:
        return EightBits()


class WholeNumbers(nn.Module):
    """A layer with a weight of whole numbers, for which nothing can be drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 3, dtype=torch.int8), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias


@extra
class ReinitializedWholeNumbers(Impossible):
    """The second layer to be drawn has a weight of whole numbers."""

    scheme: ClassVar[str] = "kaiming"

    def layer(self) -> nn.Module:
        return WholeNumbers()


@extra
class SteppedScheduler(Extra):
    """A scheduler is stepped in a hook after the optimizer's step."""

    without: ClassVar[tuple[str, ...]] = ("manual", "in_backward", "tensor_rate")

    def begin(self) -> None:
        for optimizer in self.run.optimizers:
            scheduler = ExponentialLR(optimizer, 0.9)

            def step(*_: object, one: ExponentialLR = scheduler) -> None:
                one.step()

            optimizer.register_step_post_hook(step)


@extra
class ScaledWithScheduler(SteppedScheduler, Applied):
    """The learning rate is scaled, and a scheduler is stepped in a hook."""

    action: ClassVar[dict[str, Any]] = {"kind": "scale_lr", "factor": 0.1}
    without: ClassVar[tuple[str, ...]] = (*Applied.without, "tensor_rate", "scaled")


@extra
class ScaledWhileRaising(Applied):
    """The learning rate is scaled, and some steps raise before a scheduler is stepped."""

    action: ClassVar[dict[str, Any]] = {"kind": "scale_lr", "factor": 0.1}
    loops: ClassVar[tuple[str, ...] | None] = ("scheduled", "plain", "clipped", "accumulated")
    usual: ClassVar[dict[str, str]] = {"loop": "scheduled"}
    undone: ClassVar[int] = 10**9

    def begin(self) -> None:
        self.schedulers = [ExponentialLR(one, 0.9) for one in self.run.optimizers]

        def hook(*_: object) -> None:
            if self.run.step in (5, 7, 8, self.run.case.steps - 1):
                message = "before the step"
                raise RuntimeError(message)

        for optimizer in self.run.optimizers:
            optimizer.register_step_pre_hook(hook)

    def after(self, step: int) -> None:
        for scheduler in self.schedulers:
            scheduler.step()


@extra
class Cancelled(Extra):
    """A remedy is asked for, and the answer to it is cancelled."""

    without: ClassVar[tuple[str, ...]] = (*NOWHERE, "remedies", "faults", "stateful")
    steps: ClassVar[int] = 6

    def before(self, step: int) -> None:
        if self.run.watcher is not None and step == 2:
            self.run.watcher.control.inspect(self.run.watcher.monitor.layers[0].name).cancel()


@extra
class CancelledAndClosed(Cancelled):
    """The same, and the monitor is closed before the loop has come to it."""

    ends_early: ClassVar[bool] = True
    alone: ClassVar[bool] = True

    def before(self, step: int) -> None:
        super().before(step)
        if self.run.watcher is not None and step == 2:
            self.run.watcher.close()


class Wrapper(Optimizer):
    """An optimizer around another one, with groups of its own."""

    def __init__(self, inner: Optimizer) -> None:
        self.inner = inner
        groups = [{"params": group["params"], "lr": group["lr"]} for group in inner.param_groups]
        super().__init__(groups, {})

    def step(self, closure: Any = None) -> Any:
        return self.inner.step(closure)


@extra
class WrappedOptimizer(Extra):
    """The optimizer is wrapped in another that has groups of its own, and the rate is scaled."""

    loops: ClassVar[tuple[str, ...] | None] = ("plain",)
    usual: ClassVar[dict[str, str]] = {"loop": "plain", "optimizer": "sgd", "model": "mlp"}
    alone: ClassVar[bool] = True
    steps: ClassVar[int] = 10
    has_figures: ClassVar[bool] = False

    def begin(self) -> None:
        self.run.loop.optimizer = Wrapper(self.run.optimizers[0])

    def before(self, step: int) -> None:
        if self.run.watcher is not None and step == 2:
            self.run.watcher.apply(kind="scale_lr", factor=0.1)
