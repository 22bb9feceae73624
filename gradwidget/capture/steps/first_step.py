"""What a monitor waits for before its first step is over."""

from __future__ import annotations

from collections.abc import Sequence

from gradwidget.frame import Layer

FROZEN = "none of the parameters watched requires a gradient, so nothing of them is trained"
NO_GRADIENTS = "the model has run only without gradients (as under torch.no_grad)"
NO_BACKWARD = "forward passes seen, but no backward pass yet"
CUT_OFF = "is the loss computed from its output, without detach()?"
ANOTHER = "was it copied, replaced or wrapped? Pass the module that the loop trains"


class FirstStep:
    """Notes what there was of a loop that has not come as far as the end of a step.

    Args:
        is_optimizer_given: whether one optimizer alone is listened to.

    Example:
        >>> first = FirstStep(is_optimizer_given=False)
        >>> first.ran(is_training=True)
        >>> first.awaits((), passes=0)
        'forward passes seen, but no backward pass yet'
    """

    def __init__(self, *, is_optimizer_given: bool) -> None:
        self.has_run = False
        """Whether a layer has run for training."""
        self.has_run_without_gradients = False
        """Whether one has run without."""
        self.passes_elsewhere = 0
        """Backward passes that changed no gradient of the model."""
        self.steps_elsewhere = 0
        """Steps of optimizers that hold none of its parameters, or are not the one given."""
        self._is_optimizer_given = is_optimizer_given

    def ran(self, *, is_training: bool) -> None:
        """A layer has run."""
        self.has_run |= is_training
        self.has_run_without_gradients |= not is_training

    def awaits(self, layers: Sequence[Layer], passes: int) -> str:
        """What was seen, and what is missing for a step, in words.

        Args:
            layers: the layers watched.
            passes: backward passes that have reached the model.

        Returns:
            A clause without a full stop; empty where nothing was seen.
        """
        if passes:
            return f"{_passes(passes)} seen, {self._missing_step()}"
        if layers and not any(layer.trainable for layer in layers):
            return FROZEN
        asked = CUT_OFF if self.has_run else ANOTHER
        if self.passes_elsewhere:
            count = self.passes_elsewhere
            reached = "which has" if count == 1 else "none of which has"
            not_reached = (
                f"{reached} {'not ' if count == 1 else ''}reached a parameter of this model"
            )
            return f"{_passes(count)} seen, {not_reached}: {asked}"
        if self.steps_elsewhere and not self.has_run:
            return f"an optimizer has stepped, but no parameter of this model: {asked}"
        if self.has_run:
            return NO_BACKWARD
        return NO_GRADIENTS if self.has_run_without_gradients else ""

    def _missing_step(self) -> str:
        if not self.steps_elsewhere:
            return "no optimizer step yet: gradwidget waits for optimizer.step()"
        if self._is_optimizer_given:
            return "but the optimizer given to gradwidget has not stepped, only another one"
        return "but the optimizer that has stepped holds none of this model's parameters"


def _passes(count: int) -> str:
    return f"{count:,} backward pass{'' if count == 1 else 'es'}"
