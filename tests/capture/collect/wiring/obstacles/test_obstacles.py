"""What the graph shows of networks that cannot learn, and of others that resemble them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD, Adam

from tests.capture.collect.wiring.loop import Watch, mean_square, wiring
from tests.capture.older_torch import reads_saved_tensors

N = 6
TARGETS = torch.arange(float(N))
LABELS = torch.zeros(N, dtype=torch.long)


def bent() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1))


@reads_saved_tensors
@pytest.mark.parametrize(
    "loss",
    [
        lambda y: (y - TARGETS).square().mean(),
        lambda y: (TARGETS[:, None] - y.squeeze(1)).abs().mean(),
        pytest.param(
            lambda y: functional.mse_loss(y, TARGETS),
            marks=pytest.mark.filterwarnings("ignore:Using a target size"),  # the fault itself
        ),
    ],
    ids=["column and row", "row and column", "mse_loss"],
)
def test_each_output_held_against_every_target_is_seen(
    watch: Watch, loss: Callable[[Any], Tensor]
) -> None:
    assert "every pair" in wiring(watch, bent(), N, 4, loss=loss).obstacles


@pytest.mark.parametrize(
    "loss",
    [
        lambda y: (y - TARGETS[:, None]).square().mean(),
        lambda y: (y.squeeze(1) - TARGETS).square().mean(),
        lambda y: (y - y.squeeze(1)).square().mean() + y.exp().mean(),
        lambda y: (y - torch.zeros(3)).square().mean(),
    ],
    ids=["two columns", "two rows", "pairs of outputs", "three quantiles"],
)
def test_other_differences_are_none(watch: Watch, loss: Callable[[Any], Tensor]) -> None:
    assert wiring(watch, bent(), N, 4, loss=loss).obstacles == {}


def test_nor_are_vectors_of_as_many_entries_that_are_divided_by_their_norms(watch: Watch) -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, N))

    def loss(output: Any) -> Tensor:
        one = functional.normalize(output, dim=1)
        return functional.cross_entropy(one @ one.detach().T / 0.07, torch.arange(N))

    assert wiring(watch, model, N, 4, loss=loss).obstacles == {}


@reads_saved_tensors
@pytest.mark.parametrize(("dim", "expected"), [(0, ("no logarithm", "over samples")), (1, ())])
def test_a_softmax_over_the_samples_is_told_from_one_over_the_classes(
    watch: Watch, dim: int, expected: tuple[str, ...]
) -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    labels = torch.zeros(N, dtype=torch.long)

    def loss(output: Any) -> Tensor:
        return functional.nll_loss(output.log_softmax(dim), labels)

    assert tuple(wiring(watch, model, N, 4, loss=loss).obstacles) == expected


class Attention(nn.Module):
    """Samples of four positions of six features, and what is done with their scores."""

    def __init__(self, attend: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.q, self.k, self.v, self.last = (nn.Linear(6, 6) for _ in range(4))
        self.attend = attend

    def forward(self, x: Tensor) -> Tensor:
        x = x.view(-1, 4, 6)
        seen = torch.relu(self.attend(self.q(x), self.k(x), self.v(x)))
        return torch.as_tensor(self.last(seen))


def plain(q: Tensor, k: Tensor, v: Tensor, *, dim: int) -> Tensor:
    hidden = torch.ones(4, 4).triu(1).bool()
    scores = (q @ k.transpose(1, 2) / 6**0.5).masked_fill(hidden, -1e9)
    return functional.dropout(scores.softmax(dim), 0.1) @ v


def headed(q: Tensor, k: Tensor, v: Tensor, *, dim: int) -> Tensor:
    q, k, v = (one.unflatten(-1, (2, 3)).transpose(1, 2) for one in (q, k, v))
    scores = q @ k.transpose(-1, -2) / 3**0.5 + torch.zeros(4, 4)
    return (scores.softmax(dim) @ v).transpose(1, 2).flatten(2)


def summed(q: Tensor, k: Tensor, v: Tensor, *, dim: int) -> Tensor:
    q, k, v = (one.unflatten(-1, (2, 3)) for one in (q, k, v))
    scores = torch.einsum("bqhd,bkhd->bhqk", q, k)
    return torch.einsum("bhqk,bkhd->bqhd", scores.softmax(dim), v).flatten(2)


def time_first(q: Tensor, k: Tensor, v: Tensor, *, dim: int) -> Tensor:
    """[time, samples, features], of which the scores are made as [samples, time, time]."""
    q, k, v = (one.transpose(0, 1).contiguous().transpose(0, 1) for one in (q, k, v))
    return plain(q, k, v, dim=dim)


@pytest.mark.parametrize("attention", [plain, headed, summed, time_first])
@pytest.mark.parametrize(("dim", "is_wrong"), [(0, True), (-1, False)])
def test_an_attention_over_the_samples_is_told_from_one_over_the_positions(
    watch: Watch, attention: Callable[..., Tensor], dim: int, *, is_wrong: bool
) -> None:
    model = Attention(lambda q, k, v: attention(q, k, v, dim=dim))
    found = wiring(watch, model, 5, 24).obstacles
    assert ("attends over samples" in found) is is_wrong
    if is_wrong:
        shape = "[5, 2, 4, 4]" if attention in {headed, summed} else "[5, 4, 4]"
        assert found["attends over samples"] == ("5", shape)


@pytest.mark.parametrize(
    "attend",
    [
        # Pooled over time, which is the first dimension.
        lambda q, k, v: ((q * k).sum(-1, keepdim=True).softmax(0) * v).sum(0),
        lambda q, _, v: q[..., :1].softmax(0).permute(1, 2, 0) @ v.transpose(0, 1),
        # Weights for the outputs of experts, one above the other.
        lambda q, k, v: (torch.stack([q, k, v]) * torch.stack([q, k, v]).softmax(0)).sum(0),
        # Scores of keys by samples by queries.
        lambda q, k, v: torch.einsum(
            "kbq,bkd->bqd", torch.einsum("bqd,bkd->kbq", q, k).softmax(0), v
        ),
        # Slots that compete for positions.
        lambda q, k, v: (q @ k.transpose(1, 2)).softmax(1).transpose(1, 2) @ v,
    ],
    ids=["pooled", "pooled by a product", "experts", "keys first", "slots"],
)
def test_another_softmax_over_the_first_dimension_is_none(
    watch: Watch, attend: Callable[[Tensor, Tensor, Tensor], Tensor]
) -> None:
    found = wiring(watch, Attention(attend), 5, 24).obstacles
    assert "attends over samples" not in found


def distilled(output: Tensor) -> Tensor:
    """What another network says, and the labels with the weight 0."""
    logs = output.log_softmax(1)
    said = torch.full_like(logs, 1 / 3)
    return functional.kl_div(logs, said, reduction="batchmean") + 0.0 * functional.nll_loss(
        logs, LABELS
    )


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (lambda y: functional.cross_entropy(y, LABELS, label_smoothing=1.0), ("no targets",)),
        (lambda y: 2 * functional.cross_entropy(y, LABELS, label_smoothing=1.0), ("no targets",)),
        (lambda y: functional.cross_entropy(y, LABELS, label_smoothing=0.5), ()),
        (lambda y: functional.cross_entropy(y, LABELS), ()),
        (lambda y: y.square().mean() + 0.0 * functional.cross_entropy(y, LABELS), ()),
        (distilled, ()),
    ],
)
def test_targets_that_count_nothing_are_told_from_a_loss_of_the_weight_0(
    watch: Watch, loss: Callable[[Any], Tensor], expected: tuple[str, ...]
) -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    assert tuple(wiring(watch, model, N, 4, loss=loss).obstacles) == expected


@pytest.mark.parametrize(("bend", "expected"), [(nn.ReLU, ("flat slopes",)), (nn.Tanh, ())])
def test_slopes_of_relu_in_the_loss_are_seen(
    watch: Watch, bend: type[nn.Module], expected: tuple[str, ...]
) -> None:
    model = nn.Sequential(nn.Linear(4, 5), bend(), nn.Linear(5, 1))
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.01)
    for _ in range(3):
        x = torch.randn(N, 4, requires_grad=True)
        (slope,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
        slope.square().mean().backward()
        optimizer.step()
    assert tuple(capture.frames[-1].wiring.obstacles) == expected


class Between(nn.Module):
    """What lies between two linear layers."""

    def __init__(self, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 1)
        self.between = between

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.between(self.first(x)))
        return y


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        (lambda x: x, ("no bend",)),
        (lambda x: 2 * x + 1, ("no bend",)),
        (lambda x: functional.dropout(x, 0.5), ("no bend",)),
        (
            lambda x: x.view(-1, 2, 2).mean(1, keepdim=True).expand(-1, 2, 2).flatten(1),
            ("no bend",),
        ),
        (torch.sin, ()),
        (lambda x: x * x.sigmoid(), ()),
        (lambda x: x * x, ()),
        (lambda x: x @ x.T @ x, ()),
        (lambda x: functional.layer_norm(x, (4,)), ()),
        (lambda x: torch.where(x > 0, x, 0.1 * x), ()),
    ],
)
def test_nothing_but_linear_operations_is_told_from_any_bend(
    watch: Watch, between: Callable[[Tensor], Tensor], expected: tuple[str, ...]
) -> None:
    assert tuple(wiring(watch, Between(between), N, 4, loss=mean_square).obstacles) == expected


@pytest.mark.parametrize("is_frozen", [True, False])
def test_a_requires_grad_that_is_only_an_attribute_of_a_module_is_seen(
    watch: Watch, *, is_frozen: bool
) -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Linear(4, 1))
    model[0].requires_grad_(not is_frozen)
    model[0].requires_grad = True  # type: ignore[assignment]  # the fault itself
    found = wiring(watch, model, N, 4, loss=mean_square).obstacles
    assert found.get("only an attribute") == (("0",) if is_frozen else None)


@pytest.mark.parametrize("is_new", [True, False])
def test_an_optimizer_that_is_created_again_for_every_step_is_seen(
    watch: Watch, *, is_new: bool
) -> None:
    model = bent()
    capture, optimizer = watch(model), SGD(model.parameters(), 0.1)
    for _ in range(40):
        if is_new:
            optimizer = SGD(model.parameters(), 0.1)
        optimizer.zero_grad()
        model(torch.randn(N, 4)).square().mean().backward()
        optimizer.step()
    assert ("created again" in capture.frames[-1].wiring.obstacles) is is_new


def test_an_optimizer_whose_first_turn_comes_late_is_known_then(watch: Watch) -> None:
    model = nn.ModuleDict({"maker": nn.Linear(4, 4), "judge": nn.Linear(4, 1)})
    capture = watch(model)
    judge, maker = SGD(model["judge"].parameters(), 0.1), Adam(model["maker"].parameters())
    for step in range(8):
        optimizer = maker if step % 8 == 6 else judge
        model.zero_grad()
        model["judge"](model["maker"](torch.randn(2, 4))).square().mean().backward()
        optimizer.step()
    assert capture.frames[-1].wiring.optimizers == ("SGD", "Adam")
