"""Loss scaling, which keeps small gradients within the range of fp16."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def loss_scaling() -> Remedy:
    """Scales the loss up for the backward pass, and the gradients down again."""
    return Remedy(
        title="Scale the loss",
        why="Multiplied by 65,536, gradients stay well above 6e-08, where fp16 ends; the scaler "
        "divides them again.",
        code="""\
device = next(model.parameters()).device.type
scaler = torch.amp.GradScaler(device)
# In the loop, instead of loss.backward() and optimizer.step():
#     scaler.scale(loss).backward()
#     scaler.step(optimizer)
#     scaler.update()
""",
    )
