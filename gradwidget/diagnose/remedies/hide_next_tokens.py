"""Hide from each position of an attention what comes after it."""

from __future__ import annotations

from gradwidget.diagnose.evidence.window import Window
from gradwidget.diagnose.finding import Remedy

IN_MODULE = (
    "mask=nn.Transformer.generate_square_subsequent_mask(T, device=x.device), is_causal=True"
)
"""How a stack of torch's own layers is given the mask."""


def hide_next_tokens(window: Window) -> Remedy:
    """Says how for the kind of attention that it is; only a change of ``forward`` can do it."""
    operation, layer, length, _ = window.wiring.obstacles["sees targets"]
    kind = next((one.kind for one in window.layers if one.name == layer), "")
    if kind == "MultiheadAttention":
        how = (
            f"Look where {layer} is called. A TransformerEncoder is given {IN_MODULE}, with T = "
            f"x.size(1), here {length}; a MultiheadAttention the same mask as attn_mask, also with "
            "is_causal=True."
        )
    elif operation == "scaled_dot_product_attention":
        how = (
            "Look for scaled_dot_product_attention(q, k, v) and give it is_causal=True. With a "
            "mask of its own for padding, hide what comes later in that mask: mask & torch.ones("
            "T, T, dtype=torch.bool, device=q.device).tril()."
        )
    else:
        how = (
            "Look for the softmax of the scores. Right before it: scores = scores.masked_fill("
            "torch.ones(T, T, dtype=torch.bool, device=scores.device).triu(1), float('-inf'))."
        )
    return Remedy(
        title="Give the attention a causal mask",
        why=f"{how} The loss will then be higher, and the one that the model really has. Train it "
        "again from the start: what was learned is to copy the next token.",
        code="",
    )
