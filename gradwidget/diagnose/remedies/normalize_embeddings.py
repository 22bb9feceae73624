"""Embeddings of one length, which cannot shrink to a point."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def normalize_embeddings() -> Remedy:
    """Says what to write; only the code of the loss has it."""
    return Remedy(
        title="Normalize the embeddings",
        why="Look at what the distances are taken of: small embeddings have small distances, "
        "whatever the inputs. With torch.nn.functional.normalize(embeddings, dim=1) their length "
        "plays no part.",
        code="",
    )
