"""What older versions of PyTorch do not have: tests that ask for it say so."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_node = torch.ones(1, requires_grad=True).exp().grad_fn

reads_saved_tensors = pytest.mark.skipif(
    not hasattr(getattr(_node, "_raw_saved_result", None), "unpack_hook"),
    reason="PyTorch before 2.9 does not tell which saved tensors a hook would have to bring back",
)
"""For what is read from tensors that operations have saved: there, none is."""


has_muon = pytest.mark.skipif(
    not hasattr(torch.optim, "Muon"), reason="PyTorch before 2.9 has no Muon"
)


class _Kind(Tensor):
    """A class of tensors."""


class _Passing(TorchDispatchMode):
    """Changes nothing."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def _mode_takes_classes() -> bool:
    try:
        with _Passing():  # type: ignore[no-untyped-call]  # torch leaves it untyped
            torch.ones(1).as_subclass(_Kind) * 2
    except RuntimeError:
        return False
    return True


operations_of_classes = pytest.mark.skipif(
    not _mode_takes_classes(),
    reason="PyTorch 2.4 makes no tensor of a class below a mode that sees its operations",
)
"""For a model with such tensors whose operations a mode sees: there it fails by itself."""


def plateau_keeps_tensors() -> bool:
    """Whether ``ReduceLROnPlateau`` fills a rate that is a tensor, in the place of putting a number
    there, as it does before 2.5."""
    weight = torch.ones(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=torch.tensor(0.1))
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    for _ in range(3):
        schedule.step(1.0)
    return isinstance(optimizer.param_groups[0]["lr"], torch.Tensor)
