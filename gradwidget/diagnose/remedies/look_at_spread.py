"""Look where in the network all inputs become alike, in which layers have ways around them."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import listing, modules_of
from gradwidget.frame import ROOT, Layer


def look_at_spread(layers: Sequence[Layer]) -> Remedy:
    """Its code prints how much differs from sample to sample, layer after layer."""
    names = [layer.name for layer in modules_of(layers) if layer.name != ROOT]
    return Remedy(
        title="Look where the inputs become alike",
        why="The layers have ways around them, past which what differs gets through: look in "
        "forward() for what lets through only what all samples share, as a mask that is turned "
        "around (True in key_padding_mask means left out), the one position that is read from a "
        "sequence, or a mean over the samples. The code changes nothing; in the next step it "
        "prints how much of what each layer is given and gives differs from sample to sample.",
        code=f"""\
handles = {{}}


def show(what, value):
    parts = value if isinstance(value, (tuple, list)) else [value]
    for part in [part for part in parts if torch.is_tensor(part) and part.is_floating_point()][:1]:
        part = part.detach().float()
        differs = (part - part.mean(0)).norm() / part.norm().clamp(min=1e-30)
        print(f"{{what}} {{tuple(part.shape)}}: {{differs:.1%}} of it differs")
    handles.pop(what).remove()


def watch(name):
    gets, gives = f"{{name}} gets", f"{{name}} gives"
    module = model.get_submodule(name)
    handles[gets] = module.register_forward_pre_hook(lambda _, args: show(gets, args))
    handles[gives] = module.register_forward_hook(lambda _, args, output: show(gives, output))


for name in {listing(names)}:
    watch(name)
""",
    )
