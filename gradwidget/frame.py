"""The nouns that every stage shares: what a layer is, and what was measured at one step.

Nothing here knows torch, Jupyter or the disk; numpy alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


ROOT = "(root)"
"""The name of the layer that is the parameters of the model itself."""

RATE = "lr"
"""The scalar that is the learning rate; further ones are ``lr/<class of optimizer>``."""

PARAMETER = "Parameter"
"""The kind of a layer that is a parameter, not a module."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A module that itself owns at least one parameter.

    Where a module's own weights are used one after the other, as those of an ``nn.ParameterList``
    or of a model that has all of them itself, each weight is a layer of its own, together with
    what is added to its product or scales it.

    Example:
        >>> Layer("body.0", "Linear", {"weight": (64, 64), "bias": (64,)}).parameter_count
        4160
    """

    name: str
    """As in ``model.named_modules()``; ``"(root)"`` for parameters held by the model itself.

    Of a weight that is a layer by itself, as in ``model.named_parameters()``."""

    kind: str
    """Class name of the module, such as ``"Linear"``; ``"Parameter"`` where it is none."""

    shapes: Mapping[str, tuple[int, ...]]
    """Shape of each own parameter by its local name, in registration order; by its full name where
    the layer is no module."""

    trainable: bool = True
    """Whether at least one own parameter requires a gradient."""

    activation: str | None = None
    """Its activation function, such as ``"relu"``; None when none was seen."""

    @property
    def is_module(self) -> bool:
        """Whether ``model.get_submodule`` finds it; else ``model.get_parameter`` does."""
        return self.kind != PARAMETER

    @property
    def parameter_count(self) -> int:
        """Number of scalars over all own parameters."""
        return sum(int(np.prod(shape)) for shape in self.shapes.values())

    @property
    def summary(self) -> str:
        """Kind and shape of the largest parameter, such as ``"Linear 64×64"``."""
        largest = max(self.shapes.values(), key=lambda shape: int(np.prod(shape)), default=())
        return f"{self.kind} {'×'.join(str(size) for size in largest)}".rstrip()


@dataclass(frozen=True, slots=True)
class NonfiniteOrigin:
    """Where a NaN or an infinity first arose."""

    phase: str
    """``"input"``, ``"weights"``, ``"forward"``, ``"loss"``, ``"backward"``, ``"update"`` (the
    optimizer made it of finite gradients) or ``"unknown"``."""

    layer: str | None = None
    """Name of the first layer that had it, in the order of that phase; None when no layer can be
    named."""

    operation: str = ""
    """The operation that made it of finite numbers, in torch's words, such as ``"log"``: before
    that layer or in the loss. Empty where that is not known, or it is the layer itself."""


@dataclass(frozen=True, slots=True)
class RecurrentProfile:
    """The gradient of a recurrent layer along time, at one step."""

    layer: str
    """Name of the layer."""

    quantity: str
    """``"dL/dh"``, the total gradient of each hidden state, or, where that cannot be had,
    ``"dL/dx"`` of each input."""

    norms: FloatArray
    """float32 [time]: L2 norm over batch and features, first time step first."""

    depth: int = 0
    """Which of the stacked layers of the module, the one at the input being 0."""

    reverse: bool = False
    """True for the direction of a bidirectional layer that reads the sequence from its end."""


CROSS_ENTROPY = frozenset({"nll_loss", "nll_loss2d", "nll_loss_nd"})
"""What the backward nodes of cross-entropy are called; a mean and a weight may come after them."""

LOSS = "(loss)"
"""Where the output of a layer goes that flows into the loss and into no further layer."""


Obstacle = Literal[
    "no logarithm",
    "unlike shapes",
    "bounded",
    "one entry",
    "rounded",
    "scrambled",
    "every pair",
    "no targets",
    "squashed",
    "small logits",
    "added up",
    "over samples",
    "attends over samples",
    "recurs over samples",
    "sees targets",
    "flat slopes",
    "no bend",
    "pulled together",
    "only an attribute",
    "created again",
]
"""What a network cannot learn with, however it is trained: a loss of log-probabilities that is
given something else, outputs of another shape than their targets, outputs with bounds (where
targets lie outside of them), an operation over a dimension with a single entry, weights behind
nothing but roundings, a view that gives dimensions another order, each output held against every
target, targets that count nothing in the loss, a softmax over the samples of a batch, or of the
scores of an attention over their first dimension, a recurrent layer that runs over the samples, an
attention that sees the tokens that are to be predicted, a loss of second derivatives of ReLU,
nothing but linear operations among its layers, a loss that only draws outputs together, frozen
parameters of a module whose ``requires_grad`` is set as an attribute, an optimizer that is created
again for nearly every step, an activation function right under a loss that is meant for what it is
given, and logits with bounds so narrow that a cross-entropy cannot leave the level of chance. Not
that alone, but a reason for steps that are too large: a loss that adds up what it is made of, or
several of a step, and does not divide it."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """How the network and its loss are wired, as the autograd graphs of a few steps showed.

    Example:
        >>> wiring = Wiring(feeds={"0": ("2",), "2": (LOSS,)}, loss_path=("mse_loss",))
        >>> wiring.feeds["0"]
        ('2',)
    """

    feeds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The layers that the output of each layer flows into next on its way to the loss, ``LOSS``
    among them, itself never; those of a loop feed each other. A layer that the loss does not depend
    on is missing, and so is one inside a reentrant checkpoint, which hides it."""

    loss_path: tuple[str, ...] = ()
    """Operations from the loss down to the nearest layers, in torch's words and that order, such as
    ``("nll_loss", "log_softmax", "softmax")``; views and changes of format left out. Where a module
    that is not watched comes first, its operation with weights is the last, such as ``"addmm"``."""

    unregistered: tuple[str, ...] = ()
    """Modules with trainable parameters that ran in the model's ``forward`` and are no part of it,
    such as ``"Linear 32×32"``, once per module."""

    precision: str = "float32"
    """The narrowest floating-point format among parameters and outputs of layers, such as
    ``"float16"`` under autocast."""

    optimizers: tuple[str, ...] = ()
    """Class names of the optimizers that have stepped the model, in the order of their first
    steps."""

    unused: tuple[str, ...] = ()
    """Trainable parameters, as in ``model.named_parameters()``, of layers that have run and whose
    output does not depend on them."""

    obstacles: Mapping[Obstacle, tuple[str, ...]] = field(default_factory=dict)
    """What the graphs of the loss show that may keep the network from learning, with its
    particulars: of ``"no logarithm"`` and ``"bounded"`` the loss and what it is given, of the
    second also by what it is multiplied and the bounds, of ``"unlike shapes"`` the shape of the
    outputs, what became of it, the shape of what they meet, whether that is a ``"difference"``, a
    ``"product"`` or one with ``"advantages"``, and the layer of the column or an empty word, of
    ``"one entry"`` the operation and the layer before it, of ``"attends over samples"`` the length
    of that dimension and the shape of the scores, of ``"recurs over samples"`` the number of the
    samples, the shape of the input, the dimension along which the layers run, and these, of ``"sees
    targets"`` the operation, the layer before it or an empty word, and how many positions and how
    many attentions over them there are, of ``"scrambled"`` the shapes before and after the view and
    the layer before it or an empty word, of ``"squashed"`` the function and who calls it:
    ``"module"`` or ``"forward"`` or an empty word, then the name of the module, and the line, of
    ``"small logits"`` the bound and the number of classes, of ``"added up"`` the operation, and how
    many entries and samples it adds up, 1 and 1 of a mean."""

    @property
    def is_of_alignments(self) -> bool:
        """Whether the loss aligns outputs in time with shorter targets, as ``ctc_loss`` does."""
        return any(one.endswith("ctc_loss") for one in self.loss_path)

    @property
    def is_of_classes(self) -> bool:
        """Whether the loss is a cross-entropy."""
        return not CROSS_ENTROPY.isdisjoint(self.loss_path[:3])

    @property
    def entries(self) -> int:
        """How many entries its loss adds up; 1 of a mean, and where that is not known."""
        return int(self.obstacles.get("added up", ("", "1", "1"))[1])

    @property
    def last(self) -> frozenset[str]:
        """The layers whose output flows into the loss with no other layer between."""
        return frozenset(name for name, behind in self.feeds.items() if LOSS in behind)


@dataclass(frozen=True, slots=True)
class RankPart:
    """What one process of a training that is spread over several told of a step."""

    rank: int
    loss: float
    """Its own; NaN where it had none, or one that is NaN."""

    seconds: float
    """From the end of the backward pass before until it first had to wait for others, without what
    gradwidget took; NaN where not seen."""

    phase: str = ""
    """Where a value of its own was first not finite, as ``NonfiniteOrigin.phase``; empty where none
    was."""

    apart: bool = False
    """Whether its copy of the weights is another than that of the process that judges."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the statistics of this process relate to those of others that watch the same model."""

    judge: int | None = None
    """The rank that judges in the place of this process; None where it judges itself."""

    notes: tuple[str, ...] = ()
    """What a reader of the statistics has to know, in sentences."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything measured at one step: one array entry per layer, in the order of ``layers``.

    A metric that is absent from ``metrics`` was measured for no layer. Where ``measured`` is False
    the value is NaN and means nothing; where it is True a NaN is a NaN that the run really had.

    Example:
        >>> layer = Layer("head", "Linear", {"weight": (2, 2)})
        >>> frame = Frame(0, (layer,), {"grad_rms": np.float32([0.5])})
        >>> frame.is_measured("grad_rms").tolist(), frame.is_measured("act_rms").tolist()
        ([True], [False])
    """

    step: int
    """Optimizer step, counted from 0 (or from ``start_step``)."""

    layers: tuple[Layer, ...]
    """Layers in order of first execution, input first. The same tuple object as long as nothing
    about it changes."""

    metrics: Mapping[str, FloatArray]
    """float32 array [layers] by metric name (``gradwidget.metrics.METRICS`` lists the names)."""

    measured: Mapping[str, BoolArray] = field(default_factory=dict)
    """Bool array [layers] by metric name; a metric missing here was measured for every layer."""

    scalars: Mapping[str, float] = field(default_factory=dict)
    """Values of the whole step: ``loss``, ``total_grad_norm``, ``lr``, ``time`` …; absent when not
    measured.

    Of several rates ``lr`` is the first: of the first group of the optimizer that steps first. Up
    to seven others are ``lr/<class of the optimizer>``, such as ``lr/AdamW``, and
    ``lr/AdamW/2`` that of the second group or optimizer of its class; each number once.

    Of the optimizer: ``weight_decay`` (the largest of its groups), ``momentum``, ``eps``, and
    ``maximize``, 1 where it is set so. Of the data that enters the model: ``input_rms``,
    ``input_mean``, ``input_std``, ``input_max_abs``, ``input_nonfinite``, a count, and
    ``input_variety``, what its samples do not have in common, over their size, and of a table
    ``input_feature_ratio``, the size of its largest column over the middle one, and
    ``input_samples``, the length of its first dimension. Of the
    targets that a loss of torch's keeps: of eight and more numbers of classes ``target_classes``,
    how many different ones one loss has, and where all are the same ``target_class``, else
    ``target_class_min`` and ``target_class_max``; of others ``target_min`` and ``target_max``, and
    of errors that are all of a loss ``target_mean`` and ``target_std``, ``constant_error``, their
    mean if the answer were the mean of the targets for every sample, and ``explained_share``, the
    part of it that the outputs do not have. Of the loop:
    ``eval_mode``, 1 where all that acts otherwise in evaluation is in that mode;
    ``most_dropped``, the largest share that a module for dropout drops;
    ``gradients_kept``, 1 where gradients that a step had used were still there when the next were
    added; ``passes``, how many backward passes the step adds up, of several; ``unstepped``, how
    many no step has followed; ``loss_is_leaf``, 1 where the loss had no graph;
    ``lost_derivatives``, 1 where a term of it had none, and derivatives of the outputs had been
    taken that have none; ``unscaled_late``, 1 where a gradient scaler unscaled the gradients only
    in its step, after all that the loop did to them."""

    skipped: bool = False
    """True when a gradient scaler skipped this step because it found an overflow."""

    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why a layer, or one of its statistics, could not be seen: one plain sentence by layer name.
    """

    origin: NonfiniteOrigin | None = None
    """Where the first non-finite value of this step arose; None when every value seen was finite.
    """

    recurrent: tuple[RecurrentProfile, ...] = ()
    """Gradient by time step of each recurrent layer measured at this step."""

    wiring: Wiring | None = None
    """How the network was wired when its graph was last read; the same object as long as that does
    not change. None before."""

    ranks: tuple[RankPart, ...] = ()
    """What each process told of this step, where several watch the same model; run files leave it
    out."""

    def is_measured(self, metric: str) -> BoolArray:
        """Bool array [layers]: for which layers ``metric`` was measured at this step."""
        if metric not in self.metrics:
            return np.zeros(len(self.layers), dtype=np.bool_)
        mask = self.measured.get(metric)
        return np.ones(len(self.layers), dtype=np.bool_) if mask is None else mask


@dataclass(frozen=True, slots=True)
class Histogram:
    """The distribution of the entries of one or several tensors over bins."""

    step: int | None
    """The step that they belong to; None before the first."""

    axis: Literal["linear", "log"]
    """Whether the bins are of one width, or parts of a power of ten on both sides of 0."""

    edges: NDArray[np.float64]
    """float64 [bins + 1]: where the bins end, rising; every finite entry is between the first and
    the last."""

    counts: NDArray[np.int64]
    """int64 [bins]: finite entries in each bin, of those that were counted."""

    counted: int
    """Entries that were sorted into bins, not finite ones included; fewer than ``total`` where
    those are many."""

    total: int
    """All entries; the numbers below are of all of them."""

    zeros: int
    nans: int
    infinities: int
    low: float
    """The least finite entry; NaN where none is finite."""

    high: float
    """The greatest finite entry; NaN where none is finite."""

    note: str = ""
    """What a reader has to know besides, in a few words."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a parameter's gradient."""

    parameter: str
    """Local name, such as ``"weight"``."""

    index: tuple[int, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Inspection:
    """A close look at one layer; a sentence takes the place of what could not be had."""

    layer: str
    """Name of the layer."""

    gradient: Histogram | str
    """What the optimizer used in that step, over all parameters of the layer."""

    weight: Histogram | str
    """The parameters as the step left them."""

    activation: Histogram | str
    """The layer's output in that step, after its activation function."""

    worst: tuple[Entry, ...] = ()
    """The greatest entries of ``gradient``: those that are not finite, then by size."""

    calls: int | None = None
    """How often the layer ran in the step of ``activation``; None where that was not seen."""
