"""Collects what is measured in a step, and builds its frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property, partial
from numbers import Real

import numpy as np
from torch import Tensor, nn

from gradwidget.capture import unmeasured
from gradwidget.capture.collect.activation_columns import activation_columns
from gradwidget.capture.collect.activations import ActivationCache, Activations
from gradwidget.capture.collect.loop.bad_update import find_bad_update
from gradwidget.capture.collect.loop.loop_facts import LoopFacts
from gradwidget.capture.collect.loop.optimizer_settings import settings_of
from gradwidget.capture.collect.loss import LossFinder
from gradwidget.capture.collect.nonfinite.origin import find_origin
from gradwidget.capture.collect.operation_outputs import OperationOutputs
from gradwidget.capture.collect.output_gradients import OnGradient
from gradwidget.capture.collect.outputs import first_tensor
from gradwidget.capture.collect.parameter_readings import ParameterReadings, Parameters
from gradwidget.capture.collect.recurrent.recurrent_gradients import RECURRENT, RecurrentGradients
from gradwidget.capture.collect.weight_updates import Copies
from gradwidget.capture.collect.wiring.participation import participation
from gradwidget.capture.inspect.inspection_collector import InspectionCollector
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.local_part import arrived, local_part
from gradwidget.capture.model.optimizers import Grouped
from gradwidget.capture.processes.sharded_parameters import ShardedParameters
from gradwidget.capture.sampling.recurrent_schedule import RecurrentSchedule
from gradwidget.capture.stats.measured_tensors import (
    Reading,
    divided,
    gradients_of,
    read,
    refused_in,
)
from gradwidget.capture.stats.readback import Fetch, Readback, Values
from gradwidget.capture.stats.tensor_stats import L1, L2, PEAK, measure, measure_l2, measure_rows
from gradwidget.frame import Frame, NonfiniteOrigin, Wiring

UNITS = "comparing the units of layers"


class FrameBuilder:
    """One step under way.

    Everything in it is a small tensor or a number; the user's tensors are read, not kept.

    Args:
        step: its number.
        table: the layers.
        on_gradient: registers what is to be done with the gradient of a tensor.
        cache: what is known of outputs from earlier steps.
        schedule: decides in which steps recurrent layers are measured along time.
        sampled: whether it is measured in full.
        outputs: whether the outputs of layers are measured too, where it is sampled from its start.
        inspections: collects what somebody wants to see of single layers; the step is then sampled.
    """

    def __init__(
        self,
        step: int,
        table: LayerTable,
        on_gradient: OnGradient,
        cache: ActivationCache,
        schedule: RecurrentSchedule,
        *,
        sampled: bool,
        outputs: bool,
        inspections: InspectionCollector | None,
    ) -> None:
        self.step = step
        self.sampled = sampled or inspections is not None
        self.inspections = inspections
        self.readback = Readback()
        self.loss = LossFinder(self.readback)
        self.scalars: dict[str, float] = {}
        self.logged: dict[str, Fetch] = {}
        self.skipped = False
        self.is_complete = False
        """Whether its frame is on its way already."""
        self.taken = 0
        """How often the loop took gradients by ``torch.autograd.grad``, where no backward pass has
        run."""
        self.has_outputs = self.sampled and outputs
        """Whether outputs are measured since the step began: a missing one then has a reason."""
        self.traced: NonfiniteOrigin | None = None
        """What the graph showed of a loss that is not finite, where outputs were not measured."""
        self.wiring: Wiring | None = None
        """How the network is wired, as far as that is known."""
        self.found_inf: list[Fetch] = []
        self.is_shared = False
        """Whether an optimizer has stepped, and what follows is another on the same gradients."""
        self.reasons: dict[str, str] = {}
        self.apart: float | None = None
        """Seconds until this process first had to wait for the others of its training."""
        self._on_gradient = on_gradient
        self._cache = cache
        self._schedule = schedule
        self._table = table
        self._read_ones: ParameterReadings | None = None
        self._lacks_gradients = False

    @property
    def source(self) -> Readback | None:
        """Brings values of the step; None where it is not sampled."""
        return self.readback if self.sampled else None

    # All are made when they are first asked for: most steps are not sampled and need none.

    @property
    def _readings(self) -> ParameterReadings:
        if self._read_ones is None:
            self._read_ones = ParameterReadings()
        return self._read_ones

    @cached_property
    def _ran(self) -> set[str]:
        """Names of the layers that were seen to run."""
        return set()

    @cached_property
    def activations(self) -> Activations:
        """The outputs of the layers."""
        return Activations(self.readback, self._on_gradient, self._cache, self.reasons)

    @cached_property
    def _operations(self) -> OperationOutputs:
        return OperationOutputs(self._table, self.activations, self.inspections)

    @cached_property
    def recurrent(self) -> RecurrentGradients:
        """The recurrent layers."""
        return RecurrentGradients(
            self.readback, self._on_gradient, self.reasons, self._schedule, self.step
        )

    @cached_property
    def loop(self) -> LoopFacts:
        """What the step shows of the loop itself."""
        return LoopFacts(self.readback, self._cache.guard)

    def note_apart(self, seconds: float) -> None:
        """This process is about to wait for the others; the first time in the step counts."""
        if self.apart is None:
            self.apart = seconds

    def log(self, name: str, value: object) -> None:
        """Adds a value of the user's.

        Raises:
            TypeError: it is neither a number nor a tensor of one element.
        """
        if isinstance(value, Tensor) and value.numel() == 1:
            self.logged[name] = self.readback.add(value.detach().reshape(()))
        elif isinstance(value, Real):
            number = np.array(float(value))
            self.logged[name] = lambda: number
        else:
            message = (
                f"{name} must be a number or a tensor of one element, not {type(value).__name__}"
            )
            raise TypeError(message)

    def passed(
        self,
        layer: str,
        module: nn.Module,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        output: object,
    ) -> None:
        """Adds what a layer that has run was given, and its output where outputs are measured."""
        if self.sampled:
            self.loop.inputs.layer_ran(module, args, kwargs, output)
        if not self.has_outputs or layer in self._table.divided:
            return
        self._ran.add(layer)
        if not self.activations.add_output(layer, module, args, output):
            return
        if isinstance(module, RECURRENT):
            self.recurrent.add_call(layer, module, args, kwargs, output)
        tensor = None if self.inspections is None else first_tensor(output)
        if self.inspections is not None and tensor is not None:
            self.inspections.add_output(
                layer, arrived(tensor), self.activations.nonlinearity_of(layer)
            )

    def model_ran(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
        """Adds what the model was given, where no layer was given data as it is."""
        if self.sampled:
            self.loop.inputs.model_ran(args, kwargs)

    def pass_begins(self, roots: Sequence[Tensor]) -> None:
        """A backward pass is about to run: the graph has the outputs of layers without a module."""
        if self.has_outputs:
            self._ran |= self._operations.pass_begins(roots)

    def forget(self) -> None:
        """Drops what led to gradients that were cleared."""
        self.loss.clear()
        if self.sampled:
            self.loop.inputs.clear()
            self.loop.targets.clear()
        if self.has_outputs:
            self.activations.drop_cleared()
            self.recurrent.clear()
        if self._read_ones is not None:
            self._read_ones.raw = None

    def forget_taken(self) -> None:
        """Drops what ``torch.autograd.grad`` gave: a backward pass makes the step's gradient."""
        self.taken = 0
        self.loss.clear()
        self.activations.drop_gradients()

    def read_raw(self, parameters: Parameters, taken: Mapping[int, Tensor] | None = None) -> None:
        """Reads the norms of gradients right after backward: not yet unscaled, not yet clipped.

        Args:
            parameters: all parameters of the layers.
            taken: gradients by the number of the parameter, where they were not left at the
                parameters.
        """
        gradients = gradients_of(parameters, range(len(parameters)), taken)
        if not gradients:
            return
        self._readings.raw = self._read(gradients, measure_l2)
        self._readings.raw_scale, self._readings.spent = self.loss.scale, set()

    def unused(self) -> set[int] | None:
        """Numbers of the parameters with a gradient that no step has used.

        None where no backward pass was read.
        """
        return None if self._read_ones is None else self._read_ones.unused()

    def inherit(self, before: FrameBuilder) -> None:
        """Takes over what the step before has left of a backward pass.

        Several optimizers may use one.
        """
        if self.has_outputs and before.has_outputs:
            self.activations.inherit(before.activations)
        if before._read_ones is not None and before._read_ones.unused():
            self._readings.inherit(before._read_ones)

    def read_gradients(
        self,
        parameters: Parameters,
        held: Sequence[int],
        scale: Tensor | None = None,
        taken: Mapping[int, Tensor] | None = None,
    ) -> None:
        """Reads the gradients that the optimizer is about to use.

        Args:
            parameters: all parameters of the layers.
            held: numbers of those that this optimizer holds.
            scale: by what a fused optimizer will divide them; None where they are unscaled already.
            taken: as for ``read_raw``.
        """
        gradients = gradients_of(parameters, held, taken)
        self._readings.held.update(number for number in held if parameters[number] is not None)
        if self.inspections is not None:
            self.inspections.add_gradients(parameters, held, taken, scale)
        self._readings.note_sizes(parameters, gradients)
        reading = self._read(gradients, measure)
        if scale is not None:
            reading = divided(reading, (L2, L1, PEAK), self.readback.add(scale))
        self._readings.gradients.append(reading)

    def read_step(self, optimizer: Grouped, parameters: Parameters, held: Sequence[int]) -> None:
        """Reads the gradients, and what the optimizer knows about this step."""
        scale = getattr(optimizer, "grad_scale", None)
        overflow = getattr(optimizer, "found_inf", None)
        if isinstance(overflow, Tensor):
            self.found_inf.append(self.readback.add(overflow))
        self.read_gradients(parameters, held, scale if isinstance(scale, Tensor) else None)
        self.loop.rates.add(optimizer, is_another=self.is_shared)
        self._note(settings_of(optimizer))

    def _note(self, settings: dict[str, float]) -> None:
        """Adds settings of an optimizer; of several, those of the first and the largest decay."""
        decays = [one["weight_decay"] for one in (settings, self.scalars) if "weight_decay" in one]
        if self.is_shared:
            self.scalars = settings | self.scalars
            if decays:
                self.scalars["weight_decay"] = max(decays)
        else:
            self.scalars |= settings

    def read_weights(
        self, parameters: Parameters, held: Sequence[int], copies: Copies = ()
    ) -> None:
        """Reads the weights before the step changes them.

        Args:
            parameters: all parameters of the layers.
            held: numbers of those to read.
            copies: what was copied of them already, which is read instead: it is still in the
                cache.
        """
        left = {number: one for number in held if (one := parameters[number]) is not None}
        self._readings.note_sizes(parameters, left)
        for numbers, rows in copies:
            if not left[numbers[0]].is_complex():
                self._readings.weights.append(
                    Reading(numbers, measure_rows(rows, self.readback, sums=False))
                )
                for number in numbers:
                    del left[number]
        parts = {number: local_part(one) for number, one in left.items()}
        self._readings.weights.append(self._read(parts, partial(measure, sums=False)))

    def read_changes(self, changes: Reading | None) -> None:
        """Adds how far the step moved the weights."""
        if changes is not None:
            self._readings.changes.append(changes)

    def read_lost(self, lost: Reading | None) -> None:
        """Adds how many updates were lost to rounding."""
        if lost is not None:
            self._readings.lost.append(lost)

    def forget_statistics(self) -> None:
        """Drops gradients and weights read earlier in this step: a later reading replaces them."""
        self._readings.forget_statistics()

    def finish(self, unseen: str, optimized: AbstractSet[int] | None = None) -> None:
        """Nothing is added any more: fixes the layers of the frame and requests the values.

        Args:
            unseen: why the output of a layer was not seen, where it was not.
            optimized: numbers of the parameters that an optimizer holds which has stepped; None
                where none has.
        """
        self._fixed = self._table.layers, self._table.pairs
        self.sharded = ShardedParameters(self._table, set(self._fixed[1][0].tolist()))
        self._lacks_gradients = self._table.has_unread_gradient() or bool(
            refused_in(self._readings.gradients)
        )
        self.activations.measure_staged()
        self._explain_refused()
        self._note_participation(optimized)
        units = self._cache.units.read
        self._units = self._cache.guard.run(UNITS, units, self._table, self.readback) or []
        if self.has_outputs:
            self.activations.explain_unseen((layer.name for layer in self._table.layers), unseen)
        self.readback.send()

    def _note_participation(self, optimized: AbstractSet[int] | None) -> None:
        moved = {
            number for one in self._readings.of_gradients for number in (*one.numbers, *one.refused)
        }
        self._participation = (
            self._cache.guard.run(
                "seeing which layers take part",
                participation,
                self._fixed[0],
                self._table,
                self._ran,
                moved,
                optimized,
            )
            or {}
        )

    def _explain_refused(self) -> None:
        self.reasons |= self._table.unread
        own = self._readings
        for readings, explain in (
            (own.of_gradients, unmeasured.gradient),
            ([*own.weights, *own.changes], unmeasured.parameter),
        ):
            for number, why in refused_in(readings).items():
                for layer, local in self._table.names_of(number):
                    self.reasons.setdefault(layer, explain(local, why))

    def parts(self) -> Values:
        """What this process has of sharded parameters. Only once the readback is ready."""
        count = 1 + int(self._fixed[1][0].max(initial=-1))
        return self.sharded.packed(self._readings.joined(count))

    # A user may have asked numpy to raise where something overflows.
    @np.errstate(all="ignore")
    def frame(self, parts: Mapping[int, Values] | None = None) -> Frame:
        """The frame. Only once the readback is ready.

        Args:
            parts: what each process has told of its parts of sharded parameters, by rank; nothing
                is measured of these where that is not known.
        """
        layers, pairs = self._fixed
        merged = self.sharded.merged(parts or {})
        apart = self.sharded.numbers if merged is None else merged.lacking
        scale = float(self.loss.scale()) if self.loss.scale is not None else 1.0
        skipped = self.skipped or any(float(found()) > 0 for found in self.found_inf)
        if skipped:
            self._readings.lost = []
        columns, norms, changes = self._readings.columns(
            len(layers), pairs, merged, dict.fromkeys(apart, unmeasured.SHARDED)
        )
        scalars = self.scalars | self.loop.scalars() | norms
        columns |= activation_columns(self.activations.outputs, layers, scale, self.reasons)
        columns |= self._participation
        if self._units:
            units = self._cache.units.column(layers, self._units)
            columns |= {"unit_difference": units} if units.measured.any() else {}
        if self.loss.scale is not None:
            scalars["loss_scale"] = scale
        if (loss := self.loss.value) is not None:
            scalars["loss"] = loss
        if self.loss.passes > 1:
            scalars["passes"] = float(self.loss.passes)
        # A copy: another thread may be in the middle of logging to the step that was under way.
        scalars |= {name: float(fetch()) for name, fetch in list(self.logged.items())}
        # A module may have run, and then have been divided.
        outputs = [one for one in self.activations.outputs if one.layer not in self._table.divided]
        outputs = [one for one in outputs if one.gradients or one.is_hidden] or outputs
        # The sums over what can be read are not those of the model.
        if self._lacks_gradients or apart:
            scalars.pop("total_grad_norm", None)
            scalars.pop("raw_total_grad_norm", None)
        loss = scalars.get("loss")
        return Frame(
            self.step,
            layers,
            {name: column.values.astype(np.float32) for name, column in columns.items()},
            {
                name: column.measured
                for name, column in columns.items()
                if np.count_nonzero(column.measured) < len(layers)
            },
            scalars,
            skipped,
            dict.fromkeys(self.sharded.layers(apart), unmeasured.SHARDED) | self.reasons,
            find_origin(layers, columns, outputs, loss, self.traced, divided=self._table.divided)
            or find_bad_update(layers, changes),
            self.recurrent.profiles(scale),
            self.wiring,
        )

    def _read(self, tensors: Mapping[int, Tensor], measure: Callable[..., Fetch]) -> Reading:
        return read(tensors, partial(measure, readback=self.readback), self._cache.guard)
