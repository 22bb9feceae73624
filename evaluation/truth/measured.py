"""Everything about a training that brute force can measure, per step and per layer.

Plain autograd and nothing cheap: ``retain_grad`` on each output, every gradient read before it is
    clipped, a probe
batch before each step, recurrent layers unrolled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from evaluation.runs.run import Training
from evaluation.truth.unrolled import unrolled

ENDING_AT_ZERO = (nn.ReLU, nn.GELU)
ACTIVATIONS = (*ENDING_AT_ZERO, nn.Sigmoid, nn.Tanh)
FLAT = {nn.Sigmoid: (0.01, 0.99), nn.Tanh: (-0.98, 0.98)}
"""Outputs beyond these have less than a twenty-fifth of the slope that the middle has."""
NO_SLOPE = {nn.Sigmoid: (1e-7, 1 - 1.5e-7), nn.Tanh: (-1 + 6e-8, 1 - 6e-8)}
"""Outputs beyond these have a slope of about 1e-7 or less."""


@dataclass
class Parameter:
    """One parameter at one step.

    Gradients are those before clipping, unscaled; NaN where there is none.
    """

    norm: float
    nonfinite: int
    gradient_norm: float = math.nan
    gradient_mean: float = math.nan
    gradient_max: float = math.nan
    gradient_zeros: float = math.nan
    gradient_nonfinite: int = 0
    update_ratio: float = math.nan
    """Norm of the change of this step over the norm before it."""

    @property
    def has_gradient(self) -> bool:
        return not math.isnan(self.gradient_zeros)


@dataclass
class Moment:
    """One step of the loop."""

    probe_loss: float = math.nan
    probe_after: float = math.nan
    loss: float = math.nan
    input_rms: float = 1.0
    """RMS of what enters the first layer that runs, where that is numbers."""
    alike: float = 0.0
    """How alike the outputs of the last layer are over the probe batch: their common part's share
    of their mean square."""
    parameters: dict[str, Parameter] = field(default_factory=dict)
    output_rms: dict[str, float] = field(default_factory=dict)
    """RMS of dL/d(output) by layer."""
    output_norm: dict[str, float] = field(default_factory=dict)
    dead: dict[str, float] = field(default_factory=dict)
    """Share of a layer's units that are 0 for the whole probe batch."""
    flat: dict[str, float] = field(default_factory=dict)
    """Share of a layer's outputs at an end of its sigmoid or tanh, over the probe batch."""
    no_slope: dict[str, float] = field(default_factory=dict)
    """Share of a layer's outputs so far out that sigmoid or tanh has no slope left in float32."""
    time: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Norm of dL/dh at the first and the last time step by recurrent layer."""
    underflow: dict[str, float] = field(default_factory=dict)
    """For a run in fp16: share of a parameter's non-zero gradient entries that fp16 rounds to 0, at
    the loss scale."""

    @property
    def total(self) -> float:
        norms = [p.gradient_norm for p in self.parameters.values() if p.has_gradient]
        return math.sqrt(sum(norm * norm for norm in norms))


class Watch:
    """Observes a training, step by step.

    Args:
        training: before its first step.
    """

    def __init__(self, training: Training) -> None:
        self.training = training
        self.moments: list[Moment] = []
        self.layers = {
            name: module
            for name, module in training.model.named_modules()
            if any(True for _ in module.parameters(recurse=False))
        }
        self._outputs: dict[str, list[Tensor]] = {}
        self._states: dict[str, list[list[Tensor]]] = {}
        self._latest: str | None = None
        self._entered = True
        self._probing: Moment | None = None
        training.observers.append(self._read_gradients)
        for name, module in training.model.named_modules():
            if isinstance(module, nn.RNN | nn.LSTM | nn.GRU):
                vars(module)["forward"] = unrolled(module, self._states.setdefault(name, []))
            if name in self.layers:
                module.register_forward_pre_hook(lambda _m, inputs: self._layer_entered(inputs))
                module.register_forward_hook(
                    lambda _m, _i, output, name=name: self._layer_ran(name, output)
                )
            elif isinstance(module, ACTIVATIONS):
                module.register_forward_hook(
                    lambda module, _i, output: self._activation_ran(module, output)
                )

    def step(self, number: int) -> None:
        """One step of the loop, measured."""
        moment = Moment()
        self.moments.append(moment)
        self.training.before(number)
        before, self.training.before = self.training.before, _done
        moment.probe_loss = self._probe(moment)
        self._outputs.clear()
        for states in self._states.values():
            states.clear()
        if self.training.full_precision is not None:
            moment.underflow = self._underflow(number)
            self._outputs.clear()
        weights = [(n, p.detach().clone()) for n, p in self.training.model.named_parameters()]
        self._entered = False
        self.training.step(number)
        self.training.before = before
        for (name, old), new in zip(weights, self.training.model.parameters(), strict=True):
            size = float(old.norm())
            if size > 0:
                moment.parameters[name].update_ratio = float((new.detach() - old).norm()) / size
        moment.loss = self.training.seen_loss
        moment.probe_after = self._probe(None)

    def _probe(self, moment: Moment | None) -> float:
        self._probing = moment
        state = torch.get_rng_state()
        with torch.no_grad():
            loss = float(self.training.probe())
        torch.set_rng_state(state)
        self._probing = None
        return loss

    def _layer_entered(self, inputs: tuple[object, ...]) -> None:
        """The first call of a step tells what the model is fed with."""
        if self._entered or not inputs:
            return
        self._entered = True
        if isinstance(inputs[0], Tensor) and inputs[0].is_floating_point():
            self.moments[-1].input_rms = float(inputs[0].detach().double().square().mean().sqrt())

    def _layer_ran(self, name: str, output: object) -> None:
        self._latest = name
        tensor = output[0] if isinstance(output, tuple) else output
        if self._probing is not None and isinstance(tensor, Tensor) and len(tensor) > 1:
            mean_square = float(tensor.double().square().mean())
            common = float(tensor.double().mean(0).square().mean())
            self._probing.alike = common / mean_square if mean_square > 0 else 1.0
        if isinstance(tensor, Tensor) and tensor.requires_grad and torch.is_grad_enabled():
            tensor.retain_grad()
            self._outputs.setdefault(name, []).append(tensor)

    def _activation_ran(self, module: nn.Module, output: Tensor) -> None:
        if self._probing is None or self._latest is None:
            return
        if isinstance(module, ENDING_AT_ZERO):
            units = (
                output.transpose(0, 1).flatten(1) if output.ndim == 4 else output.flatten(0, -2).T
            )
            self._probing.dead[self._latest] = float((units == 0).all(1).float().mean())
        else:
            low, high = FLAT[type(module)]
            self._probing.flat[self._latest] = float(
                ((output < low) | (output > high)).float().mean()
            )
            low, high = NO_SLOPE[type(module)]
            self._probing.no_slope[self._latest] = float(
                ((output < low) | (output > high)).float().mean()
            )

    def _read_gradients(self, scale: float) -> None:
        moment = self.moments[-1]
        for name, parameter in self.training.model.named_parameters():
            moment.parameters[name] = _parameter(parameter, scale)
        for name, outputs in self._outputs.items():
            gradients = [
                output.grad.double() / scale for output in outputs if output.grad is not None
            ]
            if gradients:
                square = sum(float(gradient.square().sum()) for gradient in gradients)
                moment.output_norm[name] = math.sqrt(square)
                moment.output_rms[name] = math.sqrt(
                    square / sum(gradient.numel() for gradient in gradients)
                )
        for name, calls in self._states.items():
            if calls:
                moment.time[name] = _ends(calls[-1])
        for name, module in self.layers.items():
            if isinstance(module, nn.RNNCell) and name in self._outputs:
                moment.time[name] = _ends(self._outputs[name])
        self._outputs.clear()

    def _underflow(self, number: int) -> dict[str, float]:
        exact = self.training.full_precision
        scale = 1.0 if self.training.scaler is None else self.training.scaler.get_scale()
        named = [(n, p) for n, p in self.training.model.named_parameters() if p.requires_grad]
        if exact is None:
            return {}
        state = torch.get_rng_state()
        gradients = torch.autograd.grad(exact(number) * scale, [p for _, p in named])
        torch.set_rng_state(state)
        shares = {}
        for (name, _), gradient in zip(named, gradients, strict=True):
            present = gradient[gradient != 0]
            if present.numel():
                shares[name] = float((present.half() == 0).float().mean())
        return shares


def _done(step: int) -> None:
    del step


def _ends(states: Sequence[Tensor]) -> tuple[float, float]:
    norms = [
        0.0 if state.grad is None else float(state.grad.double().norm())
        for state in (states[0], states[-1])
    ]
    return norms[0], norms[1]


def _parameter(parameter: Tensor, scale: float) -> Parameter:
    values = parameter.detach().double()
    nonfinite = 0 if math.isfinite(float(values.sum())) else int((~values.isfinite()).sum())
    found = Parameter(float(values.norm()), nonfinite)
    if parameter.grad is not None:
        gradient = parameter.grad.detach().double() / scale
        sizes = gradient.abs()
        found.gradient_norm = float(gradient.norm())
        found.gradient_mean = float(sizes.mean())
        found.gradient_max = float(sizes.max())
        found.gradient_zeros = float((gradient == 0).double().mean())
        found.gradient_nonfinite = (
            0 if math.isfinite(found.gradient_mean) else int((~gradient.isfinite()).sum())
        )
    return found
