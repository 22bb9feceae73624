"""The usual eps of an adaptive optimizer, where its own is larger than the gradients."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import shown

USUAL = 1e-8
"""The default of torch's optimizers of the Adam family."""


def lower_eps(eps: float) -> Remedy:
    """Sets eps to the usual one.

    Args:
        eps: the present one.
    """
    return Remedy(
        title=f"Lower the optimizer's eps to {USUAL:g}",
        why="It is added to the size of the gradients that a step is divided by, only to keep that "
        f"from being 0: with {shown(eps)}, which is more than they are, steps are as small as the "
        "gradients.",
        code=f"""\
for group in optimizer.param_groups:
    group["eps"] = {USUAL:g}
""",
    )
