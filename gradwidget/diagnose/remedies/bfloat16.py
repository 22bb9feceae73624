"""bfloat16 instead of fp16."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def bfloat16(why: str) -> Remedy:
    """Has the model run in bfloat16, whether its weights are fp16 or autocast makes them so."""
    return Remedy(
        title="Use bfloat16",
        why=why,
        code="""\
if next(model.parameters()).dtype is torch.float16:
    model.to(torch.bfloat16)
    optimizer.state.clear()  # what it has gathered is in fp16
else:
    # In the loop: torch.autocast(device_type, dtype=torch.bfloat16). The same without changing it:
    run = model.forward

    def forward(*args, **kwargs):
        device_type = next(model.parameters()).device.type
        with torch.autocast(device_type, dtype=torch.bfloat16):
            return run(*args, **kwargs)

    model.forward = forward
""",
    )
