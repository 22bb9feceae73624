"""Drop out a smaller share of the units."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def drop_less(dropped: float) -> Remedy:
    """Sets every dropout above one half to a tenth.

    Args:
        dropped: the largest share that is dropped.
    """
    return Remedy(
        title="Drop out 0.1 of the units",
        why=f"nn.Dropout is given the share that it drops, here {dropped:g}, not the share that it "
        "keeps. What it keeps is scaled up, so the loss jumps with the draw.",
        code="for module in model.modules():\n"
        '    if "Dropout" in type(module).__name__ and module.p > 0.5:\n'
        "        module.p = 0.1",
    )
