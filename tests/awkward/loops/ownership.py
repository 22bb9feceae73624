"""Parameters that are shared, frozen, swapped, parametrized or not there yet."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from tests.awkward.loop import FIRST_ORDER, Loop, Optimizing, awkward
from tests.awkward.loops.structure import mlp
from tests.awkward.probe import Probe
from tests.awkward.supervised import Supervised, noise


class Tied(nn.Module):
    """An embedding whose weight is the decoder's as well."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 6)
        self.body = nn.Linear(6, 6)
        self.decode = nn.Linear(6, 9)
        self.decode.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return torch.as_tensor(self.decode(torch.relu(self.body(self.embed(tokens)))))


@awkward()
def tied_weights(optimizing: Optimizing) -> Loop:
    """Embedding and decoder share a weight: both layers have its gradient, the total once."""
    return Supervised(
        Tied(),
        optimizing,
        lambda: (torch.randint(0, 9, (12,)), torch.randint(0, 9, (12,))),
        nn.functional.cross_entropy,
        follows={"body": "relu"},
    )


@awkward()
def a_frozen_backbone(optimizing: Optimizing) -> Loop:
    """The first layers do not require gradients."""
    model = mlp()
    model[0].requires_grad_(requires_grad=False)
    return Supervised(model, optimizing, noise(8, 4), follows={"0": "relu", "2": "relu"})


class Backbone(nn.Module):
    """A frozen part with functions as nonlinearities, one under ``no_grad``; a trained head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.body, self.head = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.stem.requires_grad_(requires_grad=False)
        self.body.requires_grad_(requires_grad=False)

    def forward(self, inputs: Tensor) -> Tensor:
        with torch.no_grad():
            hidden = torch.relu(self.stem(inputs))
        return torch.as_tensor(self.head(torch.tanh(self.body(hidden))))


@awkward(hidden=("act_rms", "act_zero", "act_dead", "act_saturated", "act_nonfinite"))
def a_frozen_backbone_of_functions(optimizing: Optimizing) -> Loop:
    """Nothing tells the activation function of a layer that has no graph."""
    return Supervised(Backbone(), optimizing, noise(8, 4), follows={"stem": "relu", "body": "tanh"})


@awkward()
def a_frozen_backbone_in_place(optimizing: Optimizing) -> Loop:
    """The first layer is frozen, and a module works on its output in place."""
    model = nn.Sequential(nn.Linear(4, 8), nn.ELU(inplace=True), nn.Linear(8, 3))
    model[0].requires_grad_(requires_grad=False)
    return Supervised(model, optimizing, noise(8, 4), follows={"0": "elu"})


class Unheard(nn.Module):
    """A body with two heads, one of which reaches the loss, and a layer that is its own output."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.used, self.unused = nn.Linear(4, 6), nn.Linear(6, 3), nn.Linear(6, 3)
        self.place = Place()

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = torch.relu(self.body(inputs) + self.place())
        self.unused(hidden)
        return torch.as_tensor(self.used(hidden))


class Place(nn.Module):
    """A layer that returns its own parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6))

    def forward(self) -> Tensor:
        return self.weight


@awkward(hidden=("act",), unseen=("grad_is_none",))
def a_head_that_nobody_uses(optimizing: Optimizing) -> Loop:
    """One layer gets no gradient, another returns a leaf: a hook on that would outlive the step."""
    return Supervised(Unheard(), optimizing, noise(8, 4))


@awkward()
def a_frozen_bias(optimizing: Optimizing) -> Loop:
    """One parameter of a layer is frozen, the other trains."""
    model = mlp(nn.Tanh)
    model.get_parameter("2.bias").requires_grad_(False)  # noqa: FBT003  # torch knows no keyword here
    return Supervised(model, optimizing, noise(8, 4), follows={"0": "tanh", "2": "tanh"})


class Thawing(Supervised):
    """Unfreezes the first layer after two steps."""

    def step(self, probe: Probe) -> None:
        if len(self.losses) == 2:
            first = self.model.get_submodule("0")
            first.requires_grad_()
            self.optimizer.add_param_group({"params": list(first.parameters())})
        super().step(probe)


@awkward(optimizers=FIRST_ORDER)
def unfrozen_later(optimizing: Optimizing) -> Loop:
    """A frozen layer joins the training after two steps."""
    model = mlp()
    model[0].requires_grad_(requires_grad=False)
    return Thawing(model, optimizing, noise(8, 4), follows={"0": "relu", "2": "relu"})


class Restored(Supervised):
    """Loads a checkpoint by assignment after two steps, and makes a new optimizer for it."""

    def __init__(self, model: nn.Module, optimizing: Optimizing) -> None:
        super().__init__(model, optimizing, noise(8, 4), follows={"0": "relu", "2": "relu"})
        self.optimizing = optimizing

    def step(self, probe: Probe) -> None:
        if len(self.losses) == 2:
            saved = {name: value.clone() * 1.5 for name, value in self.model.state_dict().items()}
            self.model.load_state_dict(saved, assign=True)
            self.optimizer = self.optimizing(self.model.parameters())
        super().step(probe)


@awkward(optimizers=FIRST_ORDER)
def a_checkpoint_loaded_by_assignment(optimizing: Optimizing) -> Loop:
    """load_state_dict(assign=True) replaces every parameter object in the middle of the run."""
    return Restored(mlp(), optimizing)


class Lazy(Supervised):
    """Has an optimizer only once the first batch has told the shapes."""

    def __init__(self, optimizing: Optimizing) -> None:
        model = nn.Sequential(nn.LazyLinear(6), nn.ReLU(), nn.LazyLinear(3))
        super().__init__(
            model,
            lambda _: optimizing([nn.Parameter(torch.zeros(1))]),
            noise(8, 4),
            follows={"0": "relu"},
        )
        self.optimizing = optimizing

    def step(self, probe: Probe) -> None:
        if not self.losses:
            with torch.no_grad():
                self.model(torch.zeros(1, 4))
            self.optimizer = self.optimizing(self.model.parameters())
        super().step(probe)


@awkward(optimizers=FIRST_ORDER)
def lazy_modules(optimizing: Optimizing) -> Loop:
    """Parameters have no shape until the first forward, which comes after the monitor."""
    return Lazy(optimizing)


class Doubled(nn.Module):
    """A low-rank addition to a weight."""

    def __init__(self, outputs: int, inputs: int) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(1, inputs) / 4)
        self.up = nn.Parameter(torch.randn(outputs, 1) / 4)

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.up @ self.down


@awkward()
def a_weight_norm(optimizing: Optimizing) -> Loop:
    """weight_norm's two parameters are in a parametrization, and count for the layer it is on."""
    model = mlp()
    parametrizations.weight_norm(model[2])
    return Supervised(model, optimizing, noise(8, 4), follows={"0": "relu", "2": "relu"})


@awkward()
def a_low_rank_addition(optimizing: Optimizing) -> Loop:
    """A parametrization with parameters of its own, over a frozen weight."""
    model = mlp(nn.ELU)
    model[0].requires_grad_(requires_grad=False)
    parametrize.register_parametrization(model[0], "weight", Doubled(8, 4))
    return Supervised(model, optimizing, noise(8, 4), follows={"0": "elu", "2": "elu"})


@awkward()
def a_spectral_norm(optimizing: Optimizing) -> Loop:
    """Merely reading the layer's weight runs a power iteration that changes its buffers."""
    model = mlp()
    parametrizations.spectral_norm(model[2])
    return Supervised(model, optimizing, noise(8, 4), follows={"0": "relu", "2": "relu"})


@awkward(optimizers=FIRST_ORDER)
def only_the_head_in_the_optimizer(optimizing: Optimizing) -> Loop:
    """All layers get gradients, but the optimizer holds the last one's parameters alone."""
    loop = Supervised(mlp(), optimizing, noise(8, 4), follows={"0": "relu", "2": "relu"})
    loop.optimizer = optimizing(loop.model.get_submodule("4").parameters())
    loop.meddle = forget_all_but_the_head
    return loop


def forget_all_but_the_head(model: nn.Module) -> None:
    """Clears gradients that no optimizer clears, as its zero_grad knows only its own."""
    for name, parameter in model.named_parameters():
        if not name.startswith("4"):
            parameter.grad = None


class Submodule(Supervised):
    """Trains a model of which a part is watched."""

    def __init__(self, optimizing: Optimizing) -> None:
        whole = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), mlp_of(5), nn.Tanh(), nn.Linear(3, 3))
        super().__init__(whole, optimizing, noise(8, 4), follows={"0": "relu", "2": "tanh"})
        self.whole = whole
        self.model = whole[2]

    def predict(self, inputs: Tensor) -> Tensor:
        return torch.as_tensor(self.whole(inputs))


def mlp_of(inputs: int) -> nn.Sequential:
    """Two linear layers, to 3 features."""
    return nn.Sequential(nn.Linear(inputs, 6), nn.ReLU(), nn.Linear(6, 3))


@awkward()
def part_of_a_larger_model(optimizing: Optimizing) -> Loop:
    """Only a part of what is trained is watched: the loss and the optimizer belong to the whole."""
    return Submodule(optimizing)
