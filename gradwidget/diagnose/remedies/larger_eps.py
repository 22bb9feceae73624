"""A larger eps for an adaptive optimizer on half-precision weights."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def larger_eps() -> Remedy:
    """Raises eps to a number that half precision can represent."""
    return Remedy(
        title="Raise the optimizer's eps",
        why="An eps of 1e-8 is 0 in fp16: where the squared gradient is 0 as well, the update is "
        "0 / 0.",
        code="""\
for group in optimizer.param_groups:
    if "eps" in group:
        group["eps"] = max(group["eps"], 1e-4)
""",
    )
