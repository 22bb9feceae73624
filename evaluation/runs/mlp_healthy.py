"""Perceptrons that are fine, whatever a fixed threshold makes of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR

from evaluation.runs.data import digits
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import Residual, names_of, stack, tower
from evaluation.runs.run import Conditions, Training, healthy


def _plain(c: Conditions, hidden: int = 3) -> nn.Sequential:
    return stack(tower(c, hidden, 64), nn.ReLU, gain=2**0.5)


@healthy(200)
def mlp_plain(c: Conditions) -> Training:
    """ReLU layers as He and others draw them."""
    model = _plain(c)
    return supervised(c, model, c.sgd(model, 0.1), digits(c), chain=names_of(model))


@healthy(200)
def mlp_summed_loss(c: Conditions) -> Training:
    """The loss is summed over the batch: every gradient is sixty times what an average gives."""
    model = _plain(c)
    size = digits(c).size
    optimizer = c.sgd(model, 0.1 / size)
    return supervised(c, model, optimizer, digits(c), chain=names_of(model), scale=float(size))


@healthy(200)
def mlp_uneven_widths(c: Conditions) -> Training:
    """Layers of very different size, from a bottleneck of 12 to 1,024 units."""
    model = stack([64, c.width(512), 12, c.width(256), 16, 10], nn.ReLU, gain=2**0.5)
    return supervised(c, model, c.sgd(model, 0.05), digits(c), chain=names_of(model))


@healthy(400)
def mlp_converged(c: Conditions) -> Training:
    """A residual net that has learnt sixty samples by heart: loss and gradients next to nothing."""
    width = c.width(48)
    blocks = [
        Residual(nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)))
        for _ in range(6)
    ]
    model = nn.Sequential(nn.Linear(64, width), *blocks, nn.Linear(width, 10))
    batches = digits(c)
    few = type(batches)(batches.x[:64], batches.y[:64], 32, c.seed)
    return supervised(c, model, c.adam(model, 2e-3), few, chain=("0", "7"))


@healthy(250)
def mlp_small_batches(c: Conditions) -> Training:
    """Batches of four: the gradient of one step says little about the next."""
    model = _plain(c)
    return supervised(c, model, c.sgd(model, 0.02), digits(c, 4), chain=names_of(model))


@healthy(200)
def mlp_clipped(c: Conditions) -> Training:
    """Clipping is on, and bites at nearly every step."""
    model = _plain(c)
    return supervised(c, model, c.sgd(model, 0.3), digits(c), chain=names_of(model), clip=0.25)


@healthy(220)
def mlp_cosine_to_zero(c: Conditions) -> Training:
    """A schedule that ends at a learning rate of 0: the last updates are as good as none."""
    model = _plain(c)
    optimizer = c.sgd(model, 0.15)
    return supervised(
        c,
        model,
        optimizer,
        digits(c),
        chain=names_of(model),
        schedule=CosineAnnealingLR(optimizer, 220),
    )


@healthy(200)
def mlp_warm_up(c: Conditions) -> Training:
    """The learning rate rises over the first 60 steps from a thousandth."""
    model = _plain(c)
    optimizer = c.sgd(model, 0.15)
    schedule = LambdaLR(optimizer, lambda step: min(1.0, 1e-3 + step / 60))
    return supervised(c, model, optimizer, digits(c), chain=names_of(model), schedule=schedule)


@healthy(150)
def mlp_accumulated(c: Conditions) -> Training:
    """Eight batches of eight add up to one step."""
    model = _plain(c)
    return supervised(
        c, model, c.sgd(model, 0.1), digits(c, 8), chain=names_of(model), accumulate=8
    )


@healthy(180)
def mlp_loss_scaled(c: Conditions) -> Training:
    """A gradient scaler at 65,536 in bfloat16: raw gradients are huge, those that are used not."""
    model = _plain(c)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    return supervised(
        c,
        model,
        c.sgd(model, 0.1),
        digits(c),
        chain=names_of(model),
        precision=torch.bfloat16,
        scaler=scaler,
        clip=5.0,
    )


@healthy(200)
def mlp_tanh(c: Conditions) -> Training:
    """Six tanh layers with Xavier's initialization: some decay over depth, and no harm in it."""
    model = stack(tower(c, 6, 64), nn.Tanh, gain=1.1)
    return supervised(c, model, c.sgd(model, 0.1), digits(c), chain=names_of(model))


@healthy(200)
def mlp_dropout(c: Conditions) -> Training:
    """Half of all units are dropped at each step."""
    widths = tower(c, 2, 128)
    model = nn.Sequential(
        nn.Linear(64, widths[1]),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(widths[1], widths[1]),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(widths[1], 10),
    )
    return supervised(c, model, c.sgd(model, 0.2), digits(c), chain=names_of(model))


class Heads(nn.Module):
    """A trunk, a head for every step and one for now and then."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.digit = nn.Linear(width, 10)
        self.parity = nn.Linear(width, 2)
        self.asked = False

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        features = self.trunk(x)
        return self.digit(features), self.parity(features) if self.asked else None


@healthy(240)
def mlp_head_now_and_then(c: Conditions) -> Training:
    """A second head that is asked at one step in eight, and has no gradient at the others."""
    model = Heads(c.width(64))

    def criterion(output: tuple[Tensor, Tensor | None], y: Tensor) -> Tensor:
        loss = functional.cross_entropy(output[0], y)
        return (
            loss if output[1] is None else loss + 0.3 * functional.cross_entropy(output[1], y % 2)
        )

    def before(step: int) -> None:
        model.asked = step % 8 == 0

    return supervised(
        c,
        model,
        c.sgd(model, 0.4),
        digits(c),
        criterion,  # type: ignore[arg-type] # the model answers with a pair
        chain=("trunk.0", "trunk.2", "digit"),
        before=before,
    )


class LowRank(nn.Module):
    """A frozen layer with a trainable low-rank addition that starts at 0 (arXiv 2106.09685)."""

    def __init__(self, fan_in: int, fan_out: int, rank: int = 4) -> None:
        super().__init__()
        self.frozen = nn.Linear(fan_in, fan_out).requires_grad_(requires_grad=False)
        self.down = nn.Linear(fan_in, rank, bias=False)
        self.up = nn.Linear(rank, fan_out, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.frozen(x) + 2.0 * self.up(self.down(x))
        return y


@healthy(220)
def mlp_low_rank(c: Conditions) -> Training:
    """LoRA on frozen layers: at step 0 every first factor has a gradient of exactly 0."""
    width = c.width(64)
    model = nn.Sequential(
        LowRank(64, width),
        nn.ReLU(),
        LowRank(width, width),
        nn.ReLU(),
        LowRank(width, width),
        nn.ReLU(),
        nn.Linear(width, 10),
    )
    return supervised(c, model, c.adam(model, 1e-2), digits(c), chain=("0.up", "2.up", "4.up", "6"))


@healthy(220)
def mlp_zero_residual(c: Conditions) -> Training:
    """Residual branches whose last layer starts at 0: others get nothing yet (arXiv 1901.09321)."""
    width = c.width(64)

    def branch() -> nn.Module:
        last = nn.Linear(width, width)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        return Residual(nn.Sequential(nn.Linear(width, width), nn.ReLU(), last))

    model = nn.Sequential(
        nn.Linear(64, width), *[branch() for _ in range(c.depth(5))], nn.Linear(width, 10)
    )
    return supervised(c, model, c.sgd(model, 0.05), digits(c), chain=("0", str(len(model) - 1)))


@healthy(200)
def mlp_sparse_units(c: Conditions) -> Training:
    """Wide layers in which each sample wakes few units, but each unit is woken by some sample."""
    model = stack([64, c.width(512), 10], nn.ReLU, gain=2**0.5)
    first = model[0]
    if isinstance(first, nn.Linear):
        nn.init.constant_(first.bias, -1.2)
    return supervised(c, model, c.sgd(model, 0.1), digits(c), chain=names_of(model))


@healthy(220)
def mlp_leaves_a_plateau(c: Conditions) -> Training:
    """Small tanh weights: the loss rests for a while, then falls, and the gradient rises."""
    model = stack(tower(c, 2, 64), nn.Tanh, gain=0.35)
    return supervised(c, model, c.sgd(model, 0.25), digits(c), chain=names_of(model))


@healthy(200)
def mlp_weight_decay(c: Conditions) -> Training:
    """AdamW with a decay of 0.1: the weights shrink a little, as they should."""
    model = _plain(c)
    optimizer = torch.optim.AdamW(model.parameters(), lr=c.rate(3e-3), weight_decay=0.1)
    return supervised(c, model, optimizer, digits(c), chain=names_of(model))
