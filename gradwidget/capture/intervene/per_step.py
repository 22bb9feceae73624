"""What can be done to the gradients of every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary, ref

import torch
from torch import Tensor
from torch.optim import Optimizer

from gradwidget.capture.model.unreadable import plain

EPSILON = 1e-6
"""Added to the norm that is divided by, as ``clip_grad_norm_`` does."""


class Clipping:
    """Scales the gradients of a step to a total norm of at most ``max_norm`` (arXiv 1211.5063).

    Args:
        max_norm: the bound.
        together: gives the optimizers that step after one on gradients of the same backward pass;
            the norm is that over the gradients of all of them.
    """

    doing = "clipping the gradient"

    def __init__(
        self, max_norm: float, together: Callable[[Optimizer], Sequence[Optimizer]]
    ) -> None:
        self._max_norm = max_norm
        self._together = together
        self._clipped_with: WeakKeyDictionary[Optimizer, ref[Optimizer]] = WeakKeyDictionary()

    def before_step(self, optimizer: Optimizer) -> None:
        """Clips in place, as ``clip_grad_norm_`` in the loop would; gradients stay clipped."""
        together = self._together(optimizer)
        earlier = self._clipped_with.pop(optimizer, lambda: None)()
        if earlier is not None and optimizer in self._together(earlier):
            return
        self._clipped_with |= {other: ref(optimizer) for other in together}
        # A fused optimizer under a gradient scaler gets scaled gradients and divides them itself:
        # so does the bound.
        scale = getattr(optimizer, "grad_scale", None)
        bound = self._max_norm if scale is None else self._max_norm * float(scale)
        trained = _trained(optimizer, *together)
        if any(_gradient(parameter).is_sparse for parameter in trained):
            _clip_sparse([_gradient(parameter) for parameter in trained], bound)
        else:
            torch.nn.utils.clip_grad_norm_(trained, bound)


class Skipping:
    """Leaves out a step with a NaN or an infinity in its gradients: hides them, so nothing changes.

    Reads one number per step from the device, which waits for it.
    """

    doing = "skipping steps that are not finite"

    def __init__(self) -> None:
        self._hidden: dict[int, list[tuple[Tensor, Tensor]]] = {}

    def leaves_out(self, optimizer: Optimizer) -> bool:
        """Whether the step that is about to begin would do harm."""
        return not _all_finite([_gradient(parameter) for parameter in _trained(optimizer)])

    def withhold(self, optimizer: Optimizer) -> None:
        """Takes the gradients away."""
        hidden = self._hidden.setdefault(id(optimizer), [])
        for parameter in _trained(optimizer):
            hidden.append((parameter, _gradient(parameter)))
            parameter.grad = None

    def put_back(self, optimizer: Optimizer) -> None:
        """Gives them back to the loop; calling twice does nothing."""
        hidden = self._hidden.get(id(optimizer))
        while hidden:
            parameter, gradient = hidden[-1]
            if parameter.grad is None:
                parameter.grad = gradient
            hidden.pop()
        self._hidden.pop(id(optimizer), None)


def _trained(*optimizers: Optimizer) -> list[Tensor]:
    """Parameters that have a gradient, each once."""
    trained = {
        id(parameter): parameter
        for optimizer in optimizers
        for group in optimizer.param_groups
        for parameter in group["params"]
        if parameter.grad is not None
    }
    return list(trained.values())


def _gradient(parameter: Tensor) -> Tensor:
    gradient = parameter.grad
    if gradient is None:
        message = "a parameter without a gradient has been taken for one with"
        raise RuntimeError(message)
    return gradient


def _clip_sparse(gradients: list[Tensor], bound: float) -> None:
    """What ``clip_grad_norm_`` does, which refuses sparse gradients."""
    norms = [torch.linalg.vector_norm(plain(gradient)) for gradient in gradients]
    total = torch.linalg.vector_norm(torch.stack([norm.to(norms[0].device) for norm in norms]))
    share = torch.clamp(bound / (total + EPSILON), max=1.0)
    for gradient in gradients:
        # Several entries may stand for one place: scaling each of them scales their sum.
        entries = gradient._values() if gradient.is_sparse else gradient  # noqa: SLF001  # `values` is for coalesced ones
        entries.detach().mul_(share.to(entries.device))


def _all_finite(gradients: list[Tensor]) -> bool:
    peaks = [plain(gradient).abs().amax().float() for gradient in gradients if gradient.numel()]
    if not peaks:
        return True
    return bool(torch.stack([peak.to(peaks[0].device) for peak in peaks]).isfinite().all())
