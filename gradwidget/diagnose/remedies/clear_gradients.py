"""Clear the gradients after each step."""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy

BY_CLOSURE = frozenset({"LBFGS"})
"""Optimizers of torch's that run a closure many times in a step, each with a backward pass."""


def clear_gradients(window: Window) -> Remedy:
    """Clears the gradients once the optimizer has used them, or before each run of a closure."""
    if not BY_CLOSURE.isdisjoint(window.wiring.optimizers):
        return Remedy(
            title="Clear the gradients in the closure",
            why="The optimizer runs the closure many times in a step, and backward() adds to what "
            "is there: without zero_grad() in it, each run gets the sum of all before.",
            code="""\
# In the closure, this is its first line: optimizer.zero_grad()
# The same without changing the loop (handle.remove() undoes it):
def clear(optimizer, args, kwargs):
    def cleared(closure):
        def run():
            optimizer.zero_grad()
            return closure()

        return run if callable(closure) else closure

    given = {name: cleared(one) for name, one in kwargs.items()}
    return (args[0], *(cleared(one) for one in args[1:])), given

handle = optimizer.register_step_pre_hook(clear)
""",
        )
    return Remedy(
        title="Clear the gradients after each step",
        why="backward() adds to what is there: without zero_grad() the optimizer follows the sum "
        "of all batches so far.",
        code="""\
# In the loop, this is one line: optimizer.zero_grad() before loss.backward().
# The same without changing the loop (handle.remove() undoes it):
def clear(optimizer, args, kwargs):
    optimizer.zero_grad()

handle = optimizer.register_step_post_hook(clear)
optimizer.zero_grad()
""",
    )
