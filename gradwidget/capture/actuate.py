"""Carries actions out on a model in training, between two steps, and takes them back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from weakref import ref

from torch import nn
from torch.optim import LBFGS, Optimizer

from gradwidget.action import Action, Clip, Reinitialise, ScaleLr
from gradwidget.capture.guard import Guard
from gradwidget.capture.influence import Clipping, Influence, ScaledRate, Skipping
from gradwidget.capture.reinitialise import reinitialise


class Actuator:
    """The hand on the loop: changes what steps do, or the weights themselves.

    All of it happens on the training thread: ``apply`` and what it returns between two steps, the others around
    each step of an optimizer of the model.

    Args:
        model: the model, held weakly.
        optimizers: gives the optimizers that are known to train it.
        guard: contains what fails in the middle of the loop.
    """

    def __init__(self, model: nn.Module, optimizers: Callable[[], Sequence[Optimizer]], guard: Guard) -> None:
        self._model = ref(model)
        self._optimizers = optimizers
        self._guard = guard
        self._influences: list[Influence] = []

    def apply(self, action: Action) -> Callable[[], None]:
        """Does what the action says, from the next step on.

        Returns:
            A function that takes it back; also to be called between two steps.

        Raises:
            ValueError: it cannot be done; says why. Nothing has been changed then.
        """
        optimizers = self._optimizers()
        if not optimizers:
            message = "no optimizer has stepped this model yet"
            raise ValueError(message)
        if isinstance(action, Reinitialise):
            model = self._model()
            if model is None:
                message = "the model is gone"
                raise ValueError(message)
            return reinitialise(model, action.layers, optimizers)
        influence = _influence(action, optimizers)
        self._influences.append(influence)
        return lambda: self._influences.remove(influence)

    def before_step(self, optimizer: Optimizer) -> None:
        """An optimizer of the model is about to step."""
        for influence in self._influences:
            self._guard.run(influence.doing, influence.before_step, optimizer)

    def after_step(self, optimizer: Optimizer) -> None:
        """It has stepped."""
        for influence in reversed(self._influences):
            self._guard.run(influence.doing, influence.after_step, optimizer)


def _influence(action: Action, optimizers: Sequence[Optimizer]) -> Influence:
    if isinstance(action, ScaleLr):
        _check_rates(action, optimizers)
        return ScaledRate(action.factor, action.group)
    for optimizer in optimizers:
        if isinstance(optimizer, LBFGS):
            message = "LBFGS computes its gradients inside step(), where they cannot be changed"
            raise ValueError(message)  # noqa: TRY004 - the optimizer is fine, the action does not go with it
    return Clipping(action.max_norm) if isinstance(action, Clip) else Skipping()


def _check_rates(action: ScaleLr, optimizers: Sequence[Optimizer]) -> None:
    groups = max(len(optimizer.param_groups) for optimizer in optimizers)
    if action.group is not None and action.group >= groups:
        message = f"there is no parameter group {action.group}; the optimizer has {groups}"
        raise ValueError(message)
    if not any("lr" in group for optimizer in optimizers for group in optimizer.param_groups):
        message = f"{type(optimizers[0]).__name__} has no learning rate"
        raise ValueError(message)
