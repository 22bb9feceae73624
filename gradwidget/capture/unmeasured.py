"""Why something is not measured: every sentence that a user is given in the place of a value."""

from __future__ import annotations

from collections.abc import Mapping

# Outputs of layers

UNSEEN = (
    "It was not seen to run in this step (it runs in compiled or scripted code, or its parameters "
    "are used without calling it), so its output is not measured."
)
COMPILED = (
    "The model, or a part of it, runs in code compiled by torch.compile: hooks would make it "
    "compile again, so outputs of layers are not measured."
)
NO_GRAPH = (
    "Neither this layer nor anything before it is trained, so torch keeps no graph that would show "
    "its activation function: its activations are not measured."
)
NO_BACKWARD = (
    "No backward pass came through its output, so its activation function is not known: its "
    "activations are not measured."
)
NO_GRAD_MODE = "It ran only without gradients (as under torch.no_grad): its output is not measured."
TRANSFORMED = (
    "It runs inside a transform of torch.func (as vmap or grad), where no value can be read."
)
OPERATION = (
    "It is a parameter that is used outside of a module of its own: its output is seen only where "
    "an activation function follows it that keeps what it gave."
)
LEAF = (
    "It returns a tensor that nothing has computed (a parameter), on which a hook would outlive "
    "the step: its activation gradient is not measured."
)
TOO_LARGE = (
    "The graph has more nodes than torch can free on the stack of this thread once Python has "
    "seen them: its activation gradient is not measured, and its activation function not known."
)

# Gradients and weights

REPLACED = (
    "The optimizer holds other tensors than the model's parameters (they were replaced, as by "
    "load_state_dict(assign=True)), so this layer is not being trained."
)
SHARDED = (
    "Its parameters are sharded: this process holds only a part of them, and has not been told of "
    "the others. Not measured."
)
FLAT = (
    "FullyShardedDataParallel keeps its parameters in one flat tensor, of which each process holds "
    "a part: not measured. With fully_shard they are."
)
SEVERAL_GRADS = (
    "The loop called torch.autograd.grad several times in this step: what it made of the results "
    "is not known, so the gradient that it took is not measured."
)

# Gradients along time

PACKED = "Its gradient along time is not measured: the sequences are packed."
DROPOUT = "Its gradient along time is not measured: dropout between its layers cannot be repeated."

# Inspection

NO_GRADIENT = "The step used no gradient of it."
NOT_READ = "It could not be read: see the problems that gradwidget reports."
LATER = "Comes with the next sampled step."
CLEARED = "It was cleared in place after the step: it comes with the next one."
NOT_WATCHED = "Activations are not watched (activations=False)."

# Tensors: sentences about one tensor, which may be part of one about a layer

LAZY = "It is created in the first forward."
SHARD = "It is sharded: each process holds only a part of it."
PARTIAL = "It is a sum that is still spread over the processes."
MISSING_PART = "Not all of the processes that have parts of it have told theirs."
UNLIKE = (
    "Processes that share their samples have other values of it, and nothing tells which part of "
    "it these are."
)
INSIDE_TRANSFORM = "It is inside a transform of torch.func, where no value can be read."
META = "It is on the meta device and has no values."
CUDA_GRAPH = "The step is being recorded as a CUDA graph, where no value can be read."
COMPLEX = "It is complex: its entries have no order."
EMPTY = "It is empty."
NOTHING = "There is nothing to show."


def layout(kind: str) -> str:
    """For a tensor whose entries are not laid out in rows and columns, as ``"sparse_coo"``."""
    return f"Its layout is {kind}: its entries cannot be read."


def quantized(kind: str) -> str:
    """For a quantized tensor of a type, as ``"qint8"``."""
    return f"It is quantized ({kind}): its entries cannot be read."


def subclass(name: str) -> str:
    """For a tensor of a class that carries out its operations itself."""
    return f"It is a {name}, which carries out its operations itself: its entries cannot be read."


def failed(error: Exception) -> str:
    """For a tensor that could not be read because of an error."""
    # Torch's messages go on for pages.
    first, *_ = str(error).split("\n", 1)
    return f"Reading it raised {type(error).__name__}: {first.split('. ')[0][:200].rstrip('.')}."


# Layers with such a tensor


def are_spread(reasons: Mapping[str, str]) -> tuple[str, ...]:
    """The layers whose output is not measured because no process has all of it.

    Example:
        >>> are_spread({"up": output(SHARD), "down": output(PARTIAL), "head": output(EMPTY)})
        ('up', 'down')
    """
    spread = {output(one) for one in (SHARD, PARTIAL, MISSING_PART, UNLIKE)}
    return tuple(layer for layer, reason in reasons.items() if reason in spread)


def parameter(name: str, why: str) -> str:
    """For a layer with a parameter that cannot be read; ``why`` is about the parameter."""
    return f"Its parameters are not measured, because of {name}. {why}"


def gradient(name: str, why: str) -> str:
    """For a layer with a gradient that cannot be read; ``why`` is about the gradient."""
    return f"Its gradient is not measured, because of that of {name}. {why}"


def output(why: str) -> str:
    """For a layer whose output cannot be read; ``why`` is about the output."""
    return f"Its output is not measured. {why}"


def output_gradient(why: str) -> str:
    """For a layer whose output's gradient cannot be read; ``why`` is about the gradient."""
    return f"Its activation gradient is not measured. {why}"
