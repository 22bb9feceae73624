"""Look at the mask that decides which positions count."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.frame import Layer
from gradwidget.wording import names


def check_mask(layers: Sequence[Layer]) -> Remedy:
    """Says where to look, where layers before an attention get no gradient at all.

    Args:
        layers: those that get none.
    """
    of_padding = (
        " An embedding gets none either where every token is its padding_idx."
        if any("Embedding" in layer.kind for layer in layers)
        else ""
    )
    those = names([layer.name for layer in layers])
    return Remedy(
        title="Look at the mask: it may leave out all that counts",
        why=f"What {those} gives reaches the loss through no position. The usual reason is a mask "
        "that is the wrong way round: True leaves a position out in key_padding_mask and attn_mask "
        "of torch's modules, and lets it take part in scaled_dot_product_attention and in the "
        "attention_mask of tokenizers; a mean over positions has to be one over those that count. "
        f"Look at mask.float().mean() beside the share of padding.{of_padding}",
        code="",
    )
