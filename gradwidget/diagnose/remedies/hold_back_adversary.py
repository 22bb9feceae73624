"""A network that is trained against another one and wins too soon."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.diagnose.finding import Remedy
from gradwidget.wording import names as words


def hold_back_adversary(losing: Sequence[str]) -> Remedy:
    """Says what to change in the loop; only it knows which optimizer trains which network.

    Args:
        losing: layers of the network that gets no gradient.
    """
    return Remedy(
        title="Hold back the network that it is trained against",
        why=f"The gradient of {words(list(losing))} comes through a network that another optimizer "
        "trains, and is lost once that one is sure: a discriminator that wins. Look at how often "
        "each of them steps and at which rate: give that one fewer steps or a tenth of its rate, "
        "smooth its labels (0.9 for true), and train the generator by -log D(G(z)), not by "
        "log(1 - D(G(z))).",
        code="",
    )
