"""One odd layer beside ordinary ones: the others are measured all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from tests.torture.extra import Extra, extra


class Beside(nn.Module):
    """A model with one more layer, which is given a summary of the model's output."""

    def __init__(self, body: nn.Module, odd: nn.Module) -> None:
        super().__init__()
        self.body, self.odd = body, odd

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output = self.body(*args, **kwargs)
        return [output, self.odd(summary(output))]


def summary(output: Any) -> Tensor:
    """A matrix [2, 3] of the first tensor in a model's output."""
    while not isinstance(output, Tensor):
        output = next(iter(output.values() if isinstance(output, dict) else output))
    return output.float().mean().expand(2, 3) * torch.arange(6.0).reshape(2, 3)


class Odd(Extra):
    """Adds an odd layer."""

    def layer(self) -> nn.Module:
        """The layer: from [2, 3] to anything."""
        raise NotImplementedError

    def rebuild(self, model: nn.Module) -> nn.Module:
        return Beside(model, self.layer())


class Computes(nn.Module):
    """A layer with a weight [3, 3] that returns what a function makes of input and weight."""

    def __init__(self, function: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(3) / 2)
        self._function = function

    def forward(self, x: Tensor) -> Any:
        return self._function(x, self.weight)


@extra
class ScalarOutput(Odd):
    """A layer that returns a single number, as a learnable weight of a loss does."""

    def layer(self) -> nn.Module:
        return Computes(lambda x, weight: (x @ weight).square().mean())


class Temperature(nn.Module):
    """A model that returns its loss and has a parameter of its own, as CLIP does."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.logit_scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        return (summary(self.body(*args, **kwargs)) * self.logit_scale.exp()).square().mean()


@extra
class RootScalar(Extra):
    """The model itself has a parameter of no dimension, and returns a loss."""

    def rebuild(self, model: nn.Module) -> nn.Module:
        return Temperature(model)


class Holding(nn.Module):
    """A layer with a usual weight, and a parameter of an unusual kind that no loss reaches."""

    def __init__(self, held: Tensor, *, trained: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(3) / 2)
        self.other = nn.Parameter(held, requires_grad=trained)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


@extra
class MetaParameter(Odd):
    """A layer that is not materialized yet."""

    def layer(self) -> nn.Module:
        return Holding(torch.empty(3, 3, device="meta"))


@extra
class TrainableMetaLayer(Odd):
    """A trainable layer on the meta device that is never called."""

    without: ClassVar[tuple[str, ...]] = (
        *("taken", "penalized", "clipped", "closure", "tensor_rate", "manual", "in_backward"),
        *("stepping", "remedies", "copied", "saved", "gradient_hook_raises", "hooks"),
    )

    def layer(self) -> nn.Module:
        odd = Holding(torch.eye(3))
        odd.spare = nn.Linear(3, 3, device="meta")
        return odd


@extra
class SparseParameter(Odd):
    """A parameter in coordinate format."""

    def layer(self) -> nn.Module:
        return Holding(torch.eye(3).to_sparse())


@extra
class CompressedParameter(Odd):
    """A parameter in compressed format."""

    def layer(self) -> nn.Module:
        return Holding(torch.eye(3).to_sparse_csr())


@extra
class WholeNumbers(Odd):
    """A parameter of whole numbers, as quantized layers have."""

    def layer(self) -> nn.Module:
        return Holding(torch.ones(3, dtype=torch.int8))


@extra
class EightBits(Odd):
    """A parameter of floating point numbers of eight bits."""

    def layer(self) -> nn.Module:
        return Holding(torch.ones(3).to(torch.float8_e4m3fn))


@extra
class EmptyParameter(Odd):
    """A trainable parameter without entries."""

    without: ClassVar[tuple[str, ...]] = ("adamw_fused",)

    def layer(self) -> nn.Module:
        return Holding(torch.empty(0, 3), trained=True)


@extra
class ComplexLayer(Odd):
    """Complex weights."""

    without: ClassVar[tuple[str, ...]] = (
        *("lbfgs", "adamw_fused", "half_brain", "penalized", "scaled"),
    )

    def layer(self) -> nn.Module:
        odd = Computes(lambda x, weight: x.to(torch.complex64) @ weight)
        odd.weight = nn.Parameter(torch.eye(3, dtype=torch.complex64))
        return odd


@extra
class JaggedOutput(Odd):
    """A nested tensor of rows of several lengths."""

    without: ClassVar[tuple[str, ...]] = ("penalized",)  # torch cannot differentiate it twice

    def layer(self) -> nn.Module:
        def jagged(x: Tensor, weight: Tensor) -> Tensor:
            rows = x @ weight
            return torch.nested.as_nested_tensor([rows[0, :1], rows[1]], layout=torch.jagged)

        return Computes(jagged)


@extra
class JaggedInOldLayout(Odd):
    """A nested tensor in torch's first layout."""

    # Which ask for its shape, and whether any of it is NaN.
    without: ClassVar[tuple[str, ...]] = ("checkpointing_plain", "anomaly_detection")

    def layer(self) -> nn.Module:
        def nested(x: Tensor, weight: Tensor) -> list[Tensor]:
            rows = x @ weight
            made = torch.nested.as_nested_tensor([rows[0, :1], rows[1]])
            return list(made.unbind())

        return Computes(nested)


@extra
class NestedLayer(Odd):
    """A linear layer that is fed a nested tensor."""

    without: ClassVar[tuple[str, ...]] = ("penalized",)  # torch cannot differentiate it twice

    def layer(self) -> nn.Module:
        class Fed(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = nn.Linear(3, 3)

            def forward(self, x: Tensor) -> Tensor:
                nested = torch.nested.as_nested_tensor([x, x[:1]], layout=torch.jagged)
                return torch.as_tensor(self.inner(nested))

        return Fed()


@extra
class SparseOutput(Odd):
    """A layer that returns a sparse tensor."""

    def layer(self) -> nn.Module:
        class Fed(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = Computes(lambda x, weight: (x @ weight).to_sparse())

            def forward(self, x: Tensor) -> Tensor:
                return torch.as_tensor(self.inner(x).to_dense())

        return Fed()


@extra
class MetaOutput(Odd):
    """A layer that returns, beside its output, something on the meta device."""

    def layer(self) -> nn.Module:
        class Fed(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = Computes(lambda x, weight: torch.empty_like(x @ weight, device="meta"))

            def forward(self, x: Tensor) -> Tensor:
                self.inner(x)
                return x

        return Fed()


@extra
class NoOutput(Odd):
    """A layer that returns nothing."""

    def layer(self) -> nn.Module:
        return Computes(lambda _x, _weight: None)


@extra
class FrozenOutput(Odd):
    """A layer that runs in inference mode."""

    def layer(self) -> nn.Module:
        def inferred(x: Tensor, weight: Tensor) -> Tensor:
            with torch.inference_mode():
                return x @ weight

        return Computes(lambda x, weight: inferred(x, weight).clone())


@extra
class StridedOutput(Odd):
    """An output whose entries overlap in memory."""

    def layer(self) -> nn.Module:
        return Computes(lambda x, weight: (x @ weight)[:, :1].expand(2, 50))


@extra
class LazyLayer(Odd):
    """A layer whose shapes the first forward decides."""

    without: ClassVar[tuple[str, ...]] = ("stateful", "copied", "saved")

    def layer(self) -> nn.Module:
        return nn.LazyLinear(2)

    def rebuild(self, model: nn.Module) -> nn.Module:
        whole = super().rebuild(model)
        # Optimizers are made after the shapes are known, as the documentation of torch has it.
        whole.get_submodule("odd")(torch.ones(2, 3))
        return whole


class Wrapped(Tensor):
    """A subclass of tensors that does nothing of its own."""


@extra
class SubclassParameter(Odd):
    """A parameter of a subclass of tensors."""

    without: ClassVar[tuple[str, ...]] = ("copied", "saved")

    def layer(self) -> nn.Module:
        odd = Computes(lambda x, weight: (x @ weight).as_subclass(Tensor))
        odd.weight = nn.Parameter(torch.eye(3).as_subclass(Wrapped))
        return odd


METADATA = {
    *("__get__", "dim", "size", "numel", "is_floating_point", "is_complex", "detach"),
    *("register_hook", "requires_grad_", "stride", "element_size", "storage_offset"),
}
"""What can be asked of a lazy tensor without working it out."""


class Lazy(Tensor):
    """A tensor that is worked out when somebody asks for its entries, and counts how often."""

    asked: ClassVar[int] = 0

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") not in METADATA:
            Lazy.asked += 1
        call: Any = super().__torch_function__
        return call(func, types, args, kwargs or {})


@extra
class LazyOutput(Odd):
    """An output that is worked out only when somebody asks, which costs the user something."""

    def prepare(self) -> None:
        Lazy.asked = 0

    def layer(self) -> nn.Module:
        class Fed(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = Computes(lambda x, weight: (x @ weight).as_subclass(Lazy))

            def forward(self, x: Tensor) -> Tensor:
                return torch.as_tensor(self.inner(x).as_subclass(Tensor))

        return Fed()

    def end(self) -> None:
        self.run.see("times that the lazy tensor was worked out", Lazy.asked)


@extra
class SwappedParameters(Odd):
    """The parameters of a layer are swapped for others between two steps."""

    without: ClassVar[tuple[str, ...]] = ("in_backward", "remedies")
    has_figures: ClassVar[bool] = False

    def layer(self) -> nn.Module:
        return nn.Linear(3, 3)

    def before(self, step: int) -> None:
        if step == 2:
            odd = self.run.model.get_submodule(self._path)
            odd.weight.grad = None
            torch.utils.swap_tensors(odd.weight, nn.Parameter(odd.weight.detach() * 1.5))

    def begin(self) -> None:
        self._path = next(
            name for name, one in self.run.model.named_modules() if name.endswith("odd")
        )


@extra
class DoubleWhileSwapping(Extra):
    """``model.double()`` in the middle of a run, with parameters that are swapped, not set."""

    models: ClassVar[tuple[str, ...] | None] = ("mlp",)
    loops: ClassVar[tuple[str, ...] | None] = ("plain", "scheduled")
    alone: ClassVar[bool] = True
    has_figures: ClassVar[bool] = False
    usual: ClassVar[dict[str, str]] = {"model": "mlp", "loop": "plain", "optimizer": "sgd"}

    def before(self, step: int) -> None:
        if step == 2:
            torch.__future__.set_swap_module_params_on_conversion(True)
            for one in self.run.model.parameters():
                one.grad = None
            self.run.model.double()

    def call(self, step: int, forward: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x: forward(x.double() if step >= 2 else x)

    def tidy(self) -> None:
        torch.__future__.set_swap_module_params_on_conversion(False)
