"""Reads how the network is wired, in a few steps and now and then again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from weakref import ref

import torch
from torch import Tensor, nn

from gradwidget.capture.collect.lookahead.seen_targets import SeenTargets
from gradwidget.capture.collect.recurrent.over_samples import RecurrentCalls
from gradwidget.capture.collect.wiring.division import division_of
from gradwidget.capture.collect.wiring.flows import Flows
from gradwidget.capture.collect.wiring.graph import Graph, read_graph
from gradwidget.capture.collect.wiring.loss_path import LONGEST, loss_path
from gradwidget.capture.collect.wiring.obstacles.obstacles import (
    Obstacles,
    obstacles,
    only_an_attribute,
    together,
)
from gradwidget.capture.collect.wiring.places import Places
from gradwidget.capture.collect.wiring.unregistered import unregistered
from gradwidget.capture.collect.wiring.unused import Unused
from gradwidget.capture.hooks.foreign_modules import ForeignModules
from gradwidget.capture.hooks.forward import is_training_forward
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.optimizers import OptimizerParameters
from gradwidget.capture.stats.readback import Readback
from gradwidget.frame import Obstacle, Wiring

STEPS = 3
"""Sampled steps that are read in a row: optimizers may take turns, each with a graph of its own."""
EVERY = 64
"""Sampled steps from the beginning of one reading to that of the next."""

SEES_TARGETS: Obstacle = "sees targets"


@dataclass(slots=True)
class Gathered:
    """What some steps in a row have shown together."""

    unused: Unused
    is_shown: bool
    """Whether it is shown while it is not complete: what was known before is no longer true."""
    steps: int = 0
    flows: Flows = field(default_factory=Flows)
    loss_path: dict[str, None] = field(default_factory=dict)
    obstacles: Obstacles | None = None
    """Those of the graphs so far; None before the first."""
    formats: set[torch.dtype] = field(default_factory=set)
    adds_passes: bool = False
    """Whether a step had several passes."""


class WiringReader:
    """Holds no tensor and no node of a graph, and does nothing in the steps between.

    Args:
        model: the model, held weakly.
        table: its layers.
        optimizers: those that have stepped.
        foreign: collects modules that are no part of the model.
    """

    def __init__(
        self,
        model: nn.Module,
        table: LayerTable,
        optimizers: OptimizerParameters,
        foreign: ForeignModules,
    ) -> None:
        self._model = ref(model)
        self._table = table
        self._optimizers = optimizers
        self._foreign = foreign
        self._wiring: Wiring | None = None
        self._gathered: Gathered | None = None
        self._generation = -1
        self._to_next = 0
        self._places = Places(table)
        self._seen_targets = SeenTargets()
        self._recurrent = RecurrentCalls()
        self._used: set[int] = set()
        self._has_read = False
        self.is_due = False
        """Whether the step under way is read."""

    def begin(self, *, sampled: bool) -> None:
        """A step begins.

        Args:
            sampled: whether it is sampled from its start, so that every layer is seen to run.
        """
        if sampled and self._generation != self._table.generation:
            self._generation = self._table.generation
            self._gathered = Gathered(Unused(self._table), is_shown=True)
            self._seen_targets.begin_round()
        elif sampled and self._gathered is None and self._to_next <= 0:
            self._gathered = Gathered(Unused(self._table), is_shown=False)
            self._seen_targets.begin_round()
        self.is_due = sampled and self._gathered is not None
        if self._gathered is not None:
            self._gathered.unused.begin()
        self._places, self._used, self._has_read = Places(self._table), set(), False
        self._recurrent = RecurrentCalls()
        self._foreign.begin(wanted=self.is_due)

    def layer_ran(
        self,
        layer: str,
        module: nn.Module,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        output: object,
    ) -> None:
        """A layer has run in a step that is read."""
        if self._gathered is not None and is_training_forward():
            self._recurrent.layer_ran(layer, module, args, kwargs, output)
            tensors = self._places.add_output(layer, output)
            self._gathered.formats.update([one.dtype for one in tensors])
            self._gathered.unused.layer_ran(layer, tensors)

    def pass_begins(self, roots: Sequence[Tensor], readback: Readback) -> None:
        """A backward pass is about to run in a step that is read.

        Args:
            roots: where it begins.
            readback: brings figures of the step.
        """
        if self._gathered is None:
            return
        graph = read_graph(roots)
        if graph is None:
            self._gathered, self._wiring, self._to_next = None, None, EVERY
            return
        self._divide(graph)
        if not self._gathered.flows.add(graph, self._places):
            return  # a pass of another model
        self._gathered.loss_path |= dict.fromkeys(loss_path(graph, self._places))
        returned_by, is_first = self._foreign.returned_by, not self._has_read
        found = {**obstacles(graph, self._places, returned_by, is_first=is_first)}
        if (recurrent := self._recurrent.over_samples(graph)) is not None:
            found["recurs over samples"] = recurrent
        self._gathered.obstacles = together(self._gathered.obstacles, found)
        self._used |= {id(one) for one in graph.leaves()}
        self._gathered.adds_passes |= self._has_read
        self._has_read = True
        self._seen_targets.add(graph, roots, self._places, readback)

    def _divide(self, graph: Graph) -> None:
        """Makes rows of the parameters that are used one after the other within a module."""
        model = self._model()
        if model is None or len(self._table.divisible) < 2:
            return
        division = division_of(graph, self._table, self._places)
        if division is not None:
            self._table.divide(model, *division)
            self._places.layers_changed()

    def finish(self) -> Wiring | None:
        """A sampled step is over: how the network is wired, as far as that is known."""
        self._to_next -= 1
        gathered = self._gathered
        if self.is_due and self._has_read and gathered is not None:
            gathered.steps += 1
            is_over = gathered.steps >= STEPS
            if is_over or gathered.is_shown:
                self._show(gathered)
            if is_over:
                self._gathered, self._to_next = None, EVERY - STEPS
                self._seen_targets.end_round()
        self.begin(sampled=False)
        optimizers = self._optimizers.names()
        if self._wiring is not None and self._wiring.optimizers != optimizers:
            # One that takes its turn later than in the steps that were read.
            self._wiring = replace(self._wiring, optimizers=optimizers)
        if self._wiring is not None and "created again" not in self._wiring.obstacles:
            self._note_created_again(self._wiring)
        self._seen_targets.settle()
        if self._wiring is not None:
            self._note_seen_targets(self._wiring)
        return self._wiring

    def _note_seen_targets(self, wiring: Wiring) -> None:
        # Figures come from a device a step or two after the graph.
        found = _seen(self._seen_targets)
        others = {one: words for one, words in wiring.obstacles.items() if one != SEES_TARGETS}
        if {**others, **found} != wiring.obstacles:
            self._wiring = replace(wiring, obstacles={**others, **found})

    def _note_created_again(self, wiring: Wiring) -> None:
        # It takes more steps to be seen than are read.
        if self._optimizers.are_created_again:
            self._wiring = replace(wiring, obstacles={**wiring.obstacles, "created again": ()})

    def _show(self, gathered: Gathered) -> None:
        found = dict(gathered.obstacles or {})
        if not gathered.adds_passes and found.get("added up", ())[1:] == ("1", "1"):
            del found["added up"]  # the only mean of its step, as usual
        wiring = Wiring(
            feeds=gathered.flows.by_layer(layer.name for layer in self._table.layers),
            loss_path=tuple(gathered.loss_path)[:LONGEST],
            unregistered=self._unregistered(gathered),
            unused=gathered.unused.names,
            precision=_narrowest(
                {one.dtype for one in self._table.alive() if one.requires_grad} | gathered.formats
            ),
            optimizers=self._optimizers.names(),
            obstacles={
                **found,
                **only_an_attribute(self._model()),
                **_seen(self._seen_targets),
            },
        )
        if wiring != self._wiring:
            self._wiring = wiring

    def _unregistered(self, gathered: Gathered) -> tuple[str, ...]:
        model = self._model()
        # In the first step an optimizer of another model may not have stepped yet.
        if model is None or gathered.steps < 2 or not self._foreign.found:
            return ()
        foreign = self._foreign.found.values()
        return tuple(unregistered(foreign, model, self._used, self._optimizers.everything_held()))


def _seen(targets: SeenTargets) -> Obstacles:
    return {} if targets.words is None else {SEES_TARGETS: targets.words}


def _narrowest(formats: Iterable[torch.dtype]) -> str:
    """The format with the smallest range: float16, bfloat16, float32, float64, in this order."""
    real = {one.to_real() for one in formats if one.is_floating_point or one.is_complex}
    found = min(real, key=lambda one: torch.finfo(one).max, default=torch.float32)
    return str(found).removeprefix("torch.")
