"""Give the loss the output from before the softmax or sigmoid."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy


def remove_softmax() -> Remedy:
    """Takes the last softmax or sigmoid module out of the model."""
    return Remedy(
        title="Remove the last softmax or sigmoid",
        why="CrossEntropyLoss and BCEWithLogitsLoss expect logits and apply it themselves; "
        "for predictions, apply it outside of the model.",
        code="""\
kinds = (torch.nn.Softmax, torch.nn.Sigmoid)
found = [name for name, part in model.named_modules() if name and isinstance(part, kinds)]
for name in found[-1:]:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, torch.nn.Identity())
# Where forward() calls softmax or sigmoid itself, remove that call.
""",
    )
