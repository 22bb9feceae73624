"""bfloat16 instead of fp16."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def bfloat16() -> Remedy:
    """Converts an fp16 model to bfloat16."""
    return Remedy(
        title="Use bfloat16",
        why="It has the range of fp32: nothing underflows, and no gradient scaler is needed.",
        code="""\
if next(model.parameters()).dtype is torch.float16:
    model.to(torch.bfloat16)
# Under autocast, in the loop:
#     with torch.autocast(device_type, dtype=torch.bfloat16): ...
""",
    )
