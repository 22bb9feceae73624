"""What keeps a network from learning at all, read from how it and its loss are built."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from gradwidget.diagnose.evidence.window import Window
from gradwidget.frame import Layer, Obstacle, Wiring

OF_EACH_SAMPLE = frozenset({"LayerNorm", "RMSNorm"})
"""Norm layers that act on each sample by itself."""


@dataclass(frozen=True, slots=True)
class Barrier:
    """One of them, in words."""

    what: str
    """What it is, as the end of a sentence."""
    title: str
    """What to do, in a few words."""
    why: str
    """Where to look, and what that changes."""
    is_certain: bool = True
    """Whether nothing can be learned with it, whatever else is wrong."""
    code: str = ""
    """What takes it away; empty where only a change of the model or of the loss does."""


EVERY_PAIR = Barrier(
    "the loss compares each output with every target, not only with its own: their shapes differ, "
    "and one is broadcast over the other",
    "Give outputs and targets one shape",
    "Look at both shapes before the loss: [N, 1] and [N] make [N, N], and the best output for all "
    "targets at once is their mean. Use squeeze(1) or unsqueeze(1) on one of them.",
)
NO_TARGETS = Barrier(
    "the loss does not depend on the targets: label_smoothing is 1, which makes them the same for "
    "every sample",
    "Lower label_smoothing to 0.1",
    "It is the share of the target that is spread evenly over all classes: with 1 nothing of the "
    "label is left, and the best output is the same for every input.",
)
OVER_SAMPLES = Barrier(
    "the softmax runs over the samples of the batch, not over the classes",
    "Take the softmax over the classes",
    "Look for softmax or log_softmax with dim=0: for outputs [N, classes] it has to be dim=1.",
)
FLAT_SLOPES = Barrier(
    "the loss contains a derivative of the network, and the second derivative of ReLU is 0 "
    "everywhere",
    "Use a smooth activation function",
    "Look at the activation functions: where a loss contains derivatives of the outputs, tanh, "
    "SiLU or softplus can learn them, and ReLU cannot.",
)
NO_BEND = Barrier(
    "nothing but linear operations lies between the layers, so all of them together are one linear "
    "layer",
    "Put activation functions between the layers",
    "Look in forward() for what follows each layer: without a ReLU or the like in between, several "
    "layers can learn no more than one.",
    is_certain=False,
)
CREATED_AGAIN = Barrier(
    "the optimizer is created again for nearly every step, and forgets its momentum each time",
    "Make the optimizer once, before the loop",
    "Look where the optimizer is made: its state (momentum, Adam's averages) is lost each time.",
    is_certain=False,
)


OF_THE_LOSS: dict[Obstacle, Barrier] = {
    "every pair": EVERY_PAIR,
    "no targets": NO_TARGETS,
    "over samples": OVER_SAMPLES,
}
"""Those that the graph of a loss proves, the surest first."""


def barriers(window: Window) -> Iterator[Barrier]:
    """Those of this run, the surest first."""
    found = window.wiring.obstacles
    yield from (barrier for name, barrier in OF_THE_LOSS.items() if name in found)
    if "small logits" in found:
        bound, classes = found["small logits"]
        yield _small_logits(float(bound), int(classes))
    alone = next((layer for layer in window.layers if _is_of_one_value(layer)), None)
    if alone is not None:
        yield _norm_of_one(alone.name, "a norm over", f"the shape that {alone.name} is made for")
    operation, behind = found.get("one entry", ("", ""))
    if alone is None and operation.endswith("norm"):
        norm = f"the {operation} after {behind}"
        yield _norm_of_one(norm, "over", "the shape or the groups that it is made for")
    if "flat slopes" in found and len(window.wiring.optimizers) < 2:
        yield FLAT_SLOPES  # of two players one may well be asked for its slope
    dropped = window.frame.scalars.get("most_dropped", 0.0)
    if dropped > window.limits.dropout_high:
        yield high_dropout(dropped)
    if "scrambled" in found:
        yield _scrambled(*found["scrambled"])
    if "only an attribute" in found:
        yield _only_an_attribute(*found["only an attribute"])
    if "created again" in found:
        yield CREATED_AGAIN
    if "no bend" in found and any(window.paths.next):
        yield NO_BEND


def high_dropout(share: float) -> Barrier:
    """A dropout of this share of the units, which is nearly all of them."""
    return Barrier(
        f"a dropout zeroes {share:.3g} of the output of a layer, and with it most of what tells "
        "one input from another",
        "Drop out 0.1 of the units",
        f"nn.Dropout is given the share that it drops, here {share:g}, not the share that it "
        "keeps. What it keeps is scaled up, so the loss jumps from batch to batch.",
        code="for module in model.modules():\n"
        '    if "Dropout" in type(module).__name__ and module.p > 0.5:\n'
        "        module.p = 0.1",
    )


def _small_logits(bound: float, classes: int) -> Barrier:
    guess = math.log(classes)
    lowest = math.log1p((classes - 1) * math.exp(-2 * bound))
    times = f", multiplied by {bound:g}" if bound < 1 else ""
    return Barrier(
        f"the logits are products of normalized vectors{times}, so they lie between -{bound:g} and "
        f"{bound:g}: among {classes:,} classes the cross-entropy cannot fall below "
        f"{lowest:.3g}, and a guess has {guess:.3g}",
        "Divide the similarities by the temperature" if bound < 1 else "Scale the similarities up",
        "Look at what is multiplied with the similarities: temperatures such as 0.07 are what they "
        "are divided by, scales such as 10 to 30 what they are multiplied by.",
    )


def _scrambled(before: str, after: str, layer: str) -> Barrier:
    where = f" after {layer}" if layer else ""
    return Barrier(
        f"a view{where} makes {after} of {before}: it gives the dimensions another order, but "
        "leaves the entries where they are, and so mixes what belongs to different samples, "
        "positions or channels",
        "Use permute or transpose in place of view",
        f"Look for the view or reshape{where}: it may join neighboring dimensions, or divide "
        "one. Bring them into their order with permute or transpose first.",
        is_certain=False,
    )


def _only_an_attribute(module: str) -> Barrier:
    of_what = f"{module}.requires_grad" if module else "requires_grad of the model"
    return Barrier(
        f"{of_what} = True has only set an attribute of the module: some of its parameters are "
        "still frozen",
        "Unfreeze parameters with requires_grad_(True)",
        "Only requires_grad_, with the underscore, sets it for the parameters of a module. An "
        "optimizer that was given the trainable parameters alone needs these as well.",
        is_certain=False,
        code=f"model.get_submodule({module!r}).requires_grad_(True)",
    )


def _norm_of_one(norm: str, how: str, made: str) -> Barrier:
    return Barrier(
        f"{norm} is {how} a single value, so its output is the same for every input",
        f"Leave out {norm}",
        f"Look at {made}: over one value, the value minus its mean is always 0.",
    )


def _is_of_one_value(layer: Layer) -> bool:
    return layer.kind in OF_EACH_SAMPLE and set(layer.shapes.values()) == {(1,)}


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A column and a row that meet."""

    given: str
    """The shape of the outputs, such as ``"[6, 1]"``."""
    made: str
    """The shape of the result."""
    other: str
    """The shape of what the outputs meet."""
    what: str
    """``"difference"``, ``"product"`` or ``"advantages"``."""
    layer: str
    """The layer whose output the column is; empty where it is not known."""

    @property
    def samples(self) -> str:
        """The number of samples."""
        return self.made.strip("[]").partition(",")[0]

    @property
    def row(self) -> str:
        """The shape without a dimension of 1."""
        return f"[{self.samples}]"

    @property
    def column(self) -> str:
        """The shape with one."""
        return f"[{self.samples}, 1]"

    @property
    def of_layer(self) -> str:
        """The layer in brackets; empty where it has not given the outputs."""
        is_column = self.given.count(",") == self.made.count(",")
        return f" (the output of {self.layer})" if self.layer and is_column else ""


def broadcast(wiring: Wiring) -> Broadcast | None:
    """What the graphs of a run show of it; None where they show none."""
    if "unlike shapes" not in wiring.obstacles:
        return None
    given, made, *more = wiring.obstacles["unlike shapes"]
    if len(more) == 3:
        return Broadcast(given, made, *more)
    return Broadcast(given, made, "another one", "difference", "")  # of an older run file
