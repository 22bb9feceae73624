"""Finds a parameter again without holding it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from weakref import ReferenceType, ref

from torch import Tensor, nn

from gradwidget.capture.torch_private import gathered_parameters, unreduced_gradient


class ParameterHandle:
    """Finds a parameter by its module, which is held weakly, and its name there.

    A weak reference to the parameter itself would forbid ``torch.utils.swap_tensors``, by which
    torch can convert a module to another type or device.

    Args:
        module: the module that has it.
        name: its name there.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> handle = ParameterHandle(layer, "weight")
        >>> handle() is layer.weight
        True
    """

    __slots__ = ("_id", "_module", "_name", "gathered")

    def __init__(self, module: nn.Module, name: str) -> None:
        self._module = ref(module)
        self._name = name
        self.gathered: ReferenceType[Any] | None = None
        """What ``fully_shard`` keeps of it; None where it is not sharded so."""
        self._id = id(self._found())

    def __call__(self) -> nn.Parameter | None:
        """The parameter; None where it no longer exists or has been replaced."""
        # Written out, since it is called for every parameter of a sampled step.
        module = self._module()
        if module is None:
            return None
        try:
            found = module._parameters[self._name]  # noqa: SLF001  # see below
        except (KeyError, RuntimeError):
            return None
        if id(found) == self._id:
            return found
        # From forward to backward FSDP2 has the whole parameter there, in the place of its part.
        kept = None if self.gathered is None else self.gathered()
        part: nn.Parameter | None = None if kept is None else kept.sharded_param
        return part if id(part) == self._id else None

    @property
    def place(self) -> tuple[int, str]:
        """The ``id`` of the module that has it, and its name there."""
        return id(self._module()), self._name

    def unreduced(self) -> Tensor | None:
        """The gradient that passes have added up in this process and not yet spread over all."""
        kept = None if self.gathered is None else self.gathered()
        return None if kept is None else unreduced_gradient(kept)

    @property
    def is_hidden(self) -> bool:
        """Whether a plain tensor is in its place for now (``torch.func.functional_call``)."""
        return type(self._found()) is Tensor

    def _found(self) -> Tensor | None:
        module = self._module()
        if module is None:
            return None
        try:
            # By item: what scripted modules have here is no dict.
            return module._parameters[self._name]  # noqa: SLF001  # getattr takes several times as long
        except (KeyError, RuntimeError):
            return None


def note_gathered(handles: Sequence[ParameterHandle], modules: Iterable[nn.Module]) -> None:
    """Has handles of parameters that ``fully_shard`` has divided know what it keeps of them.

    Args:
        handles: of all parameters.
        modules: of the model.
    """
    kept = gathered_parameters(modules)
    for handle in handles if kept else ():
        one = kept.get(handle.place)
        handle.gathered = None if one is None else ref(one)
