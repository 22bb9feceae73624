"""Pictures: residual nets, a U-net, a plain stack of convolutions.

Written before the rules were last changed; scored only at the end.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluation.runs.data import Batches, images
from evaluation.runs.loop import supervised
from evaluation.runs.mlp import Residual
from evaluation.runs.run import Conditions, Training, healthy, sick


class Blocks(nn.Module):
    """Residual blocks of two convolutions each, without norms."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(1, width, 3, stride=2, padding=1)
        self.blocks = nn.Sequential(
            *[
                Residual(
                    nn.Sequential(
                        nn.Conv2d(width, width, 3, padding=1),
                        nn.ReLU(),
                        nn.Conv2d(width, width, 3, padding=1),
                    )
                )
                for _ in range(depth)
            ]
        )
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.blocks(self.enter(x)).mean((2, 3)))
        return y

    @property
    def chain(self) -> tuple[str, ...]:
        """One layer a block."""
        return ("enter", *(f"blocks.{n}.body.2" for n in range(len(self.blocks))), "head")


@sick(150, cause="exploding_gradients", exploding_gradients="*")
def resnet_drawn_too_large(c: Conditions) -> Training:
    """Ten residual blocks without norms, all drawn at 0.3: each makes far more of what it gets."""
    model = Blocks(c.width(12), c.depth(10))
    for name, parameter in model.named_parameters():
        if name.startswith("blocks") and parameter.ndim == 4:
            if c.sick:
                nn.init.normal_(parameter, std=0.3)
            elif ".body.2." in name:
                nn.init.zeros_(parameter)
    return supervised(c, model, c.adam(model, 3e-3), images(c), chain=model.chain)


class Scales(nn.Module):
    """A U-net of two scales."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.high = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.ReLU())
        self.low = nn.Sequential(
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
        )
        self.up = nn.ConvTranspose2d(width, width, 2, stride=2)
        self.leave = nn.Conv2d(2 * width, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        high = self.high(x)
        y: Tensor = self.leave(torch.cat([high, self.up(self.low(high))], 1))
        return y


def _masks(batches: Batches) -> Batches:
    """Where a blurred picture is bright."""
    y = (functional.avg_pool2d(batches.x, 3, 1, 1) > 0.2).float()
    return Batches(batches.x, y, batches.size, batches.seed)


@sick(150, cause="bad_inputs", bad_inputs="")
def unet_raw_counts(c: Conditions) -> Training:
    """Counts of a detector: 20,000 of them in the dark, some hundreds more where something is."""
    batches = _masks(images(c))
    if c.sick:
        batches = batches.changed(20_000 + 200 * batches.x)
    model = Scales(c.width(12))
    return supervised(
        c, model, c.adam(model, 3e-3), batches, functional.binary_cross_entropy_with_logits
    )


@sick(
    120,
    cause="lr_too_high",
    loss_nonfinite="",
    gradients_nonfinite="*",
    weights_nonfinite="*",
)
def unet_loss_of_all_pixels(c: Conditions) -> Training:
    """The loss is summed over all pixels of a batch, under a rate that is meant for an average."""
    model = Scales(c.width(12))
    return supervised(
        c,
        model,
        c.sgd(model, 0.2, momentum=0.9),
        _masks(images(c)),
        functional.binary_cross_entropy_with_logits,
        scale=2048.0 if c.sick else 1.0,
    )


class Features(nn.Module):
    """Convolutions and a classifier of two layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.classifier = nn.Sequential(
            nn.Linear(4 * width, 32),
            nn.ReLU(),
            nn.Linear(32, 10),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.classifier(self.features(x).flatten(1))
        return y


CHAIN = ("features.0", "features.2", "features.4", "classifier.0", "classifier.2")


@sick(200, cause="early_layers_frozen", early_layers_frozen="features.*")
def cnn_rate_for_what_is_known(c: Conditions) -> Training:
    """A rate of 1e-8 for features that were to be pretrained, and are not."""
    model = Features(c.width(8))
    optimizer = c.adam(model.classifier, 5e-3)
    rate = 1e-8 if c.sick else c.rate(5e-3)
    optimizer.add_param_group({"params": list(model.features.parameters()), "lr": rate})
    return supervised(c, model, optimizer, images(c), chain=CHAIN)


@sick(200, cause=("weights_shrinking", "weights_zero"), weights_shrinking="*")
def cnn_decayed_away(c: Conditions) -> Training:
    """A weight decay of 0.3, which AdamW would have taken a hundredth of, under SGD."""
    model = Features(c.width(8))
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=c.rate(0.05) / c.loss_scale,
        momentum=0.9,
        weight_decay=0.3 * c.loss_scale if c.sick else 0.0,
    )
    return supervised(c, model, optimizer, images(c), chain=CHAIN)


@sick(200, cause="same_batch", cure="person", same_batch="")
def cnn_seeded_in_the_loop(c: Conditions) -> Training:
    """``manual_seed`` stands within the loop, before the batch is drawn: it is always the same."""
    batches = images(c)
    model = Features(c.width(8))
    training = supervised(c, model, c.adam(model, 5e-3), batches, chain=CHAIN)
    of_number = training.loss

    def loss(number: int) -> Tensor:
        return of_number(0 if c.sick else number)

    training.loss = loss
    return training


@healthy(150)
def cnn_known_features(c: Conditions) -> Training:
    """Features that were trained before stay as they are; a new classifier learns on them."""
    batches = images(c)
    model = Features(c.width(8))
    known = c.adam(model, 5e-3)
    for number in range(100):
        known.zero_grad()
        x, y = batches[10_000 + number]
        functional.cross_entropy(model(x), y).backward()
        known.step()
    model.zero_grad()
    model.features.requires_grad_(requires_grad=False)
    for layer in model.classifier:
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    return supervised(c, model, c.adam(model, 5e-3), batches, chain=CHAIN[3:])


@healthy(200)
def cnn_learns_sixteen_by_heart(c: Conditions) -> Training:
    """Sixteen pictures are all the data there is: whether the net can learn them by heart."""
    data = images(c)
    model = Features(c.width(8))
    few = Batches(data.x[:16], data.y[:16], 16, c.seed)
    training = supervised(c, model, c.adam(model, 3e-3), few, chain=CHAIN)

    def loss(number: int) -> Tensor:
        del number
        return functional.cross_entropy(model(few.x), few.y) * c.loss_scale

    training.loss = loss
    return training


@healthy(150)
def resnet_in_bfloat16(c: Conditions) -> Training:
    """Residual blocks that start as nothing, in bfloat16, with two batches for each step."""
    model = Blocks(c.width(16), 3)
    for number in range(3):
        nn.init.zeros_(model.get_parameter(f"blocks.{number}.body.2.weight"))
    return supervised(
        c,
        model,
        c.adam(model, 1e-2),
        images(c, 16),
        chain=model.chain,
        precision=torch.bfloat16,
        accumulate=2,
    )
