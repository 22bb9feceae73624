"""ReLU in the place of squashing modules of a model in training, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from weakref import ref

from torch import nn
from torch.optim import Optimizer

from gradwidget.action import UseRelu
from gradwidget.capture.intervene.reinitialize import reinitialize


def use_relu(
    model: nn.Module, action: UseRelu, optimizers: Sequence[Optimizer]
) -> Callable[[], None]:
    """Replaces the modules and draws the weights before them.

    Args:
        model: the model.
        action: what is replaced, and what is drawn.
        optimizers: those that train it.

    Returns:
        A function that puts the modules back, and the values and the optimizer state of this
        moment. What has been replaced by others since is left as it is.

    Raises:
        ValueError: there is no such module, or the weights cannot be drawn. Nothing has been
            changed then.
    """
    # One module may stand in several places.
    modules = list(model.named_modules(remove_duplicate=False))
    names = [name for name, _ in modules]
    if action.before not in names:
        message = f"the model has no layer {action.before!r} any more"
        raise ValueError(message)
    kind = getattr(nn, action.kind)
    places = [
        (name.rpartition(".")[::2], old)
        for name, old in modules[: names.index(action.before)]
        if name and isinstance(old, kind)
    ]
    if not places:
        message = f"no module of the model is a {action.kind}: forward() calls it itself"
        raise ValueError(message)
    put_weights_back = reinitialize(model, action.layers, optimizers)
    replaced = []
    for (path, child), old in places:
        parent, new = model.get_submodule(path), nn.ReLU()
        # Weakly: a change that can be taken back must not keep a model alive.
        replaced.append((ref(parent), child, old, new))
        setattr(parent, child, new.train(old.training))

    def put_back() -> None:
        put_weights_back()
        for known, child, old, new in replaced:
            parent = known()
            if parent is not None and getattr(parent, child, None) is new:
                setattr(parent, child, old)

    return put_back
