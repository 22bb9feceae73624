"""What an inspection collects of a few layers in one step, besides the metrics of every layer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from time import perf_counter
from typing import ParamSpec, TypeVar

from torch import Tensor, nn

from gradwidget.capture.guard import Guard
from gradwidget.capture.inspect.histogram import histogram_of
from gradwidget.capture.model.layers import LayerTable
from gradwidget.capture.model.nonlinearity import Nonlinearity
from gradwidget.capture.model.unreadable import plain
from gradwidget.capture.unmeasured import NO_GRADIENT, NOT_READ, UNSEEN
from gradwidget.frame import Entry, Histogram, Inspection

INSPECTING = "inspecting a layer"

Parameters = Sequence[nn.Parameter | None]
Named = Mapping[str, Tensor | None]
P = ParamSpec("P")
R = TypeVar("R")


class InspectionCollector:
    """Collects histograms of some layers while a step runs, on its thread.

    Nothing of a tensor is kept.

    Args:
        step: its number.
        layers: names of the layers.
        table: where their parameters are found.
        guard: contains failures.
    """

    def __init__(self, step: int, layers: Collection[str], table: LayerTable, guard: Guard) -> None:
        self.step = step
        self.layers = layers
        self.spent = 0.0
        """Seconds that it took so far."""
        self._table = table
        self._guard = guard
        self._spent_before = guard.spent_until_now()
        self._gradients: dict[str, tuple[Histogram, tuple[Entry, ...]] | str] = {}
        self._activations: dict[str, Histogram | str] = {}
        self._calls: dict[str, int] = {}

    def spent_in_all(self) -> float:
        """Seconds that gradwidget has spent in this step so far, for any purpose."""
        return self._guard.spent_until_now() - self._spent_before

    def add_output(self, layer: str, output: Tensor, nonlinearity: Nonlinearity | None) -> None:
        """Makes the histogram of an output; the last one of the step counts.

        Args:
            layer: name of the layer; those that are not inspected are ignored.
            output: what it returned.
            nonlinearity: its activation function, where that is known.
        """
        if layer in self.layers:
            self._calls[layer] = self._calls.get(layer, 0) + 1
            self._activations[layer] = (
                self._run(activation, output, nonlinearity, self.step) or NOT_READ
            )

    def add_gradients(
        self,
        parameters: Parameters,
        held: Collection[int],
        taken: Mapping[int, Tensor] | None,
        scale: Tensor | None,
    ) -> None:
        """Makes the histograms of the gradients that the optimizer is about to use.

        Args:
            parameters: all parameters of the layers.
            held: numbers of those that this optimizer holds.
            taken: gradients by number, where they were not left at the parameters.
            scale: by what a fused optimizer will divide them; None where they are unscaled already.
        """
        for layer in self.layers:
            own = self._table.numbers_of(layer)
            if any(number in held for number in own.values()):
                found = {
                    name: gradient_of(parameters[number], number, taken)
                    for name, number in own.items()
                }
                self._gradients[layer] = self._run(gradient, found, self.step, scale) or NOT_READ

    def inspections(self, parameters: Parameters, reasons: Mapping[str, str]) -> list[Inspection]:
        """One inspection per layer, once the step is over.

        Args:
            parameters: all parameters of the layers, as the step left them.
            reasons: why the output of a layer was not seen, by its name.
        """
        return [self._inspection(layer, parameters, reasons) for layer in self.layers]

    def _inspection(
        self, layer: str, parameters: Parameters, reasons: Mapping[str, str]
    ) -> Inspection:
        of_gradient = self._gradients.get(layer, NO_GRADIENT)
        slopes, worst = (of_gradient, ()) if isinstance(of_gradient, str) else of_gradient
        own = {name: parameters[number] for name, number in self._table.numbers_of(layer).items()}
        return Inspection(
            layer,
            slopes,
            self._run(weight, own, self.step) or NOT_READ,
            self._activations.get(layer) or reasons.get(layer, UNSEEN),
            worst,
            self._calls.get(layer),
        )

    def _run(self, make: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | None:
        began = perf_counter()
        found = self._guard.run(INSPECTING, make, *args, **kwargs)
        self.spent += perf_counter() - began
        return found


def gradient(
    gradients: Named, step: int, scale: Tensor | None = None
) -> tuple[Histogram, tuple[Entry, ...]] | str:
    """The histogram of a layer's gradients, and their greatest entries."""
    present = {name: one for name, one in gradients.items() if one is not None}
    if not present:
        return NO_GRADIENT
    absent = [name for name in gradients if name not in present]
    note = f"without {', '.join(absent)}: no gradient at hand" if absent else ""
    return histogram_of(
        present,
        step=step,
        axis="log",
        divisor=1.0 if scale is None else float(scale),
        note=note,
        names_worst=True,
    )


def weight(parameters: Named, step: int | None) -> Histogram | str:
    """The histogram of a layer's parameters."""
    found = histogram_of(
        {name: one for name, one in parameters.items() if one is not None}, step=step, axis="linear"
    )
    return found if isinstance(found, str) else found[0]


def activation(output: Tensor, nonlinearity: Nonlinearity | None, step: int) -> Histogram | str:
    """The histogram of an output after its activation function."""
    note = "" if nonlinearity is None else f"after {nonlinearity.kind}"
    through = None if nonlinearity is None else nonlinearity.apply
    if nonlinearity is not None and not nonlinearity.pointwise:
        output, through = nonlinearity.apply(plain(output)[None])[0], None
    found = histogram_of({"output": output}, step=step, axis="linear", through=through, note=note)
    return found if isinstance(found, str) else found[0]


def gradient_of(
    parameter: nn.Parameter | None, number: int, taken: Mapping[int, Tensor] | None
) -> Tensor | None:
    """The gradient of a parameter, or what was taken in its place."""
    if taken is not None:
        return taken.get(number)
    return None if parameter is None else parameter.grad
