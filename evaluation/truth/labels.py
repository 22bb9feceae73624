"""What a run has and has not, by the values that define each symptom."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from evaluation.runs.run import Conditions, Run
from evaluation.truth.exact import exact
from evaluation.truth.fact import (
    NO,
    SUSTAINED,
    Answer,
    Fact,
    Series,
    either_of,
    layer_of,
    lowest,
    table,
)
from evaluation.truth.gradients import (
    in_time,
    lost_since_start,
    no_gradient,
    over_depth,
    spike,
    underflow,
)
from evaluation.truth.measured import Moment, Watch
from evaluation.truth.weights import frozen, weights_changed, weights_of


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
    weights = lately = weights_of(training)
    for number in range(run.steps):
        if number == run.onset:
            weights = weights_of(training)
        if number == (run.onset + 3 * run.steps) // 4:
            lately = weights_of(training)
        observer.step(number)
    moments = observer.moments
    least = _steps_alive(moments)
    exploding = over_depth(training, moments, yes=1e-3, no=1 / 30, explode=True, least=least)
    vanishing = over_depth(training, moments, yes=1e-3, no=1e-2, least=least)
    facts = {
        "exploding_gradients": either_of(spike(moments), exploding),
        "vanishing_gradients": either_of(vanishing, lost_since_start(moments)),
        "loss_unstable": _unstable(moments),
        "dead_relu": _units([m.dead for m in moments], 0.9, 0.5),
        "saturated": _units([m.flat for m in moments], 0.8, 0.5),
        "fp16_underflow": underflow(moments),
        "no_gradient": no_gradient(training, moments[run.onset :], run.onset),
        "early_layers_frozen": frozen(
            training, list(moments[0].output_rms), weights, lately, run.onset
        ),
        **_nonfinite(moments),
        **weights_changed(training, moments),
        **in_time(moments, least),
        **exact(run, training, moments),
    }
    return Witness(run, conditions, moments, facts)


def _steps_alive(moments: list[Moment]) -> int:
    """Steps that decide: fewer than usual where the run is dead before."""
    dead = next(
        (
            step
            for step, m in enumerate(moments)
            if not math.isfinite(m.loss) or not math.isfinite(m.total)
        ),
        SUSTAINED,
    )
    return min(SUSTAINED, max(1, dead))


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


def _units(shares: list[dict[str, float]], yes: float, no: float) -> Fact:
    """Shares of a layer's units over the probe batch, for twenty steps."""
    names = tuple(shares[0])
    values = 1 - table(shares, names)
    fact = lowest(Series(names, values), 1 - yes + 1e-9, 1 - no, SUSTAINED) if names else NO
    return Fact(fact.answer, 1 - fact.value, fact.layers, fact.onset)
