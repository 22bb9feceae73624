"""One run of a case, watched or not: the loop that a user would write, and what it leaves."""

from __future__ import annotations

import random
import re
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor
from torch.optim import Optimizer

from tests.torture.case import Case
from tests.torture.reference.byhand import Hand
from tests.torture.reference.truth import Truths
from tests.torture.state import State, state_of, text
from tests.torture.training.loops import LOOPS
from tests.torture.training.models import MODELS
from tests.torture.training.optimizers import OPTIMIZERS
from tests.torture.watch import Applied, Watcher


class Run:
    """A case on its way.

    Args:
        case: what is run.
        watch: how it is watched, one of ``WATCHES``; None to run it alone.
        applied: remedies to do by hand, where nobody watches.
    """

    def __init__(self, case: Case, watch: str | None, applied: Sequence[Applied] = ()) -> None:
        self.case = case
        self.watch = watch
        self.applied = applied
        self.watcher: Watcher | None = None
        self.optimizers: list[Optimizer] = []
        self.hands: list[Hand] = []
        self.kept: dict[str, Any] = {}
        """What else belongs to the state of the run, by name."""
        self.seen: list[tuple[object, ...]] = []
        """Everything that the loop has seen, in order."""
        self.raised: list[str] = []
        """Tracebacks of everything that was raised in the loop."""
        self.complaints: list[str] = []
        """What an extra has found wrong on the way."""
        self.batch = case.batch
        """Size of the next batch."""
        self.seconds = 0.0
        """Processor time that the loop took."""
        self.done = 0
        """Optimizer steps that have ended without an error."""
        self.step = 0
        self.state: State = {}
        self.inputs: Any = None
        # An interrupt between two lines of torch's own optimizers leaves gradients off.
        torch.set_grad_enabled(True)
        random.seed(case.seed)
        np.random.seed(case.seed)  # noqa: NPY002  # the global state is what a user's loop draws from
        torch.manual_seed(case.seed)
        self.data = Generator().manual_seed(case.seed)
        self.extras = [part(self) for part in case.parts]
        for one in self.extras:
            one.prepare()
        self.source = MODELS[case.model](case.layers, case.width)
        self.model: Any = self.source
        for one in self.extras:
            self.model = one.rebuild(self.model)
        self.truths = Truths(self.model)
        self.loop = LOOPS[case.loop](self)

    def go(self) -> None:
        """Trains from beginning to end."""
        if self.watch is not None:
            self._attach(self.watch)
        self.loop.begin()
        for one in self.extras:
            self._try(f"beginning {one.name}", one.begin)
        began = time.process_time()
        for step in range(self.case.steps):
            self.step = step
            self._one_step(step)
        self.seconds = time.process_time() - began
        for one in self.extras:
            self._try(f"ending {one.name}", one.end)
        if self.watcher is not None:
            self._try("closing", self.watcher.close)
        self.state = state_of(self)
        for one in self.extras:
            one.tidy()

    def _try(self, where: str, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001  # whatever a user would have met
            self._note(where, error)

    def _attach(self, watch: str) -> None:
        options = {name: value for one in self.extras for name, value in one.options().items()}
        try:
            self.watcher = Watcher(self.model, watch, options)
        except Exception as error:  # noqa: BLE001  # whatever a user would have met
            self._note("attaching", error)

    def _one_step(self, step: int) -> None:
        try:
            with ExitStack() as stack:
                for one in self.extras:
                    one.before(step)
                    stack.enter_context(one.around(step))
                self.loop.step()
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # whatever a user would have met
            self._note(f"step {step}", error)
        for one in self.extras:
            one.after(step)
        for number, optimizer in enumerate(self.optimizers):
            for group in optimizer.param_groups:
                self.see(f"learning rate {number}", group.get("lr"))

    def _note(self, where: str, error: BaseException) -> None:
        message = re.sub(r"0x[0-9a-f]+", "0x…", str(error))[:160]
        self.seen.append((where, "raised", type(error).__name__, message))
        self.raised.append("".join(traceback.format_exception(error)))

    # ------------------------------------------------------------------ the words of every loop

    def make(self, parameters: Sequence[Tensor], optimizer: str | None = None) -> Optimizer:
        """An optimizer of parameters."""
        made = OPTIMIZERS[optimizer or self.case.optimizer](list(parameters))
        self.optimizers.append(made)
        if self.applied:
            self.hands.append(Hand(self, made))
        return made

    @property
    def trainable(self) -> list[Tensor]:
        """The parameters that want to be trained."""
        return [one for one in self.model.parameters() if one.requires_grad]

    def clear(self, *, to_none: bool = True) -> None:
        """Clears all gradients."""
        self.truths.losses = []
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=to_none)

    def evaluate(self, forward: Any = None) -> Tensor:
        """The loss of a fresh batch."""
        # As a variable of a loop does, this keeps the batch until the next one is there.
        inputs = self.inputs = self.source.inputs(self.batch, self.data)
        call = forward or self.model
        for one in self.extras:
            call = one.call(self.step, call)
        loss = criterion(call(**inputs) if isinstance(inputs, dict) else call(inputs))
        for one in self.extras:
            loss = one.loss(self.step, loss)
        self.see("loss", loss)
        return loss

    def backward(self, loss: Tensor, **how: Any) -> None:
        """Goes back from a loss."""
        loss.backward(**how)
        self.truths.losses.append(loss.detach())

    def optimize(self, optimizer: Optimizer, step: Any = None) -> None:
        """Steps, and notes the truth about it where nobody watches."""
        around = self.truths.around(optimizer) if self.watch is None and self.has_figures else None
        try:
            (step or optimizer.step)()
        finally:
            for hand in self.hands:
                hand.after()
        self.done += 1
        if around is not None:
            self.truths.done(around)

    def in_thread(self, work: Callable[[], object]) -> None:
        """Does work in a thread of its own, and raises here what it raises there."""
        errors: list[BaseException] = []

        def contained() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001  # raised again, in the thread that waits
                errors.append(error)

        thread = threading.Thread(target=contained)
        thread.start()
        thread.join()
        for error in errors:
            raise error

    @property
    def has_figures(self) -> bool:
        """Whether the truth is known."""
        return self.loop.has_figures and all(one.has_figures for one in self.extras)

    def see(self, what: str, value: object) -> None:
        """The loop has seen a value."""
        self.seen.append((self.step, what, text(value)))


def criterion(output: Any) -> Tensor:
    """A loss of whatever a model returns: the mean square of each tensor in it, added up."""
    if isinstance(output, Tensor):
        values = output.values() if output.is_nested else output
        if not (values.is_floating_point() or values.is_complex()):
            return torch.zeros(())
        return values.abs().square().mean() if values.numel() else torch.zeros(())
    if isinstance(output, dict):
        output = list(output.values())
    total = torch.zeros(())
    if isinstance(output, (list, tuple)):
        for one in output:
            total = total + criterion(one)
    return total


def settle() -> None:
    """What every run wants of its process."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None
    threading.excepthook = lambda _: None
