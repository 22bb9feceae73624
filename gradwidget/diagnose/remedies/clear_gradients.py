"""Clear the gradients after each step."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def clear_gradients() -> Remedy:
    """Clears the gradients once the optimizer has used them."""
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
