"""What flows out of each layer and what gradient flows back into its output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gradwidget.capture.internals import in_backward
from gradwidget.capture.norms import l2, plain
from gradwidget.capture.readback import Fetch, Readback

FIGURES = ("act_rms", "act_grad_rms", "act_grad_norm", "act_grad_zero_fraction")


@dataclass(slots=True)
class Output:
    """One output of one call of a layer."""

    layer: str
    size: int
    norm: Fetch
    gradient: Fetch | None = None
    gradient_nonzero: Fetch | None = None
    gradients: int = 0


class Activations:
    """Collects the outputs of the layers of one step, without keeping a tensor of the user's.

    Only the first floating-point tensor of a structured output is looked at. Several calls of a layer, and several
    micro-batches, are taken together.
    """

    def __init__(self, readback: Readback) -> None:
        self._readback = readback
        self._outputs: list[Output] = []
        self._passed: set[str] = set()

    def passed(self, layer: str, output: object, on_gradient: Callable[[Output, Tensor], None]) -> None:
        """Takes note of an output.

        Args:
            layer: its name.
            output: what its forward returned.
            on_gradient: called with the note and the gradient when it arrives.
        """
        tensor = first_tensor(output)
        if tensor is None or not torch.is_grad_enabled() or tensor.is_meta or tensor.numel() == 0:
            return
        recomputing = in_backward()
        if recomputing and layer in self._passed:
            return
        self._passed.add(layer)
        with torch.no_grad():
            note = Output(layer, tensor.numel(), self._readback.add(l2(plain(tensor))))
        self._outputs.append(note)
        if tensor.requires_grad:
            tensor.register_hook(lambda gradient: on_gradient(note, gradient))

    def flowed(self, note: Output, gradient: Tensor) -> None:
        """Takes note of the gradient that reached an output."""
        note.gradients += 1
        with torch.no_grad():
            entries = plain(gradient)
            note.gradient = self._readback.add(l2(entries))
            note.gradient_nonzero = self._readback.add(torch.count_nonzero(entries))

    def forget(self) -> None:
        """Drops outputs that a gradient has reached: the gradients that it led to were cleared."""
        self._outputs = [note for note in self._outputs if not note.gradients]
        self._passed = {note.layer for note in self._outputs}

    def gather(self, scale: float) -> dict[str, dict[str, float]]:
        """Figures by metric and layer name. Only once the readback is ready.

        Args:
            scale: what the loss was multiplied by.
        """
        figures: dict[str, dict[str, float]] = {name: {} for name in FIGURES}
        calls: dict[str, list[Output]] = {}
        for note in self._outputs:
            calls.setdefault(note.layer, []).append(note)
        for layer, notes in calls.items():
            # A forward that no backward followed was an evaluation; where no gradient can flow every forward counts.
            used = [note for note in notes if note.gradients] or notes
            size = sum(note.size for note in used)
            figures["act_rms"][layer] = float(np.sqrt(sum(note.norm() ** 2 for note in used) / size))
            flows = [
                (note.gradient(), note.gradient_nonzero()) for note in used if note.gradient and note.gradient_nonzero
            ]
            # Two backward passes through one output: the sum of their gradients is known to nobody here.
            if not flows or any(note.gradients > 1 for note in used):
                continue
            norm = float(np.sqrt(sum(norm**2 for norm, _ in flows))) / scale
            figures["act_grad_norm"][layer] = norm
            figures["act_grad_rms"][layer] = norm / float(np.sqrt(size))
            figures["act_grad_zero_fraction"][layer] = 1 - float(sum(nonzero for _, nonzero in flows)) / size
        return figures


def first_tensor(output: object) -> Tensor | None:
    """The first floating-point or complex tensor in a module's output, also inside tuples, dicts and dataclasses."""
    if isinstance(output, Tensor):
        return output if output.is_floating_point() or output.is_complex() else None
    if isinstance(output, Mapping):
        parts: Any = output.values()
    elif isinstance(output, (tuple, list)):
        parts = output
    elif is_dataclass(output) and not isinstance(output, type):
        parts = [getattr(output, part.name) for part in fields(output)]
    else:
        return None
    return next((tensor for tensor in map(first_tensor, parts) if tensor is not None), None)
