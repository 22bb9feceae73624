"""Whether a model trains although it is set to evaluation."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

MODE_DEPENDENT = (_NormBase, nn.RNNBase, nn.MultiheadAttention, _DropoutNd)
"""All that may act otherwise in evaluation."""


@dataclass(slots=True)
class Modes:
    """The modules that act otherwise in evaluation, by their mode."""

    training: int = 0
    evaluating: int = 0
    """Of those in evaluation mode, the ones in parts that are trained."""

    is_root_training: bool = False
    """Whether the model itself is in training mode: what is not was then switched by itself."""

    most_dropped: float = 0.0
    """The largest share that any of those in training mode drops out."""

    on_purpose: int = 0
    """Those in frozen parts, whose statistics a loop means to keep."""

    @property
    def is_evaluation(self) -> bool | None:
        """Whether all are in evaluation mode, and not on purpose; None where there are none."""
        if not (self.training or self.evaluating or self.on_purpose):
            return None
        return bool(self.evaluating) and not self.training and not self.is_root_training


def modes_of(model: nn.Module) -> Modes:
    """The modes of all that drops out, and of norms that keep running statistics, in a model.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
        >>> modes_of(model.eval()).is_evaluation, modes_of(model.train()).is_evaluation
        (True, False)
    """
    found = Modes(is_root_training=model.training)
    _add(model, found, set())
    return found


def _add(module: nn.Module, modes: Modes, known: set[int]) -> bool | None:
    """Adds a module and all in it.

    Returns:
        Whether any of its parameters is trained; None where it has none.
    """
    known.add(id(module))
    before = modes.evaluating
    trained: bool | None = None
    # The public walks take several times as long.
    for one in module._parameters.values():  # noqa: SLF001  # see above
        if one is not None:
            trained = bool(trained) or one.requires_grad
    if isinstance(module, MODE_DEPENDENT) and _acts_otherwise(module):
        modes.training += module.training
        if module.training and isinstance(module, _DropoutNd):
            modes.most_dropped = max(modes.most_dropped, module.p)
        modes.evaluating += not module.training
    for child in module._modules.values():  # noqa: SLF001  # see above
        if child is not None and id(child) not in known:
            of_child = _add(child, modes, known)
            trained = of_child if trained is None else trained or bool(of_child)
    if trained is False:
        modes.on_purpose += modes.evaluating - before
        modes.evaluating = before
    return trained


def _acts_otherwise(module: nn.Module) -> bool:
    if isinstance(module, _NormBase):
        return module.running_mean is not None
    if isinstance(module, (nn.RNNBase, nn.MultiheadAttention)):
        share: object = module.dropout
        return isinstance(share, (int, float)) and share > 0
    return isinstance(module, _DropoutNd) and module.p > 0
