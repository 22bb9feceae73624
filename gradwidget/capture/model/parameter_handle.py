"""Finds a parameter again without holding it."""

from __future__ import annotations

from weakref import ref

from torch import Tensor, nn


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

    __slots__ = ("_id", "_module", "_name")

    def __init__(self, module: nn.Module, name: str) -> None:
        self._module = ref(module)
        self._name = name
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
        return found if id(found) == self._id else None

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
