"""Keep small gradients inside half precision."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def loss_scaling() -> Remedy:
    """Scale the loss up for the backward pass, and the gradient down again."""
    return Remedy(
        title="Scale the loss",
        why="Multiplied by 65,536, gradients are out of reach of fp16's end at 6e-08; the scaler divides them again.",
        code="""\
device = next(model.parameters()).device.type
scaler = torch.amp.GradScaler(device)
# In the loop, in place of loss.backward() and optimizer.step():
#     scaler.scale(loss).backward()
#     scaler.step(optimizer)
#     scaler.update()
""",
    )


def bfloat16() -> Remedy:
    """bfloat16 in place of fp16."""
    return Remedy(
        title="Use bfloat16",
        why="It has the range of fp32: nothing underflows, and no scaler is needed.",
        code="""\
if next(model.parameters()).dtype is torch.float16:
    model.to(torch.bfloat16)
# Under autocast, in the loop:
#     with torch.autocast(device_type, dtype=torch.bfloat16): ...
""",
    )
