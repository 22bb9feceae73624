"""Let outputs reach their targets."""

from __future__ import annotations

from gradwidget.diagnose.evidence.residual import out_of_reach
from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy


def reach_targets(window: Window) -> Remedy | None:
    """Takes the last function with bounds out of the model; None where nothing is out of reach."""
    out = out_of_reach(window)
    if out is None:
        return None
    return Remedy(
        title=f"Remove the {out.function} from the outputs",
        why="A regression ends in a linear layer, which can give any number. To keep the "
        f"{out.function}, scale the targets into {out.bounds}, and predictions back.",
        code=f"""\
kind = torch.nn.{out.function.capitalize()}
found = [name for name, part in model.named_modules() if name and isinstance(part, kind)]
for name in found[-1:]:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, torch.nn.Identity())
# Where forward() calls {out.function} itself, remove that call.
""",
    )
