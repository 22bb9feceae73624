"""Learning rates that are multiplied for the length of each step, and never seen outside of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from gradwidget.action import ScaleLr
from gradwidget.capture.torch_private import version


@dataclass(slots=True)
class _Scaled:
    """One parameter group whose rate is scaled at the moment."""

    group: dict[str, Any]
    own: Any
    """The rate that the loop has set: a number or a tensor."""
    scaled: Any
    """What stands in its place."""
    version: int
    """Of ``scaled``, where it is a tensor: schedulers fill those in place."""
    is_set: bool = False
    """Whether it has got there."""


class ScaledRates:
    """Every factor in force, applied to the rates when a step begins and removed when it is left.

    What sets the rates between two steps sees and changes its own values. Of a wrapper and the
    optimizer inside it only one is scaled.

    Args:
        inside: gives the optimizers that step within a step of the given one.
        note: told, in a sentence, why a factor has no effect.
    """

    def __init__(
        self, inside: Callable[[Optimizer], Sequence[Optimizer]], note: Callable[[str], None]
    ) -> None:
        self._inside = inside
        self._note = note
        self.actions: list[ScaleLr] = []
        """The factors in force."""
        self._scaled: dict[int, list[_Scaled]] = {}

    def add(self, action: ScaleLr) -> None:
        """Puts a factor in force, from the next step on."""
        self.actions.append(action)

    def remove(self, action: ScaleLr) -> None:
        """Takes it back, at once."""
        # By identity: the same factor may be in force twice.
        self.actions = [known for known in self.actions if known is not action]
        self.restore()

    def clear(self) -> None:
        """Takes all of them back, at once."""
        self.actions = []
        self.restore()

    def enter(self, optimizer: Optimizer) -> None:
        """Scales the rates of an optimizer whose own code is about to run."""
        self.leave(optimizer)
        covered = self._stepped_inside(optimizer)
        scaled = self._scaled.setdefault(id(optimizer), [])
        for number, group in enumerate(optimizer.param_groups):
            one = self._scaled_now(number, group)
            if one is None or (covered and covered >= {id(each) for each in group["params"]}):
                continue
            # Noted first: an interrupt between the two lines must find what is to be restored.
            scaled.append(one)
            group["lr"] = one.scaled
            one.is_set = True

    def leave(self, optimizer: Optimizer) -> None:
        """Gives an optimizer its own rates again; calling twice does nothing."""
        scaled = self._scaled.get(id(optimizer))
        while scaled:
            if not _restored(scaled[-1]):
                self._note(
                    f"{type(optimizer).__name__} sets its learning rate itself inside step(), "
                    "so scaling it has no effect"
                )
            scaled.pop()
        self._scaled.pop(id(optimizer), None)

    def restore(self) -> None:
        """Gives all optimizers their own rates again."""
        while self._scaled:
            key = next(iter(self._scaled))
            while self._scaled[key]:
                _restored(self._scaled[key][-1])
                self._scaled[key].pop()
            del self._scaled[key]

    def _scaled_now(self, number: int, group: dict[str, Any]) -> _Scaled | None:
        """The rate of a group with and without the factors; None where it is to be left alone."""
        own = group.get("lr")
        factors = [one.factor for one in self.actions if one.group in (None, number)]
        if own is None or not factors:
            return None
        # The wrapper around this optimizer may share its groups, and has scaled them.
        if any(one.group is group for ones in self._scaled.values() for one in ones):
            return None
        scaled = own
        for factor in factors:
            scaled = scaled * factor
        return _Scaled(group, own, scaled, version(scaled) if isinstance(scaled, Tensor) else 0)

    def _stepped_inside(self, optimizer: Optimizer) -> set[int]:
        """Parameters that optimizers of their own step, in groups of their own."""
        shared = {id(group) for group in optimizer.param_groups}
        return {
            id(parameter)
            for inner in self._inside(optimizer)
            for group in inner.param_groups
            if id(group) not in shared
            for parameter in group["params"]
        }


def _restored(one: _Scaled) -> bool:
    """Puts a group's own rate back; False where something else has set another meanwhile."""
    rate = one.group.get("lr")
    if rate is not one.scaled:
        return not one.is_set
    is_untouched = not isinstance(rate, Tensor) or version(rate) == one.version
    if not is_untouched:
        one.own.copy_(rate)
    one.is_set = False  # first: an interrupt behind the next line must find that it is done
    one.group["lr"] = one.own
    return is_untouched
