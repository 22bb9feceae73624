"""Awkward models and loops. Each case says in one line what is awkward about it; a step is one optimizer step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize
from torch.optim import SGD, Adam, Optimizer
from torch.utils.checkpoint import checkpoint

Step = Callable[[int], None]
MakeOptimizer = Callable[[Any], Optimizer]


@dataclass
class Case:
    """A model, the optimizers that step it and one step of its loop."""

    model: nn.Module
    optimizers: list[Optimizer]
    step: Step
    manual: bool = False
    """No optimizer of torch's steps it."""
    in_backward: bool = False
    """The optimizers step in the middle of the backward pass."""
    frames: int = 1
    """Frames that one step of the loop makes."""
    same_activations: bool = True
    """Whether outputs and their gradients can be compared one to one."""
    keep: list[Any] = field(default_factory=list)


Make = Callable[[MakeOptimizer], Case]
ZOO: dict[str, Make] = {}


def awkward(make: Make) -> Make:
    ZOO[make.__name__] = make
    return make


def sgd(parameters: Any) -> Optimizer:
    return SGD(parameters, lr=0.05)


def simple(model: nn.Module, make: MakeOptimizer, shape: tuple[int, ...] = (8, 6), **options: Any) -> Case:
    """The usual loop: clear, forward, mean square, backward, step."""
    optimizer = make([one for one in model.parameters() if one.requires_grad])

    def step(_: int) -> None:
        optimizer.zero_grad()
        loss_of(model(torch.randn(shape))).backward()
        optimizer.step()

    return Case(model, [optimizer], step, **options)


def loss_of(output: Any) -> Tensor:
    tensors = list(leaves(output))
    return torch.stack([(one.abs() if one.is_complex() else one).float().square().mean() for one in tensors]).sum()


def leaves(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, dict):
        for part in output.values():
            yield from leaves(part)
    elif isinstance(output, (list, tuple)):
        for part in output:
            yield from leaves(part)
    elif hasattr(output, "__dataclass_fields__"):
        for name in output.__dataclass_fields__:
            yield from leaves(getattr(output, name))


def gradient_of(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def mlp(*between: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 8), *between, nn.Linear(8, 3))


class Lambda(nn.Module):
    """A model whose forward is a function of its parts."""

    def __init__(self, forward: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self._run = forward

    def forward(self, *args: Any) -> Any:
        return self._run(self, *args)


@awkward
def plain_chain(make: MakeOptimizer) -> Case:
    """Nothing: the control."""
    return simple(mlp(nn.ReLU()), make)


@awkward
def in_place_module(make: MakeOptimizer) -> Case:
    """The ReLU overwrites the output that was seen."""
    return simple(mlp(nn.ReLU(inplace=True)), make)


@awkward
def in_place_function(make: MakeOptimizer) -> Case:
    """A functional in-place ReLU overwrites the output."""
    return simple(Lambda(lambda m, x: m.b(functional.relu_(m.a(x))), a=nn.Linear(6, 8), b=nn.Linear(8, 3)), make)


@awkward
def in_place_residual(make: MakeOptimizer) -> Case:
    """An in-place addition changes an output after it was seen."""

    def forward(m: Any, x: Tensor) -> Any:
        h = m.a(x)
        h += x
        return m.b(h)

    return simple(Lambda(forward, a=nn.Linear(6, 6), b=nn.Linear(6, 3)), make)


@awkward
def batch_norm_and_dropout(make: MakeOptimizer) -> Case:
    """Buffers and random numbers advance with each forward."""
    return simple(mlp(nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.3)), make)


@awkward
def tied_weights(make: MakeOptimizer) -> Case:
    """One parameter belongs to two layers."""
    model: Any = Lambda(lambda m, x: m.head(torch.tanh(m.body(m.head(x)))), head=nn.Linear(6, 6), body=nn.Linear(6, 6))
    model.body.weight = model.head.weight
    return simple(model, make)


@awkward
def tied_embedding(make: MakeOptimizer) -> Case:
    """Embedding and output projection share a matrix."""
    model: Any = Lambda(lambda m, x: m.out(m.emb(x)), emb=nn.Embedding(11, 6), out=nn.Linear(6, 11, bias=False))
    model.out.weight = model.emb.weight
    optimizer = make(model.parameters())

    def step(_: int) -> None:
        optimizer.zero_grad()
        loss_of(model(torch.randint(0, 11, (5,)))).backward()
        optimizer.step()

    return Case(model, [optimizer], step)


@awkward
def called_three_times(make: MakeOptimizer) -> Case:
    """One module runs several times in a forward."""
    return simple(Lambda(lambda m, x: m.a(torch.relu(m.a(torch.tanh(m.a(x))))), a=nn.Linear(6, 6)), make)


@awkward
def called_a_changing_number_of_times(make: MakeOptimizer) -> Case:
    """How often a module runs depends on chance."""

    def forward(m: Any, x: Tensor) -> Any:
        for _ in range(int(torch.randint(1, 5, ()))):
            x = torch.relu(m.a(x))
        return x

    return simple(Lambda(forward, a=nn.Linear(6, 6)), make)


@awkward
def dict_output(make: MakeOptimizer) -> Case:
    """The model returns a dict."""
    parts = {"a": nn.Linear(6, 3), "b": nn.Linear(6, 2)}
    return simple(Lambda(lambda m, x: {"a": m.a(x), "b": [m.b(x), 3, "text"]}, **parts), make)


@awkward
def layer_with_a_dict_output(make: MakeOptimizer) -> Case:
    """A layer that owns parameters returns a dict."""

    class Owner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(6))

        def forward(self, x: Tensor) -> Any:
            return {"out": x * self.scale}

    return simple(Lambda(lambda m, x: m.b(m.a(x)["out"]), a=Owner(), b=nn.Linear(6, 3)), make)


@awkward
def dataclass_output(make: MakeOptimizer) -> Case:
    """The model returns a dataclass, as many libraries do."""

    @dataclass
    class Output:
        loss: Tensor
        logits: Tensor

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Any:
            logits = self.a(x)
            return Output(logits.square().mean(), logits)

    model = Model()
    optimizer = make(model.parameters())

    def step(_: int) -> None:
        optimizer.zero_grad()
        model(torch.randn(8, 6)).loss.backward()
        optimizer.step()

    return Case(model, [optimizer], step)


@awkward
def parameters_of_the_root(make: MakeOptimizer) -> Case:
    """The model itself holds parameters beside its children."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gain = nn.Parameter(torch.tensor(1.5))
            self.rows = nn.ParameterList([nn.Parameter(torch.randn(3)) for _ in range(2)])
            self.a = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Any:
            return self.gain * self.a(x) + self.rows[0] * self.rows[1]

    return simple(Model(), make)


@awkward
def frozen_backbone(make: MakeOptimizer) -> Case:
    """The first layers do not learn."""
    model = mlp(nn.ReLU())
    model[0].requires_grad_(requires_grad=False)
    return simple(model, make)


@awkward
def unfrozen_later(make: MakeOptimizer) -> Case:
    """The first layer begins to learn at step 2."""
    model = mlp(nn.ReLU())
    model[0].requires_grad_(requires_grad=False)
    optimizer = make(model.parameters())

    def step(number: int) -> None:
        if number == 2:
            model[0].requires_grad_()
        optimizer.zero_grad()
        loss_of(model(torch.randn(8, 6))).backward()
        optimizer.step()

    return Case(model, [optimizer], step)


@awkward
def unused_and_detached(make: MakeOptimizer) -> Case:
    """One layer is never called, another's output is detached."""
    parts = {"a": nn.Linear(6, 6), "cut": nn.Linear(6, 6), "unused": nn.Linear(2, 2), "b": nn.Linear(6, 3)}
    return simple(Lambda(lambda m, x: m.b(m.a(x) + m.cut(x).detach()), **parts), make)


@awkward
def sparse_embedding(make: MakeOptimizer) -> Case:
    """Gradients are sparse, with rows that occur twice."""
    model: Any = Lambda(lambda m, x: m.out(m.emb(x)), emb=nn.Embedding(50, 6, sparse=True), out=nn.Linear(6, 3))
    optimizer = SGD(model.parameters(), lr=0.05)

    def step(_: int) -> None:
        optimizer.zero_grad()
        loss_of(model(torch.randint(0, 20, (30,)))).backward()
        optimizer.step()

    del make  # few optimizers take sparse gradients
    return Case(model, [optimizer], step)


@awkward
def complex_weights(make: MakeOptimizer) -> Case:
    """Weights, outputs and gradients are complex."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.randn(6, 3, dtype=torch.complex64))

        def forward(self, x: Tensor) -> Any:
            return x.to(torch.complex64) @ self.w

    del make  # few optimizers take complex weights
    return simple(Model(), sgd)


def _of_type(dtype: torch.dtype, make: MakeOptimizer) -> Case:
    model = mlp(nn.Tanh()).to(dtype)
    optimizer = make(model.parameters())

    def step(_: int) -> None:
        optimizer.zero_grad()
        loss_of(model(torch.randn(8, 6, dtype=torch.float32).to(dtype))).backward()
        optimizer.step()

    return Case(model, [optimizer], step)


@awkward
def half_precision(make: MakeOptimizer) -> Case:
    """fp16 weights: squares overflow at 256."""
    del make  # Adam's eps vanishes in fp16
    return _of_type(torch.float16, sgd)


@awkward
def brain_floats(make: MakeOptimizer) -> Case:
    """bf16 weights: seven bits of mantissa."""
    return _of_type(torch.bfloat16, make)


@awkward
def double_precision(make: MakeOptimizer) -> Case:
    """float64 weights."""
    return _of_type(torch.float64, make)


@awkward
def mixed_types(make: MakeOptimizer) -> Case:
    """Layers of three formats in one model."""
    parts = {"a": nn.Linear(6, 6).double(), "b": nn.Linear(6, 6).bfloat16(), "c": nn.Linear(6, 3)}
    return simple(Lambda(lambda m, x: m.c(m.b(m.a(x.double()).bfloat16()).float()), **parts), make)


def _checkpointed(*, reentrant: bool, make: MakeOptimizer) -> Case:
    def forward(m: Any, x: Tensor) -> Any:
        x = m.a(x)
        return m.c(checkpoint(lambda h: torch.relu(m.b(torch.tanh(h))), x, use_reentrant=reentrant))

    return simple(Lambda(forward, a=nn.Linear(6, 6), b=nn.Linear(6, 6), c=nn.Linear(6, 3)), make)


@awkward
def checkpoint_without_reentry(make: MakeOptimizer) -> Case:
    """A part runs a second time in the middle of the backward pass."""
    return _checkpointed(reentrant=False, make=make)


@awkward
def checkpoint_with_reentry(make: MakeOptimizer) -> Case:
    """A part runs without gradients first, then again inside a backward pass within the backward pass."""
    case = _checkpointed(reentrant=True, make=make)
    case.same_activations = False  # the first forward of the part is under no_grad
    return case


@awkward
def lazy_layers(make: MakeOptimizer) -> Case:
    """Parameters have no shape before the first forward."""
    model = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(3))
    made: list[Optimizer] = []

    def step(_: int) -> None:
        output = model(torch.randn(8, 6))
        if not made:
            made.append(make(model.parameters()))
        made[0].zero_grad()
        loss_of(output).backward()
        made[0].step()

    return Case(model, made, step)


@awkward
def weight_norm(make: MakeOptimizer) -> Case:
    """The weight is computed from two parameters that live in a parametrisation."""
    model = mlp(nn.Tanh())
    parametrizations.weight_norm(model[0])
    return simple(model, make)


@awkward
def spectral_norm(make: MakeOptimizer) -> Case:
    """A parametrisation with buffers that every forward moves."""
    model = mlp(nn.Tanh())
    parametrizations.spectral_norm(model[2])
    return simple(model, make)


@awkward
def low_rank_adapter(make: MakeOptimizer) -> Case:
    """A parametrisation with parameters of its own over a frozen weight."""

    class LowRank(nn.Module):
        def __init__(self, rows: int, columns: int) -> None:
            super().__init__()
            self.up, self.down = nn.Parameter(torch.randn(rows, 2)), nn.Parameter(torch.zeros(2, columns))

        def forward(self, weight: Tensor) -> Any:
            return weight + self.up @ self.down

    model = mlp(nn.Tanh())
    model.requires_grad_(requires_grad=False)
    parametrize.register_parametrization(model[0], "weight", LowRank(8, 6))
    return simple(model, make)


@awkward
def gradient_penalty(make: MakeOptimizer) -> Case:
    """Double backward: the loss holds the gradient of the output (WGAN-GP)."""
    model = mlp(nn.Tanh())
    optimizer = make(model.parameters())

    def step(_: int) -> None:
        x = torch.randn(8, 6, requires_grad=True)
        output = model(x).sum()
        (slope,) = torch.autograd.grad(output, x, create_graph=True)
        optimizer.zero_grad()
        (output + (slope.norm(dim=1) - 1).square().mean()).backward()
        optimizer.step()

    return Case(model, [optimizer], step)


@awkward
def discriminator_of_two_models(make: MakeOptimizer) -> Case:
    """The generator's backward leaves gradients in the model watched, cleared before its own."""
    model, other = mlp(nn.LeakyReLU(0.2)), nn.Linear(2, 6)
    optimizer, other_optimizer = make(model.parameters()), make(other.parameters())

    def step(_: int) -> None:
        other_optimizer.zero_grad()
        loss_of(model(other(torch.randn(8, 2)))).backward()
        other_optimizer.step()
        optimizer.zero_grad()
        loss_of(model(other(torch.randn(8, 2)).detach())).backward()
        optimizer.step()

    # the outputs of the generator's pass do not belong to the step
    return Case(model, [optimizer], step, keep=[other_optimizer], same_activations=False)


@awkward
def two_optimizers_on_one_model(make: MakeOptimizer) -> Case:
    """Each of two optimizers holds one layer; a frame each."""
    model = mlp(nn.Tanh())
    optimizers = [make(model[0].parameters()), make(model[2].parameters())]

    def step(_: int) -> None:
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss_of(model(torch.randn(8, 6))).backward()
        for optimizer in optimizers:
            optimizer.step()

    return Case(model, optimizers, step, frames=2, same_activations=False)


@awkward
def closure(make: MakeOptimizer) -> Case:
    """The optimizer calls the forward and backward itself."""
    model = mlp(nn.Tanh())
    optimizer = make(model.parameters())

    def step(_: int) -> None:
        x = torch.randn(8, 6)

        def evaluate() -> Tensor:
            optimizer.zero_grad()
            loss = loss_of(model(x))
            loss.backward()
            return loss

        optimizer.step(evaluate)  # type: ignore[arg-type]  # torch wants a float and takes a tensor

    return Case(model, [optimizer], step)


@awkward
def optimizer_in_backward(make: MakeOptimizer) -> Case:
    """Every parameter is stepped and cleared the moment its gradient is there."""
    model = mlp(nn.Tanh())
    optimizers: dict[Tensor, Optimizer] = {one: make([one]) for one in model.parameters()}

    def fused(parameter: Tensor) -> None:
        optimizers[parameter].step()
        optimizers[parameter].zero_grad()

    keep = [one.register_post_accumulate_grad_hook(fused) for one in model.parameters()]

    def step(_: int) -> None:
        loss_of(model(torch.randn(8, 6))).backward()

    return Case(model, list(optimizers.values()), step, in_backward=True, keep=keep)


@awkward
def accumulation(make: MakeOptimizer) -> Case:
    """Three backward passes make one step."""
    model = mlp(nn.Tanh())
    optimizer = make(model.parameters())

    def step(_: int) -> None:
        for _ in range(3):
            (loss_of(model(torch.randn(8, 6))) / 3).backward()
        optimizer.step()
        optimizer.zero_grad()

    return Case(model, [optimizer], step)


@awkward
def two_roots(make: MakeOptimizer) -> Case:
    """``torch.autograd.backward`` is called on two losses at once."""
    model = mlp(nn.Tanh())
    optimizer = make(model.parameters())

    def step(_: int) -> None:
        optimizer.zero_grad()
        torch.autograd.backward([loss_of(model(torch.randn(8, 6))), loss_of(model(torch.randn(4, 6)))])
        optimizer.step()

    return Case(model, [optimizer], step)


@awkward
def retained_graph(make: MakeOptimizer) -> Case:
    """Two backward passes go through one graph."""
    model = mlp(nn.Tanh())
    optimizer = make(model.parameters())

    def step(_: int) -> None:
        optimizer.zero_grad()
        output = model(torch.randn(8, 6))
        output.square().mean().backward(retain_graph=True)
        output.abs().mean().backward()
        optimizer.step()

    return Case(model, [optimizer], step, same_activations=False)  # the sum of the two is not to be had


@awkward
def weighted_backward(make: MakeOptimizer) -> Case:
    """The root of the backward pass is no single number."""
    model = mlp(nn.Tanh())
    optimizer = make(model.parameters())

    def step(_: int) -> None:
        optimizer.zero_grad()
        output = model(torch.randn(8, 6))
        output.backward(gradient=torch.ones_like(output))
        optimizer.step()

    return Case(model, [optimizer], step)


@awkward
def gradients_set_by_hand(make: MakeOptimizer) -> Case:
    """No backward is called: gradients come from ``autograd.grad``."""
    model = mlp(nn.Tanh())
    optimizer = make(model.parameters())

    def step(_: int) -> None:
        parameters = list(model.parameters())
        for one, gradient in zip(
            parameters, torch.autograd.grad(loss_of(model(torch.randn(8, 6))), parameters), strict=True
        ):
            one.grad = gradient
        optimizer.step()

    return Case(model, [optimizer], step, same_activations=False)


@awkward
def clipped_by_norm(make: MakeOptimizer) -> Case:
    """Gradients are scaled down between backward and step."""
    model = mlp(nn.Tanh())
    optimizer = make(model.parameters())

    def step(_: int) -> None:
        optimizer.zero_grad()
        loss_of(1000 * model(torch.randn(8, 6))).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return Case(model, [optimizer], step)


@awkward
def clipped_by_value(make: MakeOptimizer) -> Case:
    """Gradients are clamped between backward and step."""
    model = mlp(nn.Tanh())
    optimizer = make(model.parameters())

    def step(_: int) -> None:
        optimizer.zero_grad()
        loss_of(model(torch.randn(8, 6))).backward()
        nn.utils.clip_grad_value_(model.parameters(), 0.01)
        optimizer.step()

    return Case(model, [optimizer], step)


@awkward
def zeroed_not_dropped(make: MakeOptimizer) -> Case:
    """``zero_grad(set_to_none=False)``: gradients are zeros, not None, when nothing has flowed yet."""
    model = mlp(nn.Tanh())
    optimizer = make(model.parameters())

    def step(_: int) -> None:
        optimizer.zero_grad(set_to_none=False)
        loss_of(model(torch.randn(8, 6))).backward()
        optimizer.step()

    return Case(model, [optimizer], step)


@awkward
def scaled_loss(make: MakeOptimizer) -> Case:
    """A gradient scaler multiplies the loss by 65536."""
    model = mlp(nn.Tanh())
    optimizer = make(model.parameters())
    scaler = GradScaler("cpu", init_scale=65536.0)

    def step(_: int) -> None:
        optimizer.zero_grad()
        scaler.scale(loss_of(model(torch.randn(8, 6)))).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        scaler.step(optimizer)
        scaler.update()

    # the reference sees the scaled gradients of the outputs
    return Case(model, [optimizer], step, same_activations=False)


@awkward
def autocast(make: MakeOptimizer) -> Case:
    """The forward computes in bf16, the weights are fp32."""
    model = mlp(nn.ReLU())
    optimizer = make(model.parameters())

    def step(_: int) -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = loss_of(model(torch.randn(8, 6)))
        loss.backward()
        optimizer.step()

    return Case(model, [optimizer], step)


@awkward
def layer_added_later(make: MakeOptimizer) -> Case:
    """A layer joins the model, and the optimizer, at step 2."""
    model = nn.Sequential(nn.Linear(6, 3))
    optimizer = make(model.parameters())

    def step(number: int) -> None:
        if number == 2:
            model.append(nn.Linear(3, 3))
            optimizer.add_param_group({"params": model[1].parameters()})
        optimizer.zero_grad()
        loss_of(model(torch.randn(8, 6))).backward()
        optimizer.step()

    return Case(model, [optimizer], step)


@awkward
def layer_removed_later(make: MakeOptimizer) -> Case:
    """A layer leaves the model at step 2; the optimizer still holds it."""
    model = nn.Sequential(nn.Linear(6, 3), nn.Linear(3, 3))
    optimizer = make(model.parameters())

    def step(number: int) -> None:
        if number == 2:
            del model[1]
        optimizer.zero_grad()
        loss_of(model(torch.randn(8, 6))).backward()
        optimizer.step()

    return Case(model, [optimizer], step)


@awkward
def manual_update(make: MakeOptimizer) -> Case:
    """No optimizer: weights are changed in place under no_grad."""
    del make
    model = mlp(nn.Tanh())

    def step(_: int) -> None:
        loss_of(model(torch.randn(8, 6))).backward()
        with torch.no_grad():
            for one in model.parameters():
                one.sub_(0.05 * gradient_of(one))
                one.grad = None

    return Case(model, [], step, manual=True)


@awkward
def manual_update_of_data(make: MakeOptimizer) -> Case:
    """No optimizer: weights are changed through ``.data``, which leaves no version behind."""
    del make
    model = mlp(nn.Tanh())

    def step(_: int) -> None:
        model.zero_grad()
        loss_of(model(torch.randn(8, 6))).backward()
        for one in model.parameters():
            one.data.sub_(0.05 * gradient_of(one))

    return Case(model, [], step, manual=True)


@awkward
def attention(make: MakeOptimizer) -> Case:
    """``nn.MultiheadAttention`` uses its output projection without calling it."""
    model: Any = Lambda(
        lambda m, x: m.head(m.attention(x, x, x)[0]), attention=nn.MultiheadAttention(6, 2), head=nn.Linear(6, 3)
    )
    return simple(model, make, (5, 2, 6))


@awkward
def transformer(make: MakeOptimizer) -> Case:
    """Residual branches, layer norms and in-place dropout."""
    return simple(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), make, (3, 5, 8))


@awkward
def lstm(make: MakeOptimizer) -> Case:
    """The output is a tuple with a tuple inside."""
    model: Any = Lambda(lambda m, x: m.head(m.rnn(x)[0][-1]), rnn=nn.LSTM(6, 5, 2), head=nn.Linear(5, 3))
    return simple(model, make, (7, 3, 6))


@awkward
def cell_in_a_loop(make: MakeOptimizer) -> Case:
    """A recurrent cell is called once a time step."""

    def forward(m: Any, x: Tensor) -> Any:
        h = torch.zeros(x.shape[1], 5)
        for one in x:
            h = m.cell(one, h)
        return m.head(h)

    return simple(Lambda(forward, cell=nn.GRUCell(6, 5), head=nn.Linear(5, 3)), make, (7, 3, 6))


@awkward
def convolutions(make: MakeOptimizer) -> Case:
    """Channels come second, and the memory format is channels last."""
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.ConvTranspose2d(4, 2, 3), nn.GroupNorm(1, 2)
    )
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    return simple(model, make, (2, 3, 8, 8))


@awkward
def no_entries(make: MakeOptimizer) -> Case:
    """A parameter has no entries at all, another has one and no dimension."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(6, 3)
            self.nothing, self.scalar = nn.Parameter(torch.empty(0)), nn.Parameter(torch.tensor(2.0))

        def forward(self, x: Tensor) -> Any:
            return self.a(x) * self.scalar + self.nothing.sum()

    return simple(Model(), make)


@awkward
def embedding_bag(make: MakeOptimizer) -> Case:
    """The first layer takes integers."""
    model = nn.Sequential(nn.EmbeddingBag(20, 6), nn.Linear(6, 3))
    optimizer = make(model.parameters())

    def step(_: int) -> None:
        optimizer.zero_grad()
        loss_of(model(torch.randint(0, 20, (4, 5)))).backward()
        optimizer.step()

    return Case(model, [optimizer], step)


@awkward
def evaluation_in_between(make: MakeOptimizer) -> Case:
    """The model is evaluated between backward and step, with gradients on."""
    model = mlp(nn.Tanh())
    optimizer = make(model.parameters())

    def step(_: int) -> None:
        optimizer.zero_grad()
        loss_of(model(torch.randn(8, 6))).backward()
        model.eval()
        model(100 * torch.randn(50, 6))
        with torch.no_grad():
            model(100 * torch.randn(50, 6))
        model.train()
        optimizer.step()

    return Case(model, [optimizer], step)


@awkward
def failing_batches(make: MakeOptimizer) -> Case:
    """A forward raises and is caught, then the batch is skipped."""
    model = mlp(nn.Tanh())
    optimizer = make(model.parameters())

    def step(_: int) -> None:
        try:
            model(torch.randn(8, 7))
        except RuntimeError:
            optimizer.zero_grad()
        loss_of(model(torch.randn(8, 6))).backward()
        optimizer.step()
        optimizer.zero_grad()

    return Case(model, [optimizer], step)


@awkward
def hooked_gradient(make: MakeOptimizer) -> Case:
    """The user's own hooks change outputs' and parameters' gradients."""
    model: Any = mlp(nn.Tanh())
    model[0].weight.register_hook(lambda gradient: 2 * gradient)
    model[0].register_forward_hook(lambda _, __, output: output * 0.5)
    return simple(model, make, same_activations=False)  # the reference hooks the same module before the user's hook


@awkward
def own_function(make: MakeOptimizer) -> Case:
    """A custom autograd function sits between the layers."""

    class Sign(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Any:
            ctx.save_for_backward(x)
            return x.sign()

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor) -> Any:
            (x,) = ctx.saved_tensors
            return gradients[0] * (x.abs() < 1)

    sign: Any = Sign
    parts = {"a": nn.Linear(6, 8), "b": nn.Linear(8, 3)}
    return simple(Lambda(lambda m, x: m.b(sign.apply(m.a(x))), **parts), make)


@awkward
def wrapped_optimizer(make: MakeOptimizer) -> Case:
    """The optimizer that the loop steps drives another one."""

    class Wrapper(Optimizer):
        def __init__(self, inner: Optimizer) -> None:
            super().__init__(inner.param_groups, {})
            self.inner = inner

        def step(self, closure: Any = None) -> None:  # type: ignore[override]  # as wrappers in the wild do
            self.inner.step(closure)

    model = mlp(nn.Tanh())
    inner = make(model.parameters())
    outer = Wrapper(inner)

    def step(_: int) -> None:
        outer.zero_grad()
        loss_of(model(torch.randn(8, 6))).backward()
        outer.step()

    return Case(model, [inner], step, keep=[outer])


@awkward
def sharpness_aware(make: MakeOptimizer) -> Case:
    """SAM: weights move to a neighbour and back before the step, with two backward passes."""
    model = mlp(nn.Tanh())
    optimizer = make(model.parameters())

    def step(_: int) -> None:
        x = torch.randn(8, 6)
        loss_of(model(x)).backward()
        offsets = [0.05 * one.grad / (one.grad.norm() + 1e-12) for one in model.parameters() if one.grad is not None]
        with torch.no_grad():
            for one, offset in zip(model.parameters(), offsets, strict=True):
                one.add_(offset)
        optimizer.zero_grad()
        loss_of(model(x)).backward()
        with torch.no_grad():
            for one, offset in zip(model.parameters(), offsets, strict=True):
                one.sub_(offset)
        optimizer.step()
        optimizer.zero_grad()

    return Case(model, [optimizer], step, same_activations=False)  # the first pass does not belong to the step


@awkward
def tiny_gradients(make: MakeOptimizer) -> Case:
    """Gradients of 1e-30: their squares are 0 in float32."""
    del make  # Adam's eps would swallow them
    model = mlp(nn.Tanh())
    optimizer = sgd(model.parameters())

    def step(_: int) -> None:
        optimizer.zero_grad()
        (loss_of(model(torch.randn(8, 6))) * 1e-29).backward()
        optimizer.step()

    return Case(model, [optimizer], step)


@awkward
def huge_gradients(make: MakeOptimizer) -> Case:
    """Gradients of 1e+25: their squares are infinite in float32."""
    del make
    model = mlp(nn.Tanh())
    optimizer = SGD(model.parameters(), lr=0.0)

    def step(_: int) -> None:
        optimizer.zero_grad()
        (loss_of(model(torch.randn(8, 6))) * 1e25).backward()
        optimizer.step()

    return Case(model, [optimizer], step)


@awkward
def hundred_layers(make: MakeOptimizer) -> Case:
    """Depth: a hundred small layers that vanish."""
    layers = [layer for _ in range(100) for layer in (nn.Linear(6, 6), nn.Sigmoid())]
    return simple(nn.Sequential(*layers), make)


@awkward
def wide_layers(make: MakeOptimizer) -> Case:
    """Layers far above and just around the size up to which tensors are measured together."""
    return simple(nn.Sequential(nn.Linear(300, 700), nn.ReLU(), nn.Linear(700, 4), nn.Linear(4, 256)), make, (4, 300))


@awkward
def learning_rate_as_a_tensor(make: MakeOptimizer) -> Case:
    """The learning rate is a tensor that a schedule changes in place."""
    del make
    model = mlp(nn.Tanh())
    optimizer = Adam(model.parameters(), lr=torch.tensor(0.01))
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

    def step(_: int) -> None:
        optimizer.zero_grad()
        loss_of(model(torch.randn(8, 6))).backward()
        optimizer.step()
        schedule.step()

    return Case(model, [optimizer], step)


@awkward
def replaced_weights(make: MakeOptimizer) -> Case:
    """``load_state_dict(assign=True)`` at step 2: the optimizer goes on with tensors that are not the model's."""
    model = mlp(nn.Tanh())
    optimizer = make(model.parameters())

    def step(number: int) -> None:
        if number == 2:
            model.load_state_dict({name: one.clone() for name, one in model.state_dict().items()}, assign=True)
        optimizer.zero_grad()
        loss_of(model(torch.randn(8, 6))).backward()
        optimizer.step()

    return Case(model, [optimizer], step, same_activations=False)
