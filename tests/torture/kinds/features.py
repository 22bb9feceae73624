"""Parts of torch that look at, compile, transform or count what runs."""

# ruff: noqa: ARG002  # every extra has the same methods, and few use all that they are given
from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.jit import _fuser as fuser
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from gradwidget import GradMonitor
from tests.torture.extra import Extra, extra
from tests.torture.scripted import gradient_penalty


@extra
class Autocast(Extra):
    """The forward runs in bfloat16 where torch thinks that it may."""

    without: ClassVar[tuple[str, ...]] = ("half_brain", "complex_layer", "sparse_parameter")

    def call(self, step: int, forward: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return forward(*args, **kwargs)

        return call


class Checkpointing(Extra):
    """Activations are computed again on the way back."""

    reentrant: ClassVar[bool] = False
    without: ClassVar[tuple[str, ...]] = (
        *("mapped", "checkpointing_reentrant", "checkpointing_plain", "scripted_part"),
    )

    def call(self, step: int, forward: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if not torch.is_grad_enabled():
                return forward(*args, **kwargs)
            given = [
                one.requires_grad_() if one.is_floating_point() and self.reentrant else one
                for one in args
            ]
            return checkpoint(forward, *given, use_reentrant=self.reentrant, **kwargs)

        return call


@extra
class CheckpointingPlain(Checkpointing):
    """Checkpointing as it is recommended today."""

    without: ClassVar[tuple[str, ...]] = (
        *Checkpointing.without,
        "nested_layer",  # torch.compile, which nested tensors use, recompiles in between
    )


@extra
class CheckpointingReentrant(Checkpointing):
    """Checkpointing with a backward pass inside the backward pass."""

    reentrant: ClassVar[bool] = True
    models: ClassVar[tuple[str, ...] | None] = ("mlp", "dropped", "residual", "one_entry")
    loops: ClassVar[tuple[str, ...] | None] = ("plain", "accumulated", "clipped", "scheduled")
    without: ClassVar[tuple[str, ...]] = ("layers", "stateful", "checkpointing_plain", "hooks")


@extra
class ScriptsAutogradGrad(Extra):
    """``torch.jit.script`` of a function that calls ``torch.autograd.grad``, during the run."""

    watched_first: ClassVar[bool] = True  # torch looks for its functions once in a process
    spends_memory: ClassVar[bool] = True  # the first script of a process loads the compiler

    def before(self, step: int) -> None:
        if step == 1:
            scripted = torch.jit.script(gradient_penalty)
            self.run.see("penalty", scripted(torch.ones(3, requires_grad=True)))


@extra
class ScriptedPart(Extra):
    """A part of the model is a script."""

    models: ClassVar[tuple[str, ...] | None] = ("mlp", "dropped", "one_entry", "unused")
    without: ClassVar[tuple[str, ...]] = ("stateful", "hooks", "faults", "copied", "saved")

    def rebuild(self, model: nn.Module) -> nn.Module:
        scripted: Any = torch.jit.script(self.run.source.body)
        self.run.source.body = scripted
        return model

    def around(self, step: int) -> AbstractContextManager[object]:
        # Torch optimizes a script after a few calls, and keeps that for the next script of the same
        # kind: two unwatched runs would differ in their last bits.
        return fuser.optimized_execution(should_optimize=False)


@extra
class CompiledModel(Extra):
    """``torch.compile`` with its simplest backend."""

    models: ClassVar[tuple[str, ...] | None] = ("mlp",)
    alone: ClassVar[bool] = True
    has_figures: ClassVar[bool] = False
    spends_memory: ClassVar[bool] = True

    def call(self, step: int, forward: Callable[..., Any]) -> Callable[..., Any]:
        return self.compiled

    def begin(self) -> None:
        self.compiled = torch.compile(self.run.model, backend="eager")

    def tidy(self) -> None:
        torch._dynamo.reset()


class Earlier(Extra):
    """Something that was done to torch once and is over; the model has a large layer, too."""

    without: ClassVar[tuple[str, ...]] = ("memory", "scale", "threads")

    def rebuild(self, model: nn.Module) -> nn.Module:
        model.large = nn.Linear(300, 300)
        return model

    def loss(self, step: int, loss: Tensor) -> Tensor:
        large = self.run.model.get_submodule(self._large)
        return loss + torch.as_tensor(large(torch.ones(2, 300))).square().mean()

    def begin(self) -> None:
        self._large = next(
            name for name, _ in self.run.model.named_modules() if name.endswith("large")
        )


@extra
class DefaultDeviceMeta(Earlier):
    """An earlier model was watched while torch made all tensors without data."""

    def prepare(self) -> None:
        torch.set_default_device("meta")
        try:
            _train_another(self.run.watch, device="cpu")
        finally:
            torch.set_default_device(None)


@extra
class FakeTensors(Earlier):
    """An earlier model was trained in fake tensors, as tools do that estimate memory."""

    def prepare(self) -> None:
        with FakeTensorMode():
            _train_another(self.run.watch)


@extra
class InferenceMode(Earlier):
    """An earlier model was attached to in inference mode."""

    def prepare(self) -> None:
        with torch.inference_mode():
            model = nn.Linear(3, 3)
            if self.run.watch is not None:
                GradMonitor(model).close()


@extra
class DoublePrecision(Extra):
    """Torch's default type is double precision."""

    without: ClassVar[tuple[str, ...]] = ("half_brain", "layers", "autocast")

    def prepare(self) -> None:
        torch.set_default_dtype(torch.float64)

    def rebuild(self, model: nn.Module) -> nn.Module:
        return model.double()

    def tidy(self) -> None:
        torch.set_default_dtype(torch.float32)


def _train_another(watch: str | None, device: str | None = None) -> None:
    first, last = (nn.Linear(300, 300, device=device) for _ in range(2))
    model = nn.Sequential(first, nn.ReLU(), last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    monitor = GradMonitor(model, budget=None) if watch else None
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.ones(2, 300, device=device)).square().mean().backward()
        optimizer.step()
    if monitor is not None:
        monitor.close()


@extra
class FlopCounter(Extra):
    """Floating point operations are counted, and nobody else's are among them."""

    without: ClassVar[tuple[str, ...]] = ("threads", "nested_layer")  # torch cannot count those

    usual: ClassVar[dict[str, str]] = {"model": "recurrent"}  # its time steps are worked out again

    def around(self, step: int) -> AbstractContextManager[object]:
        self.counter = FlopCounterMode(display=False)
        return self.counter

    def after(self, step: int) -> None:
        self.run.see("floating point operations", self.counter.get_total_flops())


class _Ops(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


@extra
class OperationCounter(Extra):
    """A mode of the user's notes every operation."""

    # The truth is worked out by operations that it would count as well.
    has_figures: ClassVar[bool] = False
    without: ClassVar[tuple[str, ...]] = (
        *("threads", "forked_child", "forked_while_pausing"),
        "scripted_part",  # is compiled after a few calls, whose number is not the training's
        "remedies",  # are operations of the loop
        *("jagged_output", "nested_layer"),  # make something when they are first asked for it
    )

    def around(self, step: int) -> AbstractContextManager[object]:
        self.ops = _Ops()
        return self.ops

    def after(self, step: int) -> None:
        self.run.see("operations", self.ops.names)


class _Calls(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(getattr(func, "__name__", ""))
        return func(*args, **(kwargs or {}))


@extra
class CallCounter(Extra):
    """A mode of the user's notes every function of torch that is called."""

    # See OperationCounter.
    has_figures: ClassVar[bool] = False
    # What we change is not done by functions that the mode sees, what is done by hand is.
    without: ClassVar[tuple[str, ...]] = (
        *("threads", "forked_child", "forked_while_pausing", "remedies"),
        "nested_layer",  # as for OperationCounter: two unwatched runs differ
    )

    def around(self, step: int) -> AbstractContextManager[object]:
        self.calls = _Calls()
        return self.calls

    def after(self, step: int) -> None:
        self.run.see("calls", self.calls.names)


@extra
class AnomalyDetection(Extra):
    """Autograd looks for NaN in every step of the way back."""

    def around(self, step: int) -> AbstractContextManager[object]:
        return torch.autograd.detect_anomaly()


@extra
class Deterministic(Extra):
    """Only deterministic algorithms are allowed."""

    def prepare(self) -> None:
        torch.use_deterministic_algorithms(mode=True)

    def tidy(self) -> None:
        torch.use_deterministic_algorithms(mode=False)


@extra
class FunctionalCall(Extra):
    """The model is called with other tensors in the place of its parameters, beside the loss."""

    without: ClassVar[tuple[str, ...]] = ("parametrized", "lazy_layer", "tied")

    def before(self, step: int) -> None:
        if step % 2:
            inputs = self.run.source.inputs(2, torch.Generator().manual_seed(step))
            given = inputs if isinstance(inputs, dict) else {}
            args = () if given else (inputs,)
            weights = {name: one.detach() for name, one in self.run.model.named_parameters()}
            output = torch.func.functional_call(self.run.model, weights, args, given)
            self.run.see("output", type(output).__name__)


@extra
class TransformedGradients(Extra):
    """Gradients of each sample by ``vmap`` of ``grad``, beside the loop."""

    models: ClassVar[tuple[str, ...] | None] = ("mlp", "unused", "one_entry", "residual")
    without: ClassVar[tuple[str, ...]] = ("layers", "stateful", "hooks", "scripted_part", "faults")

    def before(self, step: int) -> None:
        weights = {name: one.detach() for name, one in self.run.model.named_parameters()}

        def loss(weights: dict[str, Tensor], x: Tensor) -> Tensor:
            output = torch.func.functional_call(self.run.model, weights, (x[None],))
            return torch.as_tensor(output.square().sum())

        x = torch.ones(3, 5, dtype=next(iter(weights.values())).dtype)
        found = torch.func.vmap(torch.func.grad(loss), (None, 0))(weights, x)
        self.run.see("gradients", [one.sum() for one in found.values()])


@extra
class Copied(Extra):
    """The model is copied and pickled in the middle of a step."""

    without: ClassVar[tuple[str, ...]] = (
        *("hooks", "stateful", "scripted_part", "parametrized", "faults", "compiled_model"),
        *("fake_tensors", "callbacks", "layers", "values", "threads"),
    )

    def loss(self, step: int, loss: Tensor) -> Tensor:
        twin = copy.deepcopy(self.run.model)
        self.run.see("bytes", len(pickle.dumps(twin)))
        return loss


@extra
class Saved(Extra):
    """Weights are saved and loaded in the middle of the run, every second time as new tensors."""

    without: ClassVar[tuple[str, ...]] = ("layers", "in_backward", "values", "remedies")

    def after(self, step: int) -> None:
        if step % 2:
            file = io.BytesIO()
            torch.save(self.run.model.state_dict(), file)
            file.seek(0)
            self.run.model.load_state_dict(torch.load(file))


@extra
class Thawed(Extra):
    """Parameters are frozen and thawed during the run."""

    without: ClassVar[tuple[str, ...]] = ("residual", "layers", "in_backward", "taken", "penalized")
    has_figures: ClassVar[bool] = False

    def before(self, step: int) -> None:
        first = next(iter(self.run.model.parameters()))
        first.requires_grad_(requires_grad=bool(step % 2))


@extra
class GrowingModel(Extra):
    """A layer is added in the middle of the run."""

    models: ClassVar[tuple[str, ...] | None] = ("mlp", "one_entry", "dropped")
    without: ClassVar[tuple[str, ...]] = (
        *("layers", "stateful", "scripted_part", "callbacks", "faults"),
    )
    has_figures: ClassVar[bool] = False

    def before(self, step: int) -> None:
        if step == 2:
            self.run.model.body.append(nn.Tanh())
            grown = nn.Linear(1 if self.run.case.model == "one_entry" else 3, 3)
            self.run.model.body.append(grown)
            if self.run.optimizers:
                self.run.optimizers[0].add_param_group({"params": list(grown.parameters())})


@extra
class MovedModel(Extra):
    """``model.to`` in the middle of the run, to where it is."""

    def before(self, step: int) -> None:
        if step == 2:
            self.run.model.to("cpu").train()
