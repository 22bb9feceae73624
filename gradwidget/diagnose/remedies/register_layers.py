"""Make the layers in Python lists and dictionaries part of the model."""

from __future__ import annotations

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import give_to_optimizer


def register_layers() -> Remedy:
    """Turns lists of modules into ``ModuleList`` and gives their parameters to the optimizer."""
    return Remedy(
        title="Register the layers",
        why="Only modules that are attributes, or in a ModuleList, ModuleDict or Sequential, are "
        "found by parameters(), to(), state_dict() and the optimizer.",
        code="""\
# In __init__, write torch.nn.ModuleList([...]) where it says [...]. The same for this model:
for module in list(model.modules()):
    for name, value in list(vars(module).items()):
        parts = list(value.values()) if isinstance(value, dict) else value
        if name.startswith("_") or not isinstance(parts, (list, tuple)) or not parts:
            continue
        if all(isinstance(part, torch.nn.Module) for part in parts):
            delattr(module, name)
            kind = torch.nn.ModuleDict if isinstance(value, dict) else torch.nn.ModuleList
            setattr(module, name, kind(value))
known = {id(p) for group in optimizer.param_groups for p in group["params"]}
missing = [p for p in model.parameters() if p.requires_grad and id(p) not in known]
if missing:
"""
        f"    {give_to_optimizer('missing')}\n",
    )
