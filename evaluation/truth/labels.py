"""What a run has and has not, by the values that define each symptom, measured by brute force."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from evaluation.runs.run import Conditions, Run, Training
from evaluation.truth import rerun
from evaluation.truth.measured import Moment, Watch
from evaluation.truth.rerun import LAST

Answer = Literal["yes", "no", "either"]
Floats = NDArray[np.float64]
Weights = dict[str, Floats]

SUSTAINED = 20
"""Steps whose median a value is that is meant to last."""


@dataclass(frozen=True)
class Fact:
    """One symptom in one run."""

    answer: Answer
    """Whether the run has it; either where the value is between the two bounds."""
    value: float
    """The value that decides."""
    layers: tuple[str, ...] = ()
    """Layers it may be said of, the worst first: those that are not short of the second bound."""
    onset: int = 0
    """The first step at which the value was past the first bound; 0 when it never was."""


NO = Fact("no", math.nan)


@dataclass(frozen=True)
class Series:
    """A value by step and layer in which small is bad; an explosion is turned around."""

    layers: tuple[str, ...]
    values: Floats
    """[steps, layers]"""


@dataclass(frozen=True)
class Witness:
    """A run that was watched from its first step to its last."""

    run: Run
    conditions: Conditions
    moments: list[Moment]
    facts: dict[str, Fact]
    """Every symptom that one run decides; ``learning`` has those that take a second one."""


def watch(run: Run, conditions: Conditions) -> Witness:
    """Trains the run and measures it."""
    training = run.start(conditions)
    observer = Watch(training)
    weights = lately = _weights(training)
    for number in range(run.steps):
        if number == run.onset:
            weights = _weights(training)
        if number == (run.onset + 3 * run.steps) // 4:
            lately = _weights(training)
        observer.step(number)
    moments = observer.moments
    exploding = _depth(training, moments, yes=1e-3, no=1 / 30, explode=True)
    vanishing = _depth(training, moments, yes=1e-3, no=1e-2)
    facts = {
        "exploding_gradients": _either_of(_spike(moments), exploding),
        "vanishing_gradients": _either_of(vanishing, _lost_since_start(moments)),
        "loss_unstable": _unstable(moments),
        "dead_relu": _units([m.dead for m in moments], 0.9, 0.5),
        "saturated": _units([m.flat for m in moments], 0.8, 0.5),
        "fp16_underflow": _underflow(moments),
        "no_gradient": _no_gradient(training, moments[run.onset :], run.onset),
        "early_layers_frozen": _frozen(
            training, list(moments[0].output_rms), weights, lately, run.onset
        ),
        **_nonfinite(moments),
        **_weights_changed(training, moments),
        **_in_time(moments),
    }
    return Witness(run, conditions, moments, facts)


def _either_of(one: Fact, other: Fact) -> Fact:
    """A symptom with two definitions: the one that says yes, else the one less sure of no."""
    order: dict[Answer, int] = {"yes": 0, "either": 1, "no": 2}
    if one.answer == other.answer == "yes":
        layers = one.layers + tuple(name for name in other.layers if name not in one.layers)
        return Fact("yes", one.value, layers, min(one.onset, other.onset))
    return min(one, other, key=lambda fact: order[fact.answer])


def _low(series: Series, yes: float, no: float, least: int = 1) -> Fact:
    """Has it when the value of some layer falls to ``yes``; has it not when none falls to ``no``.

    The value is the median of ``least`` steps.
    """
    if not series.layers:
        return NO
    medians = _rolling_median(series.values, least)
    medians = np.where(np.isnan(medians), np.inf, medians)
    lowest = medians.min(axis=0)
    near = tuple(series.layers[i] for i in np.argsort(lowest, kind="stable") if lowest[i] < no)
    value = float(lowest.min())
    past = medians <= yes
    if not past.any():
        return Fact("either" if near else "no", value, near)
    end = int(np.flatnonzero(past.any(1))[0])
    layer = int(np.flatnonzero(past[end])[0])
    beginning = max(0, end - least + 1)
    onset = beginning + int(np.flatnonzero(series.values[beginning : end + 1, layer] <= yes)[0])
    return Fact("yes", value, near, onset)


def _rolling_median(values: Floats, width: int) -> Floats:
    """[steps, layers]: the median of each step and the ``width`` - 1 before it.

    NaN before more than half of them are there.
    """
    if width == 1:
        return values
    padded = np.concatenate([np.full((width - 1, values.shape[1]), np.nan), values])
    ordered = np.sort(sliding_window_view(padded, width, axis=0), axis=-1)  # NaN sorts last
    count = np.sum(~np.isnan(ordered), axis=-1)
    middle = np.take_along_axis(ordered, np.maximum(count - 1, 0)[..., None] // 2, -1)[..., 0]
    result = np.where(count * 2 > width, middle, np.nan)
    result[: width - 1] = np.nan
    return result


def _table(moments: Iterable[dict[str, float]], names: Iterable[str]) -> Floats:
    names = list(names)
    return np.array(
        [[moment.get(name, math.nan) for name in names] for moment in moments], np.float64
    )


def _depth(
    training: Training, moments: list[Moment], *, yes: float, no: float, explode: bool = False
) -> Fact:
    """The gradient of each output of the chain over that of the last.

    By element and as a whole; both must agree.
    """
    chain = training.chain
    if len(chain) < 2:
        return NO
    # What the chain decides may be said of the layers beside it as well: those in the branches of a
    # block.
    beside = [name for name in moments[0].output_rms if name not in chain]
    names = [*chain[:-1], *beside, chain[-1]]
    readings = []
    for table in (
        _table([m.output_rms for m in moments], names),
        _table([m.output_norm for m in moments], names),
    ):
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = table[:, :-1] / np.where(table[:, -1:] > 0, table[:, -1:], np.nan)
            readings.append(1 / ratio if explode else ratio)
        readings[-1][np.isinf(readings[-1])] = np.nan
    ratios = np.fmax(*readings)
    own = len(chain) - 1
    fact = _low(Series(chain[:-1], ratios[:, :own]), yes, no, SUSTAINED)
    value = 1 / fact.value if explode and fact.value else fact.value
    if fact.answer == "no":
        return Fact("no", value)
    return Fact(
        fact.answer,
        value,
        fact.layers + _low(Series(tuple(beside), ratios[:, own:]), yes, no, SUSTAINED).layers,
        fact.onset,
    )


def _lost_since_start(moments: list[Moment]) -> Fact:
    """A layer's gradient over that of its first steps, while the loss is above half its start."""
    names = list(moments[0].parameters)
    norms = _table([{n: p.gradient_norm for n, p in m.parameters.items()} for m in moments], names)
    start = np.nanmedian(np.where(np.isfinite(norms[:SUSTAINED]), norms[:SUSTAINED], 0.0), axis=0)
    losses = np.array([m.probe_loss for m in moments])
    high = losses > 0.5 * losses[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(high[:, None], norms / np.where(start > 0, start, np.nan), np.nan)
    # Layers that are used now and then have none at the other steps; that is no_gradient's to
    # judge.
    ratio[~np.isfinite(ratio)] = np.nan
    return _low(_by_layer(names, ratio), 1e-3, 1e-2, SUSTAINED)


def _by_layer(names: list[str], values: Floats) -> Series:
    """The values of parameters as those of layers: a layer has it when all its parameters have."""
    layers = list(dict.fromkeys(layer_of(name) for name in names))
    columns = [[i for i, name in enumerate(names) if layer_of(name) == layer] for layer in layers]
    return Series(
        tuple(layers), np.stack([np.fmax.reduce(values[:, part], axis=1) for part in columns], 1)
    )


def layer_of(parameter: str) -> str:
    """Name of the module that owns the parameter."""
    return parameter.rpartition(".")[0] or "(root)"


def _spike(moments: list[Moment]) -> Fact:
    """The total gradient over the highest (strict) and the median (lenient) of its own past."""
    totals = np.array([m.total for m in moments])
    best, onset, lenient = 0.0, 0, 0.0
    for step in range(5, len(totals)):
        past = totals[max(0, step - 200) : step]
        past = past[np.isfinite(past) & (past > 0)]
        if not len(past) or not np.isfinite(totals[step]):
            continue
        ratio = totals[step] / past.max()
        if ratio >= 100 and best < 100:
            onset = step
        best = max(best, ratio)
        lenient = max(lenient, totals[step] / np.median(past))
    if best >= 100:
        return Fact("yes", best, _grown(moments, onset), onset)
    return Fact("either" if lenient >= 12 else "no", best, tuple(_grown(moments, len(moments) - 1)))


def _grown(moments: list[Moment], step: int) -> tuple[str, ...]:
    """Layers whose gradient is far beyond its past at that step, the most affected first."""
    growth: dict[str, float] = {}
    for name, now in moments[step].parameters.items():
        past = [m.parameters[name] for m in moments[max(0, step - 50) : step]]
        usual = np.median([p.gradient_norm for p in past if p.has_gradient] or [0.0])
        if usual > 0 and math.isfinite(now.gradient_norm):
            growth[layer_of(name)] = max(
                growth.get(layer_of(name), 0.0), now.gradient_norm / float(usual)
            )
    return tuple(name for name in sorted(growth, key=lambda n: -growth[n]) if growth[name] >= 12)


def _unstable(moments: list[Moment]) -> Fact:
    """Single updates that raise the probe loss by half, and a tenth of the initial loss."""
    initial = abs(moments[0].probe_loss)
    jumps = [
        step
        for step, m in enumerate(moments)
        if m.probe_after - m.probe_loss > max(0.5 * abs(m.probe_loss), 0.1 * initial)
    ]
    answer: Answer = "yes" if len(jumps) >= 4 else "no" if len(jumps) <= 1 else "either"
    return Fact(answer, float(len(jumps)), (), jumps[0] if answer == "yes" else 0)


def _nonfinite(moments: list[Moment]) -> dict[str, Fact]:
    facts = {}
    reads: dict[str, Callable[[Moment], list[str]]] = {
        "loss_nonfinite": lambda m: [] if math.isfinite(m.loss) else [""],
        "gradients_nonfinite": lambda m: [
            layer_of(n) for n, p in m.parameters.items() if p.gradient_nonfinite
        ],
        "weights_nonfinite": lambda m: [
            layer_of(n) for n, p in m.parameters.items() if p.nonfinite
        ],
    }
    for symptom, read in reads.items():
        first = next((step for step, m in enumerate(moments) if read(m)), None)
        if first is None:
            facts[symptom] = NO
        else:
            layers = tuple(dict.fromkeys(name for name in read(moments[first]) if name))
            facts[symptom] = Fact("yes", math.nan, layers, first)
    return facts


def _weights(training: Training) -> Weights:
    return {
        n: p.detach().double().numpy().copy()
        for n, p in training.model.named_parameters()
        if p.requires_grad
    }


def _natural(shape: tuple[int, ...]) -> float:
    """Norm of a weight of that shape whose entries have the variance 1 / fan-in."""
    return math.sqrt(shape[0])


def _weights_changed(training: Training, moments: list[Moment]) -> dict[str, Fact]:
    """Norms of the matrices over their start.

    Growth is over the larger of the start and the variance-preserving scale.
    """
    shapes = {
        n: tuple(p.shape)
        for n, p in training.model.named_parameters()
        if p.ndim > 1 and p.requires_grad
    }
    names = list(shapes)
    norms = _table([{n: p.norm for n, p in m.parameters.items()} for m in moments], names)
    norms[~np.isfinite(norms)] = np.nan
    start = norms[0]
    natural = np.array([_natural(shapes[n]) for n in names])
    with np.errstate(divide="ignore", invalid="ignore"):
        over_start = norms / np.where(start > 0, start, np.nan)
        growth = np.maximum(start, natural) / norms
    layers = tuple(layer_of(n) for n in names)
    shrunk, grown = Series(layers, over_start), Series(layers, growth)
    return {
        "weights_growing": _low(grown, 0.1, 0.25),
        "weights_shrinking": _low(shrunk, 0.1, 0.4),
        "weights_zero": _low(shrunk, 1e-4, 1e-2),
    }


def _units(shares: list[dict[str, float]], yes: float, no: float) -> Fact:
    """Shares of a layer's units over the probe batch, for twenty steps."""
    names = tuple(shares[0])
    values = 1 - _table(shares, names)
    fact = _low(Series(names, values), 1 - yes + 1e-9, 1 - no, SUSTAINED) if names else NO
    return Fact(fact.answer, 1 - fact.value, fact.layers, fact.onset)


def _underflow(moments: list[Moment]) -> Fact:
    if not moments[0].underflow:
        return NO
    names = list(moments[0].underflow)
    kept = 1 - _table([m.underflow for m in moments], names)
    fact = _low(_by_layer(names, kept), 0.7, 0.98, SUSTAINED)
    return Fact(fact.answer, 1 - fact.value, fact.layers, fact.onset)


def _no_gradient(training: Training, moments: list[Moment], onset: int) -> Fact:
    """Trainable parameters without a gradient in 99 % of the steps, or in no optimizer."""
    optimized = {
        id(p) for o in training.optimizers for group in o.param_groups for p in group["params"]
    }
    missing = []
    for name, parameter in training.model.named_parameters():
        if not parameter.requires_grad:
            continue
        without = np.mean(
            [not m.parameters[name].has_gradient for m in moments if name in m.parameters]
        )
        if without >= 0.99 or id(parameter) not in optimized:
            missing.append(layer_of(name))
    return Fact("yes", float(len(missing)), tuple(dict.fromkeys(missing)), onset) if missing else NO


def _frozen(
    training: Training, order: list[str], since: Weights, lately: Weights, onset: int
) -> Fact:
    """Relative displacement of the least moved early matrix over that of the most moved late one.

    Both since the onset.

    What holds over the last quarter alone may be said as well.
    """
    whole, recent = _stillness(training, order, since), _stillness(training, order, lately)
    if not whole or not recent:
        return NO
    third = max(1, len(whole) // 3)
    value, value_lately = (min(list(ratios.values())[:third]) for ratios in (whole, recent))
    layers = tuple(
        name
        for name in sorted(whole, key=lambda n: whole[n])
        if min(whole[name], recent.get(name, 1.0)) < 3e-2
    )
    answer: Answer = (
        "yes" if value <= 1e-2 else "no" if min(value, value_lately) >= 3e-2 else "either"
    )
    return Fact(answer, value, layers, onset if answer == "yes" else 0)


def _stillness(training: Training, order: list[str], before: Weights) -> dict[str, float]:
    """Relative displacement of each matrix over that of the most moved of the last third.

    Input first.

    Empty where nothing moved, or too few matrices tell early from late.
    """
    after = _weights(training)
    moved = {}
    for name in order:
        old = before.get(f"{name}.weight")
        # A layer that starts at 0 has no relative displacement.
        if old is not None and old.ndim > 1 and np.linalg.norm(old) > 1e-2 * _natural(old.shape):
            moved[name] = float(np.linalg.norm(after[f"{name}.weight"] - old) / np.linalg.norm(old))
    if len(moved) < 3 or not all(math.isfinite(value) for value in moved.values()):
        return {}
    most = max(list(moved.values())[-max(1, len(moved) // 3) :])
    return {name: value / most for name, value in moved.items()} if most > 0 else {}


def _in_time(moments: list[Moment]) -> dict[str, Fact]:
    names = tuple(moments[0].time)
    firsts = _table([{n: first for n, (first, _) in m.time.items()} for m in moments], names)
    lasts = _table([{n: last for n, (_, last) in m.time.items()} for m in moments], names)
    if not names:
        return {"rnn_vanishing_in_time": NO, "rnn_exploding_in_time": NO}
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = firsts / np.where(lasts > 0, lasts, np.nan)
        inverse = 1 / ratio
    ratio[~np.isfinite(ratio)] = np.nan
    inverse[~np.isfinite(inverse)] = np.nan
    exploding = _low(Series(names, inverse), 1e-2, 1 / 30, SUSTAINED)
    return {
        "rnn_vanishing_in_time": _low(Series(names, ratio), 1e-4, 1e-2, SUSTAINED),
        "rnn_exploding_in_time": Fact(
            exploding.answer, 1 / exploding.value, exploding.layers, exploding.onset
        ),
    }


LOWER, HIGHER = (0.1, 0.02), (10.0, 300.0, 30000.0)
"""By what the learning rate is multiplied."""
CONVERGED = 0.02
"""Share of its start below which a loss has nothing left to halve: converged, and silence is right.
"""


def learning(witness: Witness) -> dict[str, Fact]:
    """What second runs show: at other learning rates, and with the fault removed."""
    run, conditions, moments = witness.run, witness.conditions, witness.moments
    start = moments[0].probe_loss
    reference = moments[run.onset - 1].probe_after if run.onset else start
    final = float(np.mean([m.probe_after for m in moments[-LAST:]]))
    plateau: Answer
    if not math.isfinite(final):
        # It ended in NaN: that is what there is to say about it, and where it was high, no
        # improvement is true as well.
        plateau = "either" if reference > 0.5 * start else "no"
        return {
            "lr_too_high": Fact("either", math.nan),
            "lr_too_low": NO,
            "plateau": Fact(plateau, math.nan),
        }
    floor = CONVERGED * start
    ended = max(final, floor)
    lower = higher = math.inf
    if 0.5 * ended >= floor:
        lower = min(max(rerun.final_loss(run, conditions, factor), floor) for factor in LOWER)
        higher = min(max(rerun.final_loss(run, conditions, factor), floor) for factor in HIGHER)
    improvement = (reference - final) / abs(reference)
    stuck = reference > 0.5 * start and improvement <= 0.2
    best = min(lower, higher)
    if stuck and run.has:
        best = min(best, rerun.cured(run, conditions))
    stuck &= best <= 0.75 * reference
    plateau = "no" if not stuck else "yes" if improvement < 0.05 else "either"
    return {
        "lr_too_high": Fact("yes" if lower <= 0.5 * ended else "no", lower / ended, (), run.onset),
        "lr_too_low": Fact("yes" if higher <= 0.5 * ended else "no", higher / ended, (), run.onset),
        "plateau": Fact(plateau, improvement, (), run.onset),
    }
