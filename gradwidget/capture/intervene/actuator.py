"""Carries actions out on a model in training, between two steps, and takes them back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from weakref import ref

from torch import nn
from torch.optim import LBFGS, Optimizer

from gradwidget.action import Action, Clip, Reinitialize, ScaleLr, SkipNonfinite
from gradwidget.capture.guard import Guard
from gradwidget.capture.intervene.per_step import Clipping, ScaledRate, Skipping, StepIntervention
from gradwidget.capture.intervene.reinitialize import reinitialize


class Actuator:
    """The hand on the loop: changes what steps do, or the weights themselves.

    All of it happens on the training thread: ``apply`` and what it returns between two steps, the
        others around
    each step of an optimizer of the model.

    Args:
        model: the model, held weakly.
        optimizers: gives the optimizers that are known to train it.
        guard: contains what fails in the middle of the loop.
    """

    def __init__(
        self, model: nn.Module, optimizers: Callable[[], Sequence[Optimizer]], guard: Guard
    ) -> None:
        self._model = ref(model)
        self._optimizers = optimizers
        self._guard = guard
        self._influences: list[StepIntervention] = []
        self._skipping: list[Skipping] = []

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
        if isinstance(action, Reinitialize):
            model = self._model()
            if model is None:
                message = "the model is gone"
                raise ValueError(message)
            return reinitialize(model, action.layers, optimizers)
        if isinstance(action, SkipNonfinite):
            _check_gradients_are_at_hand(optimizers)
            skipping = Skipping()
            self._skipping.append(skipping)
            return lambda: self._skipping.remove(skipping)
        influence = _influence(action, optimizers)
        self._influences.append(influence)
        return lambda: self._influences.remove(influence)

    def before_step(self, optimizer: Optimizer) -> bool:
        """An optimizer of the model is about to step; True when the step is to be left out."""
        # Asked before anything is clipped: one NaN in the total norm makes every gradient NaN.
        for one in self._skipping:
            if self._guard.run(one.doing, one.leaves_out, optimizer):
                return True
        for influence in self._influences:
            self._guard.run(influence.doing, influence.before_step, optimizer)
        return False

    def withhold(self, optimizer: Optimizer) -> None:
        """Makes the step that is to be left out change nothing."""
        self._guard.run(self._skipping[0].doing, self._skipping[0].withhold, optimizer)

    def after_step(self, optimizer: Optimizer) -> None:
        """It has stepped."""
        for skipping in self._skipping:
            self._guard.run(skipping.doing, skipping.put_back)
        for influence in reversed(self._influences):
            self._guard.run(influence.doing, influence.after_step, optimizer)


def _influence(action: Clip | ScaleLr, optimizers: Sequence[Optimizer]) -> StepIntervention:
    if isinstance(action, ScaleLr):
        _check_rates(action, optimizers)
        return ScaledRate(action.factor, action.group)
    _check_gradients_are_at_hand(optimizers)
    return Clipping(action.max_norm)


def _check_gradients_are_at_hand(optimizers: Sequence[Optimizer]) -> None:
    if any(isinstance(optimizer, LBFGS) for optimizer in optimizers):
        message = "LBFGS computes its gradients inside step(), where they cannot be changed"
        raise ValueError(message)


def _check_rates(action: ScaleLr, optimizers: Sequence[Optimizer]) -> None:
    groups = max(len(optimizer.param_groups) for optimizer in optimizers)
    if action.group is not None and action.group >= groups:
        message = f"there is no parameter group {action.group}; the optimizer has {groups}"
        raise ValueError(message)
    if not any("lr" in group for optimizer in optimizers for group in optimizer.param_groups):
        message = f"{type(optimizers[0]).__name__} has no learning rate"
        raise ValueError(message)
