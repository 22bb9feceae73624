"""What some parameters of a model in training, and their optimizers, were at one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import ref

import torch
from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer


class Snapshot:
    """Values of some parameters and what optimizers remember of them, at one moment.

    Args:
        parameters: those whose values are about to change.
        optimizers: those that train the model.

    Example:
        >>> weight = nn.Parameter(torch.ones(1))
        >>> before = Snapshot([weight], [])
        >>> _ = weight.data.fill_(2.0)
        >>> before.put_back()
        >>> weight.item()
        1.0
    """

    def __init__(self, parameters: Sequence[nn.Parameter], optimizers: Sequence[Optimizer]) -> None:
        # Weakly: a change that can be taken back must not keep a model alive.
        self._values = [(ref(one), one.detach().clone()) for one in parameters]
        self._states: list[tuple[ref[Optimizer], ref[Tensor], dict[Any, Any] | None]] = []
        for optimizer in optimizers:
            # What LBFGS keeps with its first parameter is of all of them.
            keys = list(optimizer.state) if isinstance(optimizer, LBFGS) else parameters
            # Looked up before any is cleared: a wrapper may share the state of another.
            for key in keys:
                self._states.append((ref(optimizer), ref(key), optimizer.state.get(key)))

    @contextmanager
    def or_nothing(self, failure: str, *undo: Callable[[], object]) -> Iterator[None]:
        """Puts everything back where what is done in this context fails, an interrupt included.

        Args:
            failure: what could not be done, for the person who has asked for it.
            undo: what is to be called after that.

        Raises:
            ValueError: it failed; says why.
        """
        try:
            yield
        except BaseException as error:
            self.put_back()
            for restore in undo:
                restore()
            if not isinstance(error, Exception):
                raise
            message = f"{failure}: {error}"
            raise ValueError(message) from error

    def clear_states(self) -> None:
        """Has the optimizers forget the parameters."""
        for optimizer, parameter, _ in self._states:
            _set_state(optimizer(), parameter(), None)

    def put_back(self) -> None:
        """Puts back all of it; what no longer exists is passed over.

        Raises:
            ValueError: a parameter has changed its shape. Nothing has been changed then.
        """
        values = [(one, value) for known, value in self._values if (one := known()) is not None]
        if any(parameter.shape != value.shape for parameter, value in values):
            message = "a layer has changed its shape since, so its weights cannot be put back"
            raise ValueError(message)
        with torch.no_grad():
            for parameter, value in values:
                parameter.copy_(value)
        for optimizer, known, state in self._states:
            _set_state(optimizer(), known(), state)


def _set_state(
    optimizer: Optimizer | None, parameter: Tensor | None, state: dict[Any, Any] | None
) -> None:
    if optimizer is None or parameter is None:
        return
    if state is None:
        optimizer.state.pop(parameter, None)
    else:
        optimizer.state[parameter] = state
