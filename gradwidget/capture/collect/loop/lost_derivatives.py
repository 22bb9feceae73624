"""Derivatives of a network's outputs that a loss is made of and that have lost their graph.

As of a differential equation: ``torch.autograd.grad(u, x)`` gives numbers without a graph unless it
is told ``create_graph=True``. Where another term has a graph nothing fails, and that one alone is
learned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from gradwidget.capture.collect.wiring.graph import VIEWS
from gradwidget.capture.collect.wiring.loss_path import CRITERIA
from gradwidget.capture.model.nonlinearity import Node, node_of
from gradwidget.capture.torch_private import output_shape

GATHERING = (*VIEWS, "Sum", "Mean", "Unbind", "Split")
"""How the names of operations begin after which a derivative is still that of the outputs."""
OF_ERRORS = (*CRITERIA, "Sub", "Rsub", "Pow", "Abs", "Neg", "Log", "Mul", "Div")
"""The same of those that make an error of them, whose slope is none of a differential equation."""
ADDING = ("AddBackward", "SubBackward", "RsubBackward")
"""The same of those whose operands may be terms."""
NODES = 64
"""Operations from the loss down that are looked at."""


class LostDerivatives:
    """Those of one step."""

    def __init__(self) -> None:
        self._shapes: set[tuple[int, ...]] = set()
        """Of what may be made of the derivatives so far; none where there are none."""
        self.are_in_loss = False
        """Whether a term of the loss has no graph, and may be made of them."""

    def taken(self, roots: Sequence[Tensor], inputs: Sequence[Tensor]) -> None:
        """Derivatives by data are about to be taken, without a graph of their own."""
        if any(_is_of_outputs(root) for root in roots):
            # Terms are added up to a loss, or entry by entry to what an equation says.
            self._shapes |= {(), *(tuple(one.shape) for one in inputs)}

    def pass_ended(self, roots: Sequence[Tensor]) -> None:
        """A backward pass from these losses has reached the model."""
        if self._shapes:
            found = (_has_constant_term(node_of(root), self._shapes) for root in roots)
            self.are_in_loss |= any(found)


def _is_of_outputs(root: Tensor) -> bool:
    node = node_of(root) if root.requires_grad else None
    while node is not None and node.name().startswith(GATHERING):
        node = next((one for one, _ in node.next_functions if one is not None), None)
    return node is not None and not node.name().startswith(OF_ERRORS)


def _has_constant_term(root: Node, shapes: set[tuple[int, ...]]) -> bool:
    """Whether something without a graph is added where the result has one of some shapes."""
    return any(
        node.name().startswith(ADDING)
        and output_shape(node) in shapes
        and any(one is None for one, _ in node.next_functions)
        for node in _from(root)
    )


def _from(root: Node) -> Iterator[Node]:
    """The first operations from one down, breadth first and once each."""
    waiting, seen = [root], {root}
    for _ in range(NODES):
        if not waiting:
            return
        node = waiting.pop(0)
        yield node
        below = [one for one, _ in node.next_functions if one is not None and one not in seen]
        waiting += below
        seen.update(below)
