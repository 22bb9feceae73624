"""Recurrent layers that run from one sample of the batch to the next, in place of along time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from gradwidget.capture.collect.loop.targets import OF_LOSSES, names_of_operands
from gradwidget.capture.collect.recurrent.axes import BY_INDEX, Axes, Axis, after
from gradwidget.capture.collect.wiring.graph import Graph
from gradwidget.capture.model.nonlinearity import SEE_THROUGH, Node
from gradwidget.capture.torch_private import saved_tensor, sequence_number

MOST = 6
"""Layers that are named."""
DROPOUT = ("Mul", "NativeDropout")
"""How the names of operations begin that a dropout after an embedding is made of."""
User = tuple[Node, int]
"""An operation, and which of its operands is meant."""
Result = tuple[int, str, int]
"""What an operation has made: its number and name, which hold nothing alive, and which of several.
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One of a recurrent layer."""

    layer: str
    axes: Axes
    """Of its output, as the layer takes them."""
    given: tuple[int, ...]
    """The shape of its input."""
    of_tokens: bool
    """Whether that is an embedding."""

    @property
    def time(self) -> int:
        """The dimension along which it runs."""
        return 0 if self.axes.has("time", 0) else 1


class RecurrentCalls:
    """The calls of one step, by the operation that has made the output; holds no tensor."""

    def __init__(self) -> None:
        self._calls: dict[Result, Call] = {}

    def layer_ran(
        self,
        layer: str,
        module: nn.Module,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        output: object,
    ) -> None:
        """Notes a call of ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` with a batch of sequences.

        Not of one that is given a state to start from: who makes it knows what the layer takes for
        the batch, since its shape has to say so.
        """
        if not isinstance(module, nn.RNNBase) or not isinstance(output, tuple):
            return
        given = args[0] if args else kwargs.get("input")
        state = args[1] if len(args) > 1 else kwargs.get("hx")
        made = output[0]
        if state is not None or not isinstance(given, Tensor) or not isinstance(made, Tensor):
            return
        if made.dim() != 3 or made.grad_fn is None or made.shape[0] == made.shape[1]:
            return
        order: tuple[Axis, ...] = ("batch", "time") if module.batch_first else ("time", "batch")
        axes = Axes(
            tuple(((one, size),) for one, size in zip((*order, "other"), made.shape, strict=True))
        )
        if min(made.shape[:2]) > 1:
            call = Call(layer, axes, tuple(given.shape), _is_of_tokens(given.grad_fn))
            self._calls[sequence_number(made.grad_fn), made.grad_fn.name(), made.output_nr] = call

    def over_samples(self, graph: Graph) -> tuple[str, ...] | None:
        """What there is of it: a loss with one target for each time step of such a layer.

        And nothing of what the layer takes for its batch is left: its last entry was chosen, which
        is what a last time step is chosen with, or, of tokens, all became one.

        Returns:
            How many samples there are, the shape that the layer was given, the dimension along
            which it runs, and the names of all layers of which that is so.
        """
        users = _users(graph) if self._calls else {}
        for key, call in self._calls.items():
            alike = [one for one in self._calls.values() if one.axes.dims[:2] == call.axes.dims[:2]]
            of_tokens = any(one.of_tokens for one in alike)
            starts = users.get(key, ())
            if any(
                _is_over_samples(start, call.axes, users, of_tokens=of_tokens) for start in starts
            ):
                layers, given = dict.fromkeys(one.layer for one in alike), alike[0].given
                return str(given[call.time]), str(list(given)), str(call.time), *list(layers)[:MOST]
        return None


def _users(graph: Graph) -> dict[Result, list[User]]:
    """What uses each result of each operation."""
    found: dict[Result, list[User]] = {}
    for node in graph.below:
        for place, (one, number) in enumerate(node.next_functions):
            if one is not None:
                key = (sequence_number(one), graph.names[one], number)
                found.setdefault(key, []).append((node, place))
    return found


def _is_over_samples(
    start: User, own: Axes, users: Mapping[Result, list[User]], *, of_tokens: bool
) -> bool:
    """Whether a way from a use of the output leads to a loss with a target for each time step."""
    waiting, seen = [(start, own)], set[Node]()
    while waiting:
        (node, place), axes = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.name().startswith(OF_LOSSES):
            is_certain = axes.given_up == BY_INDEX or of_tokens
            if is_certain and _has_target_of_each(node, place, axes):
                return True
        elif (made := after(node, place, axes)) is not None:
            key = (sequence_number(node), node.name(), 0)
            waiting += [(user, made) for user in users.get(key, ())]
    return False


def _has_target_of_each(node: Node, place: int, axes: Axes) -> bool:
    output, target = names_of_operands(node)
    kept = saved_tensor(node, target)
    is_output = place == (0 if output == "self" else 1)
    is_of_each = kept is not None and kept.shape[:1] == axes.shape[:1]
    return is_output and is_of_each and axes.are_of_time()


def _is_of_tokens(node: Node | None) -> bool:
    """Whether an embedding has made it, through views and dropout."""
    while node is not None and node.name().startswith((*SEE_THROUGH, *DROPOUT)):
        node = next(_below(node), None)
    return node is not None and node.name().startswith("EmbeddingBackward")


def _below(node: Node) -> Iterator[Node]:
    return (one for one, _ in node.next_functions if one is not None)
