"""Whether targets lie outside of what the outputs can be, without a look at the targets."""

from __future__ import annotations

from typing import NamedTuple

from gradwidget.diagnose.evidence.window import Window

LOW = {"sigmoid": 0, "softmax": 0, "tanh": -1}
"""Lower bound of each function whose upper one is 1."""


ROUNDED = 1.01
"""An error that is larger than the largest by no more than this may be rounded."""


class OutOfReach(NamedTuple):
    """Outputs with bounds whose error is larger than the bounds are apart."""

    function: str
    low: int
    is_squared: bool
    """Whether the loss is the mean of squared errors, and not of absolute ones."""

    @property
    def bounds(self) -> str:
        """What the function gives, in words."""
        return f"{'−' if self.low < 0 else ''}{abs(self.low)} … 1"

    @property
    def most(self) -> int:
        """The largest error of outputs and targets within the bounds."""
        apart = 1 - self.low
        return apart**2 if self.is_squared else apart


def out_of_reach(window: Window) -> OutOfReach | None:
    """What is out of reach; None where that is not proved.

    Were all targets within the bounds, no entry's error could be larger than their distance, and
    so neither could the mean.
    """
    loss, function = window.wiring.obstacles.get("bounded", ("", ""))
    if function not in LOW:
        return None
    found = OutOfReach(function, LOW[function], loss == "mse_loss")
    return found if window.loss > ROUNDED * found.most else None
