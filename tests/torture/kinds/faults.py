"""The loop itself goes wrong: errors and interrupts in the middle of it, and the loop goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from tests.torture.extra import Extra, extra


class Passing(torch.autograd.Function):
    """Changes nothing, and calls something on its way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, back: Callable[[], None]) -> Tensor:
        ctx.back = back
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        ctx.back()
        return gradients[0], None


class Raises(Extra):
    """Raises in every third step."""

    def raises(self, step: int) -> bool:
        """Whether this step raises."""
        return step % 3 == 2


@extra
class ForwardRaises(Raises):
    """The forward raises after the model has run."""

    def call(self, step: int, forward: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            output = forward(*args, **kwargs)
            if self.raises(step):
                message = "out of memory"
                raise RuntimeError(message)
            return output

        return call


@extra
class ForwardInterrupted(Raises):
    """An interrupt in the last layer of the model."""

    def rebuild(self, model: nn.Module) -> nn.Module:
        last = [one for one in model.modules() if not list(one.children())][-1]

        def interrupt(*_: object) -> None:
            if self.raises(self.run.step):
                raise KeyboardInterrupt

        last.register_forward_pre_hook(interrupt)
        return model


@extra
class BackwardInterrupted(Raises):
    """An interrupt on the way back."""

    def loss(self, step: int, loss: Tensor) -> Tensor:
        def back() -> None:
            if self.raises(step):
                raise KeyboardInterrupt

        passed = Passing.apply(loss, back)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return torch.as_tensor(passed)


@extra
class GradientHookRaises(Raises):
    """A hook on the first parameter raises when its gradient arrives, which is late."""

    def begin(self) -> None:
        def hook(gradient: Tensor) -> Tensor:
            if self.raises(self.run.step):
                message = "in a hook of the user's"
                raise ValueError(message)
            return gradient

        next(iter(self.run.trainable)).register_hook(hook)


@extra
class StepRaises(Raises):
    """A hook of the user's raises before the optimizer steps."""

    without: ClassVar[tuple[str, ...]] = ("manual", "in_backward")

    def begin(self) -> None:
        def hook(*_: object) -> None:
            if self.raises(self.run.step):
                message = "before the step"
                raise RuntimeError(message)

        for optimizer in self.run.optimizers:
            optimizer.register_step_pre_hook(hook)


@extra
class StepInterrupted(Raises):
    """An interrupt in the middle of the optimizer's step, when the weights have changed."""

    without: ClassVar[tuple[str, ...]] = ("manual", "in_backward", "closure", "two_optimizers")
    has_figures: ClassVar[bool] = False
    has_all_frames: ClassVar[bool] = False

    def begin(self) -> None:
        def hook(*_: object) -> None:
            if self.raises(self.run.step):
                raise KeyboardInterrupt

        for optimizer in self.run.optimizers:
            optimizer.register_step_post_hook(hook)


@extra
class LossRaises(Raises):
    """What computes the loss raises, so that there is no backward pass."""

    def loss(self, step: int, loss: Tensor) -> Tensor:
        if self.raises(step):
            message = "no such label"
            raise IndexError(message)
        return loss


LEFT_BY_TORCH = ("does not require grad", "unscale_()")
"""What a step raises, watched or not, after an interrupt between two lines of torch or of the loop.

Gradients are left off, or the scaler in the middle of a step. Of our own lines
``test_interrupts_inside`` tries each.
"""


@extra
class InterruptedAnywhere(Extra):
    """Interrupts come at any moment, in our own code as well; the loop goes on each time."""

    has_bits: ClassVar[bool] = False
    has_figures: ClassVar[bool] = False
    has_all_frames: ClassVar[bool] = False
    without: ClassVar[tuple[str, ...]] = (
        *("threads", "pauses", "one_thread_each"),
        # What raises something else than an interrupt.
        *("forward_raises", "gradient_hook_raises", "step_raises", "loss_raises"),
        # An interrupt in what torch has of these in Python ends the process, watched or not.
        *("jagged_output", "nested_layer"),
    )
    steps: ClassVar[int] = 40

    def around(self, step: int) -> AbstractContextManager[object]:
        return self._interrupts(step)

    @contextmanager
    def _interrupts(self, step: int) -> Iterator[None]:
        if step % 4 != 3:
            yield
            return
        delay = 0.00005 * (1 + (self.run.case.seed + 7 * step) % 60)
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, delay)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def complaints(self) -> Iterator[str]:
        for where, what, kind, *rest in (one for one in self.run.seen if one[1] == "raised"):
            is_left = any(words in str(rest) for words in LEFT_BY_TORCH)
            if kind != "KeyboardInterrupt" and not is_left:
                yield f"{where} {what} {kind} {rest}"


@extra
class ForkedChild(Extra):
    """A child process is forked in the middle of the run, and trains on by itself."""

    without: ClassVar[tuple[str, ...]] = ("threads", "pauses", "one_thread_each", "memory")

    def after(self, step: int) -> None:
        if step != self.run.case.steps // 2:
            return
        pid = os.fork()
        if not pid:
            signal.alarm(8)
            try:
                self.run.loop.step()
                self.run.loop.step()
            except BaseException:  # noqa: BLE001  # only its exit status tells of it
                os._exit(3)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        self.run.see("status of the child", status)


@extra
class ForkedWhilePausing(ForkedChild):
    """The same, while a pause has been asked for: nobody could resume the child."""

    def after(self, step: int) -> None:
        asks = step == self.run.case.steps // 2 and self.run.watcher is not None
        if asks and self.run.watcher is not None:
            with suppress(ValueError):  # where it is known by now that nobody could resume it
                self.run.watcher.control.pause()
        super().after(step)
        if asks and self.run.watcher is not None:
            self.run.watcher.control.resume()
