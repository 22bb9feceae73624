"""Carries actions out on a model in training, between two steps, and takes them back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from weakref import ref

from torch import nn
from torch.optim import LBFGS, Optimizer

from gradwidget.action import (
    Action,
    Applied,
    Clip,
    RaiseForgetBias,
    Reinitialize,
    ScaleLr,
    SkipNonfinite,
    UseRelu,
)
from gradwidget.capture.guard import Guard
from gradwidget.capture.intervene.forget_bias import raise_forget_bias
from gradwidget.capture.intervene.nested_optimizers import Nesting
from gradwidget.capture.intervene.optimizers_together import SteppedTogether
from gradwidget.capture.intervene.per_step import Clipping, Skipping
from gradwidget.capture.intervene.reinitialize import reinitialize
from gradwidget.capture.intervene.scaled_rates import ScaledRates
from gradwidget.capture.intervene.step_edges import StepEdges
from gradwidget.capture.intervene.use_relu import use_relu
from gradwidget.capture.torch_private import unseen

SCALING = "scaling the learning rate"
TELLING_APART = "telling optimizers apart"


class Actuator:
    """The hand on the loop: changes what steps do, or the weights themselves.

    All of it happens on the training thread: ``apply`` and what it returns between two steps, the
    others around each step of an optimizer of the model.

    Args:
        model: the model, held weakly.
        optimizers: gives the optimizers that are known to train it.
        guard: contains what fails in the middle of the loop.
        rewired: called when activation functions of the model have been replaced.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizers: Callable[[], Sequence[Optimizer]],
        guard: Guard,
        *,
        rewired: Callable[[], None],
    ) -> None:
        self._model = ref(model)
        self._optimizers = optimizers
        self._guard = guard
        self._rewired = rewired
        self._nesting = Nesting()
        self._together = SteppedTogether()
        self._has_stepped = False
        self._may_nest = True
        """Whether the step under way may be part of another optimizer's."""
        self._with_closure: set[int] = set()
        """The ``id`` of each whose latest step computed the gradients."""
        self._clipping: list[Clipping] = []
        self._skipping: list[Skipping] = []
        self._rates = ScaledRates(
            self._nesting.inside, lambda message: self._guard.note(SCALING, message)
        )
        self._edges: dict[int, StepEdges] = {}
        """Of the optimizers, by ``id``, while rates are scaled or steps left out."""

    @unseen
    def apply(self, action: Action) -> Applied:
        """Does what the action says, from the next step on.

        Returns:
            What was done, and a function that takes it back; also to be called between two steps.

        Raises:
            ValueError: it cannot be done; says why. Nothing has been changed then.
        """
        applied = self._apply(action)
        return Applied(unseen(applied.undo), applied.text)

    def close(self) -> None:
        """Ends everything in force; drawn weights stay. Closing twice does nothing."""
        self._clipping.clear()
        self._rates.clear()
        for optimizer in self._optimizers():
            self.over(optimizer)
        self._skipping.clear()
        self._release_edges()

    def before_step(
        self, optimizer: Optimizer, *, are_several: bool, with_closure: bool = False
    ) -> bool:
        """An optimizer of the model is about to step; True when the step is to be left out.

        Args:
            optimizer: the one.
            are_several: whether others were seen to step.
            with_closure: whether its step computes the gradients.
        """
        (self._with_closure.add if with_closure else self._with_closure.discard)(id(optimizer))
        # One that has stepped before, and all alone, is inside no other.
        self._may_nest = are_several or not self._has_stepped
        if self._may_nest:
            self._guard.run(TELLING_APART, self._nesting.step_begins, optimizer)
        if not (are_several or self._edges or self._clipping):
            return False
        return self._change_step(optimizer, are_several=are_several)

    def _change_step(self, optimizer: Optimizer, *, are_several: bool) -> bool:
        """Does what is in force before a step; whether that is to be left out."""
        if are_several:
            self._guard.run(TELLING_APART, self._together.step_begins, optimizer)
        if self._edges:
            self._guard.run("ordering the hooks of a step", self._order_hooks, optimizer)
        # Asked before anything is clipped: one NaN in the total norm makes every gradient NaN.
        for skipping in self._skipping:
            if self._guard.run(skipping.doing, skipping.leaves_out, optimizer):
                return True
        for clipping in self._clipping:
            self._guard.run(clipping.doing, self._clip_step, clipping, optimizer)
        if are_several:
            ready, all_of_them = self._together.ready, self._optimizers()
            self._guard.run(TELLING_APART, ready, optimizer, all_of_them)
        # Scaled now as well, for what is recorded of the step; hooks of others see their own rates.
        if self._rates.actions:
            self.enter(optimizer)
        return False

    def withhold(self, optimizer: Optimizer) -> None:
        """Makes the step that is to be left out change nothing."""
        self._guard.run(self._skipping[0].doing, self._skipping[0].withhold, optimizer)

    def after_step(self, optimizer: Optimizer) -> None:
        """It has stepped."""
        self._has_stepped = True
        if self._may_nest:
            self._guard.run(TELLING_APART, self._nesting.step_ended, optimizer)
        if not self._edges:
            return
        self.over(optimizer)
        edges = self._edges.get(id(optimizer))
        if edges is not None:
            self._guard.run("ordering the hooks of a step", edges.step_ended)

    @unseen
    def enter(self, optimizer: Optimizer) -> None:
        """See ``step_edges.Inside``."""
        if self._rates.actions:
            self._guard.run(SCALING, self._rates.enter, optimizer)

    @unseen
    def leave(self, optimizer: Optimizer) -> None:
        """See ``step_edges.Inside``."""
        self._guard.run("restoring the learning rate", self._rates.leave, optimizer)

    @unseen
    def over(self, optimizer: Optimizer) -> None:
        """See ``step_edges.Inside``."""
        self.leave(optimizer)
        for skipping in self._skipping:
            self._guard.run("giving gradients back", skipping.put_back, optimizer)

    def _apply(self, action: Action) -> Applied:
        optimizers = self._optimizers()
        if not optimizers:
            message = "no optimizer has stepped this model yet"
            raise ValueError(message)
        if isinstance(action, Reinitialize | UseRelu | RaiseForgetBias):
            return self._change_model(action, optimizers)
        if isinstance(action, ScaleLr):
            return self._scale(action, optimizers)
        self._check_gradients_are_at_hand(optimizers)
        if isinstance(action, Clip):
            return self._clip(action, optimizers)
        return self._skip(action, optimizers)

    def _change_model(
        self, action: Reinitialize | UseRelu | RaiseForgetBias, optimizers: Sequence[Optimizer]
    ) -> Applied:
        model = self._model()
        if model is None:
            message = "the model no longer exists"
            raise ValueError(message)
        if isinstance(action, UseRelu):
            return self._use_relu(model, action, optimizers)
        if isinstance(action, RaiseForgetBias):
            return Applied(raise_forget_bias(model, action, optimizers), action.text)
        return Applied(reinitialize(model, action.layers, optimizers), action.text)

    def _use_relu(
        self, model: nn.Module, action: UseRelu, optimizers: Sequence[Optimizer]
    ) -> Applied:
        put_back = use_relu(model, action, optimizers)
        self._rewired()

        def undo() -> None:
            put_back()
            self._rewired()

        return Applied(undo, action.text)

    def _scale(self, action: ScaleLr, optimizers: Sequence[Optimizer]) -> Applied:
        _check_rates(action, optimizers)
        self._rates.add(action)
        self._watch_edges(optimizers)

        def undo() -> None:
            self._rates.remove(action)
            self._release_edges()

        return Applied(undo, action.text)

    def _clip(self, action: Clip, optimizers: Sequence[Optimizer]) -> Applied:
        clipping = Clipping(action.max_norm, self._together.after)
        self._clipping.append(clipping)
        text = action.text
        # A wrapper and the optimizer inside it hold the same gradients.
        inner = [one for optimizer in optimizers for one in self._nesting.inside(optimizer)]
        apart = [one for one in optimizers if all(one is not known for known in inner)]
        if len(apart) > 1 and not any(self._together.after(one) for one in apart):
            text += ", for each optimizer on its own"
        return Applied(lambda: self._clipping.remove(clipping), text)

    def _clip_step(self, clipping: Clipping, optimizer: Optimizer) -> None:
        # Once a step: a wrapper's step has clipped for the optimizer inside it.
        if not self._nesting.is_covered(optimizer):
            clipping.before_step(optimizer)

    def _skip(self, action: SkipNonfinite, optimizers: Sequence[Optimizer]) -> Applied:
        skipping = Skipping()
        self._skipping.append(skipping)
        self._watch_edges(optimizers)

        def undo() -> None:
            for optimizer in self._optimizers():
                skipping.put_back(optimizer)
            self._skipping.remove(skipping)
            self._release_edges()

        return Applied(undo, action.text)

    def _order_hooks(self, optimizer: Optimizer) -> None:
        self._watch_edges([optimizer])
        self._edges[id(optimizer)].step_begins(optimizer)

    def _watch_edges(self, optimizers: Sequence[Optimizer]) -> None:
        for optimizer in optimizers:
            known = self._edges.get(id(optimizer))
            if known is None or known.optimizer is not optimizer:
                self._edges[id(optimizer)] = StepEdges(optimizer, self)

    def _release_edges(self) -> None:
        if self._rates.actions or self._skipping:
            return
        while self._edges:
            self._edges.popitem()[1].remove()

    def _check_gradients_are_at_hand(self, optimizers: Sequence[Optimizer]) -> None:
        for optimizer in optimizers:
            if isinstance(optimizer, LBFGS) or id(optimizer) in self._with_closure:
                message = (
                    f"{type(optimizer).__name__} computes its gradients inside step(), "
                    "in a closure, where they cannot be changed"
                )
                raise ValueError(message)


def _check_rates(action: ScaleLr, optimizers: Sequence[Optimizer]) -> None:
    groups = max(len(optimizer.param_groups) for optimizer in optimizers)
    if action.group is not None and action.group >= groups:
        message = f"there is no parameter group {action.group}; the optimizer has {groups}"
        raise ValueError(message)
    if not any("lr" in group for optimizer in optimizers for group in optimizer.param_groups):
        message = f"{type(optimizers[0]).__name__} has no learning rate"
        raise ValueError(message)
