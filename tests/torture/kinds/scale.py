"""Very many of something: the time that it takes grows no faster than their number."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from tests.torture.extra import Extra, extra
from tests.torture.models import dense


class Many(Extra):
    """Alone, and without figures: they are compared elsewhere."""

    alone: ClassVar[bool] = True
    has_figures: ClassVar[bool] = False
    spends_memory: ClassVar[bool] = True
    steps: ClassVar[int] = 4
    usual: ClassVar[dict[str, str]] = {"model": "mlp", "loop": "plain", "optimizer": "sgd"}
    watches: ClassVar[tuple[str, ...]] = ("default",)

    def body(self) -> nn.Module:
        """What the model is made of."""
        raise NotImplementedError

    def rebuild(self, model: nn.Module) -> nn.Module:
        self.run.source.body = self.body()
        return model


@extra
class Deep(Many):
    """A thousand layers, one behind the other."""

    def body(self) -> nn.Module:
        return dense(999, 5)


@extra
class DeepAndSaturated(Many):
    """The same with activation functions that are called as functions."""

    def body(self) -> nn.Module:
        class Chain(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.parts = nn.ModuleList(nn.Linear(5, 5) for _ in range(600))

            def forward(self, x: Tensor) -> Tensor:
                for part in self.parts:
                    x = torch.tanh(part(x))
                return x

        return Chain()


@extra
class Shuffled(Many):
    """Three hundred layers that run in another order each time, not all of them."""

    def body(self) -> nn.Module:
        class Shuffling(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.parts = nn.ModuleList(nn.Linear(5, 5) for _ in range(300))

            def forward(self, x: Tensor) -> Tensor:
                for number in torch.randperm(len(self.parts))[:200].tolist():
                    x = x + self.parts[number](x)
                return x

        return Shuffling()

    steps: ClassVar[int] = 12


@extra
class ManyCalls(Many):
    """One layer that is called two thousand times."""

    def body(self) -> nn.Module:
        class Repeated(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.part = nn.Linear(5, 5)

            def forward(self, x: Tensor) -> Tensor:
                for _ in range(2000):
                    x = x + 0.001 * self.part(x)
                return x

        return Repeated()


@extra
class LongSequence(Many):
    """A recurrent layer over a thousand time steps."""

    def body(self) -> nn.Module:
        class Sequence(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.part = nn.LSTM(5, 5, batch_first=True)

            def forward(self, x: Tensor) -> Any:
                return self.part(x[:, None].expand(-1, 1000, -1))[0]

        return Sequence()


@extra
class ManyParameters(Many):
    """A layer with a thousand parameters."""

    def body(self) -> nn.Module:
        class Listed(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.parts = nn.ParameterList(torch.ones(5) for _ in range(1000))

            def forward(self, x: Tensor) -> Tensor:
                return x * sum(self.parts)

        return Listed()


@extra
class ManyModules(Many):
    """Three thousand modules that own nothing."""

    def body(self) -> nn.Module:
        return nn.Sequential(nn.Linear(5, 5), *(nn.Identity() for _ in range(3000)))
