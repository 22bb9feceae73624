"""Outputs that are not what the loss expects: another scale of numbers, or another shape.

Outputs that are already probabilities may meet a loss that applies softmax or sigmoid itself: the
gradient is then small wherever the model is sure, right or wrong. Or they meet one that expects
logarithms of probabilities. Or a ReLU has cut off what is below 0 of logits. Or they end in a
function with bounds, and targets lie outside of these. Or their shape is another than that of the
targets, and each is held against every target, or each log-probability against every advantage. Or
the targets of a binary cross-entropy are no probabilities. And so are the weights of an attention
where they add up to 1 over the samples of the batch, or where they let each position see the token
that it is to predict; and the outputs of a recurrent layer that runs over the samples, since its
``batch_first`` is not that of what it is given. Not reported: other softmax inside the network,
log-softmax twice, which changes nothing, and comparisons of all pairs by intent.
"""

from __future__ import annotations

from gradwidget.diagnose.evidence.obstacle import broadcast
from gradwidget.diagnose.evidence.regression_error import beyond_reach, out_of_reach
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Detection, Finding
from gradwidget.diagnose.rules.shared.no_probabilities import no_probabilities
from gradwidget.frame import ROOT
from gradwidget.wording import names, shown

OF_LOGITS = {
    "log_softmax": "cross-entropy",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
}
"""Losses that are given logits, and what they are called."""


def double_softmax(window: Window, active: Finding | None) -> Detection | None:
    """Outputs and a loss that do not fit, as the graph shows it."""
    del active  # exact
    if (other := no_probabilities(window)) is not None:
        return other
    found = (
        _without_logarithm(window)
        or _of_unlike_shapes(window)
        or _out_of_reach(window)
        or _beyond_reach(window)
    )
    if found is None and (recurrence := _recurrence(window)) is not None:
        return recurrence
    is_of_samples = found is None and "attends over samples" in window.wiring.obstacles
    found = found or _over_samples(window)
    is_of_samples &= found is not None
    is_ahead = found is None and "sees targets" in window.wiring.obstacles
    found = found or _ahead(window)
    operation, loss = _squashed(window)
    is_cut = found is None and operation == "relu"
    found = found or _of_logits(operation, loss)
    if found is None:
        return None
    message, caveat = found
    evidence = {"value": 2.0, "bound": 1.0, "window": 1.0}
    if is_of_samples:
        evidence["samples"] = 1.0
    elif is_ahead:
        evidence["ahead"] = 1.0
    elif is_cut:
        evidence["cut"] = 1.0
    elif window.wiring.obstacles.get("no logarithm", ("", ""))[1] == "linear":
        evidence["unbounded"] = 1.0
    return Detection(
        severity="warning",
        message=message,
        layers=(),
        first_step=window.history.first_step or 0,
        evidence=evidence,
        caveat=caveat,
    )


def _without_logarithm(window: Window) -> tuple[str, str] | None:
    if "no logarithm" not in window.wiring.obstacles:
        return None
    loss, given = window.wiring.obstacles["no logarithm"]
    if given == "log_softmax":
        message = (
            f"{loss} expects probabilities that add up to 1 over the classes, and those that it is "
            "given add up to 1 over the samples of the batch: take log_softmax with dim=1."
        )
        return message, "None: the samples of a batch are not its classes."
    what = "logits" if given == "linear" else f"the output of a {given}"
    sign = (
        " The loss is below 0, which it never is with log-probabilities." if window.loss < 0 else ""
    )
    message = (
        f"{loss} expects logarithms of probabilities and is given {what}: give it log_softmax of "
        f"the output.{sign}"
    )
    return message, "None: the minimum of this loss is not where the outputs fit the targets."


def _of_unlike_shapes(window: Window) -> tuple[str, str] | None:
    met = broadcast(window.wiring)
    if met is None:
        return None
    if met.what == "advantages":
        message = (
            f"A term with the shape {met.given}, such as log-probabilities, is multiplied by "
            f"{met.made}, which is a sum or a difference of {met.row} and {met.column}, such as "
            "returns and values: the term of each sample is weighted with the advantages of all "
            "samples, not with its own."
        )
        return message, "None: the advantage of one sample says nothing of another one."
    if met.what == "product":
        message = (
            f"What the loss averages has the shape {met.given}{met.of_layer} and its factor "
            f"{met.other}, so both are broadcast to {met.made}: each entry is multiplied by the "
            "factors of all samples, not by its own."
        )
        return message, "Fine if every entry is meant to be multiplied by every factor."
    message = (
        f"The outputs have the shape {met.given}{met.of_layer} and the targets {met.other}, so "
        f"both are broadcast to {met.made}: each output is compared with every target, not only "
        "with its own."
    )
    return message, "Fine if every output is meant to be compared with every target."


def _out_of_reach(window: Window) -> tuple[str, str] | None:
    out = out_of_reach(window)
    if out is None:
        return None
    message = (
        f"The outputs come from a {out.function}, which gives {out.bounds}, and their mean "
        f"{'squared ' if out.is_squared else ''}error is {shown(out.error)}: that is more than "
        f"{shown(out.most)}, so targets lie outside of what the outputs can be."
    )
    return message, "None: no weights bring the outputs to such targets."


def _beyond_reach(window: Window) -> tuple[str, str] | None:
    beyond = beyond_reach(window)
    if beyond is None:
        return None
    reach = "down" if beyond.side == "below" else "up"
    message = (
        f"The outputs come from a {beyond.function}, which gives nothing {beyond.side} "
        f"{shown(beyond.bound)}, and targets reach {reach} to {shown(beyond.target)}: no weights "
        "bring the outputs there."
    )
    return message, (
        f"None: what is {beyond.side} {shown(beyond.bound)} can only be answered with that."
    )


def _over_samples(window: Window) -> tuple[str, str] | None:
    """An attention over the first dimension, where that has as many entries as the batch."""
    length, shape = window.wiring.obstacles.get("attends over samples", ("", ""))
    if not length or not (window.history.start_scalar("input_samples") == float(length)).any():
        return None
    message = (
        f"A softmax of attention scores {shape} runs over their first dimension, the {length} "
        "samples of the batch, and not over the positions: what a position attends to depends on "
        "the other samples, and its weights do not add up to 1."
    )
    return message, "Fine if samples are meant to compete with each other for each position."


def _recurrence(window: Window) -> Detection | None:
    """Recurrent layers with as many time steps as the loss has targets, as the graph shows it."""
    if "recurs over samples" not in window.wiring.obstacles:
        return None
    samples, shape, dimension, *layers = window.wiring.obstacles["recurs over samples"]
    who = names(["the model" if one == ROOT else one for one in layers])
    run, its = ("run", "their") if len(layers) > 1 else ("runs", "its")
    taken = "batch_first=False: [time, batch, features]"
    if dimension == "1":
        taken = "batch_first=True: [batch, time, features]"
    return Detection(
        severity="warning",
        message=(
            f"{who} {run} along dimension {dimension} of {its} input {shape}, which holds the "
            f"{samples} samples of the batch, as the loss has a target for each of them ({taken}): "
            "the state goes from one sample to the next, and no time step sees those before it."
        ),
        layers=tuple(layers),
        first_step=window.history.first_step or 0,
        evidence={"value": float(samples), "bound": 1.0, "window": 1.0, "recurrent": 1.0},
        caveat="Fine if the samples are steps of one sequence, each with a target of its own.",
    )


def _ahead(window: Window) -> tuple[str, str] | None:
    """An attention without a causal mask, in a model whose targets are its tokens, one later."""
    operation, layer, length, count = window.wiring.obstacles.get("sees targets", ("", "", "", ""))
    if not operation:
        return None
    kind = next((one.kind for one in window.layers if one.name == layer), "")
    of_which = f" {'of' if kind == 'MultiheadAttention' else 'behind'} {layer}" if layer else ""
    others = f", like all {count} over them," if int(count) > 1 else ""
    message = (
        f"The targets are the input tokens one position on, and the attention{of_which} "
        f"({operation} over {length} positions){others} gives weight to the position after each: "
        "the model sees the tokens that it is to predict and can copy them. Its loss says nothing "
        "of what it generates."
    )
    return message, "Fine if each position is meant to see the whole sequence."


def _of_logits(operation: str, loss: str) -> tuple[str, str] | None:
    """What is wrong with an operation right under a loss of logits."""
    if operation in {"softmax", "sigmoid"}:
        message = (
            f"The output goes through a {operation}, and {loss} applies one itself: give it the "
            f"output from before the {operation}."
        )
        return message, "None: the loss is then never near 0, and the gradient is too small."
    if operation == "relu":
        message = (
            f"The output goes through a ReLU, and {loss} expects logits, which are negative for "
            "unlikely classes: give it the output from before the ReLU."
        )
        return message, "None: an output that the ReLU has cut off gets no gradient."
    return None


def _squashed(window: Window) -> tuple[str, str]:
    """What lies right under a loss of logits, and that loss in words; an empty word for nothing.

    The operations of several losses are named one after the other in the path to the loss: of two
    that are neighbors there, one need not be given to the other.
    """
    operation = window.wiring.obstacles.get("squashed", ("",))[0]
    known = [OF_LOGITS[one] for one in window.wiring.loss_path if one in OF_LOGITS]
    return operation, known[0] if len(known) == 1 else "the loss"
