"""Look where in the network all inputs become alike, in which layers have ways around them."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.diagnose.remedies.shared.layer_names import listing, modules_of
from gradwidget.diagnose.remedies.shared.printed_once import printed_once
from gradwidget.frame import ROOT, Layer


def look_at_spread(layers: Sequence[Layer]) -> Remedy:
    """Its code prints how much differs from sample to sample, layer after layer."""
    names = [layer.name for layer in modules_of(layers) if layer.name != ROOT]
    return Remedy(
        title="Look where the inputs become alike",
        why="The layers have skip connections, through which differences get past them: look in "
        "forward() for what passes on only what all samples share, such as an inverted mask (True "
        "in key_padding_mask means left out), a single position that is read from a sequence, or a "
        "mean over the samples. The code changes nothing; in the next step it prints how much of "
        "what each layer is given and gives differs from sample to sample.",
        code=printed_once(
            f"for name in {listing(names)}:\n    print_input(name)\n    print_output(name)\n",
            "differs = (part - part.mean(0)).norm() / part.norm().clamp(min=1e-30)",
            "{differs:.1%} of it differs",
        ),
    )
