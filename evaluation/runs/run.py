"""A training run: how it is built, what it is known to have, and how it takes a step."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

Build = Callable[["Conditions"], "Training"]
Cure = Literal["code", "person"]


@dataclass(frozen=True)
class Conditions:
    """What a run is built from: the seed, and whether sizes are to differ from the usual ones."""

    seed: int = 0
    varied: bool = False
    sick: bool = True
    """False builds the same run with its fault removed: the cure that a plateau is measured
    against."""

    def _factor(self, name: str, low: float, high: float) -> float:
        """The same for every call with one name, so a layer and the data that feed it agree."""
        if not self.varied:
            return 1.0
        draw = random.Random(f"{self.seed}/{name}").random()  # noqa: S311 - sizes, not secrets
        return float(low * (high / low) ** draw)

    def width(self, usual: int) -> int:
        return max(4, round(usual * self._factor("width", 0.6, 1.8) / 4) * 4)

    def depth(self, usual: int) -> int:
        """Never fewer: an even decay or growth over depth has to stay past its bound."""
        return max(usual, round(usual * self._factor("depth", 1.0, 1.4)))

    def batch(self, usual: int) -> int:
        return max(2, round(usual * self._factor("batch", 0.6, 1.8)))

    def rate(self, usual: float) -> float:
        """A learning rate for a loss that is averaged."""
        return usual * self._factor("rate", 0.7, 1.4)

    @property
    def loss_scale(self) -> float:
        """What the loss is multiplied by: 1 for an average, else about what a sum makes of it."""
        return 32.0 if self._factor("reduction", 1.0, 4.0) > 2 else 1.0

    def sgd(self, model: nn.Module, rate: float, momentum: float = 0.0) -> torch.optim.SGD:
        """Plain gradient descent, its rate divided by the scale of the loss."""
        return torch.optim.SGD(
            _trainable(model), lr=self.rate(rate) / self.loss_scale, momentum=momentum
        )

    def adam(self, model: nn.Module, rate: float) -> torch.optim.Adam:
        return torch.optim.Adam(_trainable(model), lr=self.rate(rate))


def _trainable(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def nothing(step: int) -> None:
    """What happens before most steps."""
    del step


@dataclass
class Training:
    """A model and its loop, ready to take steps."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Callable[[int], Tensor]
    """Forward pass and loss on the training batch of that number."""
    probe: Callable[[], Tensor]
    """The averaged loss on a batch that stays the same."""
    chain: tuple[str, ...] = ()
    """Layers that feed one another, input first; a profile over depth is read along them."""
    clip: float | None = None
    accumulate: int = 1
    schedule: LRScheduler | None = None
    scaler: torch.amp.GradScaler | None = None
    before: Callable[[int], None] = nothing
    """The fault: called before each step."""
    full_precision: Callable[[int], Tensor] | None = None
    """For a run in fp16: the same loss without it."""
    others: tuple[torch.optim.Optimizer, ...] = ()
    """Further optimizers that step parts of the model."""
    frames_per_step: int = 1
    """Optimizer steps in one step of the loop."""
    update: Callable[[int], None] | None = None
    """A loop of one's own instead of the usual one."""
    seen_loss: float = float("nan")
    """The loss of the latest step, averaged over accumulated batches."""
    observers: list[Callable[[float], None]] = field(default_factory=list)
    """Called with the scale of the gradients when they are complete: before clipping, before the
    update."""

    @property
    def optimizers(self) -> tuple[torch.optim.Optimizer, ...]:
        return self.optimizer, *self.others

    def step(self, number: int) -> None:
        """One step of the loop: the fault if it is due, then the update."""
        self.before(number)
        if self.update is not None:
            self.update(number)
            return
        self.optimizer.zero_grad()
        seen = 0.0
        for part in range(self.accumulate):
            loss = self.loss(number * self.accumulate + part) / self.accumulate
            seen += float(loss.detach())
            (loss if self.scaler is None else self.scaler.scale(loss)).backward()
        self.seen_loss = seen
        self.observe(1.0 if self.scaler is None else self.scaler.get_scale())
        if self.clip is not None:
            if self.scaler is not None:
                self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        if self.schedule is not None:
            self.schedule.step()

    def observe(self, scale: float = 1.0) -> None:
        """Tells all observers that the gradients of this step are complete."""
        for observer in self.observers:
            observer(scale)


@dataclass(frozen=True)
class Run:
    """One training run and the symptoms that it is known to have."""

    name: str
    build: Build
    steps: int
    has: Mapping[str, str]
    """Glob on the names of the layers concerned, by symptom; ``""`` for the whole model. Empty for
    a healthy run."""
    onset: int
    """The step before which the fault sets in; 0 for one that is there from the start."""
    story: str
    """What it is, in a sentence."""
    causes: tuple[str, ...] = ()
    """Symptoms of which one should lead, since whoever reads it knows what to change; empty where
    the label does not say."""
    cure: Cure = "code"
    """Whether a few lines beside the model can cure it, or only a person who edits the model, the
    loop or the data."""
    held_out: bool = False
    """Written before the rules that it tests, and not looked at while they are written."""

    @property
    def healthy(self) -> bool:
        return not self.has

    @property
    def by_cause(self) -> bool:
        """Whether it was written for its cause, mostly there from the start."""
        return self.build.__module__.startswith(
            ("evaluation.runs.causes.", "evaluation.runs.opened", "evaluation.runs.unseen.")
        )

    def start(self, conditions: Conditions) -> Training:
        """The model and its loop before the first step; the same ones for the same conditions."""
        torch.manual_seed(conditions.seed)
        return self.build(conditions)


RUNS: dict[str, Run] = {}
"""Every run by name, in the order in which the files are read."""


def sick(
    steps: int,
    onset: int = 0,
    *,
    cause: str | tuple[str, ...] = (),
    cure: Cure = "code",
    held_out: bool = False,
    **has: str,
) -> Callable[[Build], Build]:
    """Registers a run that has the given symptoms; each value is a glob on the layers concerned.

    Args:
        steps: of the run.
        onset: the step before which the fault sets in.
        cause: the symptom that should lead; several where any of them does.
        cure: who can cure it.
        held_out: whether it is kept from whoever writes rules.
        has: symptoms and their layers.
    """
    causes = (cause,) if isinstance(cause, str) else cause
    return lambda build: _register(
        Run(build.__name__, build, steps, has, onset, _story(build), causes, cure, held_out)
    )


def healthy(steps: int, *, held_out: bool = False) -> Callable[[Build], Build]:
    """Registers a run that is fine, whatever it looks like to a fixed threshold."""
    return lambda build: _register(
        Run(build.__name__, build, steps, {}, 0, _story(build), held_out=held_out)
    )


def _story(build: Build) -> str:
    return (build.__doc__ or "").strip()


def _register(run: Run) -> Build:
    if run.name in RUNS:
        message = f"there are two runs named {run.name}"
        raise ValueError(message)
    RUNS[run.name] = run
    return run.build
