"""Weights in fp32."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def fp32_weights() -> Remedy:
    """Keeps the weights in fp32, with inputs to match."""
    return Remedy(
        title="Keep the weights in fp32",
        why="fp32 has 24 significant bits where bfloat16 has 8 and fp16 has 11: small updates then "
        "add up. For speed, use torch.autocast instead of half-precision weights.",
        code="""\
def widen(module, inputs):
    return tuple(
        x.float() if isinstance(x, torch.Tensor) and x.is_floating_point() else x for x in inputs
    )

model.float()
optimizer.state.clear()  # what it has gathered is in half precision
handle = model.register_forward_pre_hook(widen)
""",
    )
