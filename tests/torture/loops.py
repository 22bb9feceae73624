"""The loops that a case can have: zero_grad, forward, backward, step, in every usual order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor
from torch.amp.grad_scaler import GradScaler
from torch.optim.lr_scheduler import ExponentialLR

if TYPE_CHECKING:
    from tests.torture.run import Run

LOOPS: dict[str, type[Loop]] = {}


class Loop:
    """The usual loop."""

    needs: ClassVar[str | None] = None
    """The only optimizer that it goes with."""
    without: ClassVar[tuple[str, ...]] = ("lbfgs",)
    """Optimizers that it does not go with."""
    has_figures: ClassVar[bool] = True
    """Whether the truth about each step is noted here."""
    has_all_frames: ClassVar[bool] = True
    """Whether each step of an optimizer is one that a monitor has to tell of."""

    def __init__(self, run: Run) -> None:
        self.run = run

    @classmethod
    def suits(cls, optimizer: str) -> bool:
        """Whether it goes with this optimizer."""
        return optimizer == cls.needs if cls.needs else optimizer not in cls.without

    def begin(self) -> None:
        """Makes what the loop needs besides the model."""
        self.optimizer = self.run.make(self.run.trainable)

    def step(self) -> None:
        """Trains by one step."""
        self.run.clear()
        self.run.backward(self.run.evaluate())
        self.finish()

    def finish(self) -> None:
        """What is done with the gradients."""
        self.run.optimize(self.optimizer)


def loop(kind: type[Loop]) -> type[Loop]:
    """Registers a loop under the name of its class."""
    assert kind.__doc__, kind
    name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind.__name__)
    LOOPS[name.lstrip("_")] = kind
    return kind


@loop
class Plain(Loop):
    """Clear, forward, backward, step."""


@loop
class Accumulated(Loop):
    """Three backward passes to a step."""

    def step(self) -> None:
        self.run.clear()
        for _ in range(3):
            self.run.backward(self.run.evaluate())
        self.finish()


@loop
class Clipped(Loop):
    """The total norm is clipped before the step."""

    def finish(self) -> None:
        norm = torch.nn.utils.clip_grad_norm_(self.run.trainable, 0.01)
        self.run.see("norm", norm)
        super().finish()


@loop
class Scheduled(Loop):
    """A scheduler sets the learning rate after each step."""

    def begin(self) -> None:
        super().begin()
        self.scheduler = ExponentialLR(self.optimizer, 0.9)

    def finish(self) -> None:
        super().finish()
        self.scheduler.step()


@loop
class Scaled(Loop):
    """A gradient scaler, with its gradients unscaled and clipped."""

    without: ClassVar[tuple[str, ...]] = ("lbfgs", "adamw_fused", "tensor_rate")

    def begin(self) -> None:
        super().begin()
        self.scaler = GradScaler("cpu", init_scale=64.0)

    def step(self) -> None:
        self.run.clear()
        loss = self.run.evaluate()
        self.scaler.scale(loss).backward()
        self.run.truths.losses.append(loss.detach())
        self.scaler.unscale_(self.optimizer)
        self.run.optimize(self.optimizer, lambda: self.scaler.step(self.optimizer))
        self.scaler.update()
        self.run.see("scale", self.scaler.get_scale())


@loop
class Closure(Loop):
    """An optimizer that evaluates the loss by itself."""

    needs: ClassVar[str | None] = "lbfgs"
    has_figures: ClassVar[bool] = False

    def step(self) -> None:
        def evaluate() -> Any:
            self.run.clear()
            loss = self.run.evaluate()
            self.run.backward(loss)
            return loss

        self.run.optimize(self.optimizer, lambda: self.optimizer.step(evaluate))


@loop
class ClearedByZeros(Loop):
    """Gradients are kept and set to zero, after the step."""

    def step(self) -> None:
        self.run.backward(self.run.evaluate())
        self.finish()
        self.run.clear(to_none=False)


@loop
class TwoLosses(Loop):
    """Two backward passes through one graph."""

    has_figures: ClassVar[bool] = False

    def step(self) -> None:
        self.run.clear()
        loss = self.run.evaluate()
        self.run.backward(loss, retain_graph=True)
        self.run.backward(loss.sqrt())
        self.finish()


@loop
class Taken(Loop):
    """Gradients are taken with ``autograd.grad`` and put in place by hand."""

    has_figures: ClassVar[bool] = False

    def step(self) -> None:
        self.run.clear()
        parameters = self.run.trainable
        taken = torch.autograd.grad(self.run.evaluate(), parameters, allow_unused=True)
        for parameter, gradient in zip(parameters, taken, strict=True):
            parameter.grad = gradient
        self.finish()


@loop
class Penalized(Loop):
    """The loss has the norm of its own gradient in it."""

    has_figures: ClassVar[bool] = False

    def step(self) -> None:
        self.run.clear()
        loss = self.run.evaluate()
        taken = torch.autograd.grad(
            loss, self.run.trainable, create_graph=True, allow_unused=True, retain_graph=True
        )
        found: list[Tensor | None] = list(taken)
        penalty = sum(one.square().sum() for one in found if one is not None)
        self.run.backward(loss + 0.01 * penalty)
        self.finish()


@loop
class InBackward(Loop):
    """Each parameter is stepped as soon as its gradient is there."""

    has_figures: ClassVar[bool] = False
    has_all_frames: ClassVar[bool] = False

    def begin(self) -> None:
        for parameter in self.run.trainable:
            optimizer = self.run.make([parameter])

            def step(_: Tensor, one: Any = optimizer) -> None:
                self.run.optimize(one)
                one.zero_grad()

            parameter.register_post_accumulate_grad_hook(step)

    def step(self) -> None:
        self.run.backward(self.run.evaluate())


@loop
class Manual(Loop):
    """No optimizer: weights are changed by hand."""

    needs: ClassVar[str | None] = "sgd"
    has_figures: ClassVar[bool] = False
    has_all_frames: ClassVar[bool] = False

    def begin(self) -> None:
        """Needs nothing."""

    def step(self) -> None:
        self.run.model.zero_grad()
        self.run.backward(self.run.evaluate())
        with torch.no_grad():
            for parameter in self.run.trainable:
                if parameter.grad is not None:
                    parameter.add_(parameter.grad, alpha=-0.01)
        self.run.done += 1


@loop
class Evaluated(Loop):
    """The model is evaluated after each step."""

    def finish(self) -> None:
        super().finish()
        self.run.model.eval()
        with torch.no_grad():
            self.run.see("evaluation", self.run.evaluate())
        self.run.model.train()


@loop
class TwoOptimizers(Loop):
    """Half of the parameters have an optimizer of their own."""

    has_figures: ClassVar[bool] = False
    has_all_frames: ClassVar[bool] = False

    def begin(self) -> None:
        parameters = self.run.trainable
        self.both = [
            self.run.make(half) for half in (parameters[::2], parameters[1::2]) if len(half)
        ]

    def finish(self) -> None:
        for optimizer in self.both:
            self.run.optimize(optimizer)


@loop
class OneThreadEach(Loop):
    """Each step runs in a thread of its own, one after the other."""

    def step(self) -> None:
        self.run.in_thread(super().step)
