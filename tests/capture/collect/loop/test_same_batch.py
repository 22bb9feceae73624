"""A loop that asks its loader for the first batch at every step, and loops that look like it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD
from torch.utils.data import DataLoader, TensorDataset

from gradwidget.capture.stats.fingerprint import are_same, fingerprint
from gradwidget.capture.stats.readback import Readback

Watch = Callable[..., Any]
STEPS = 14


@pytest.fixture(autouse=True)
def no_batches_of_other_tests() -> None:
    """What other tests have left would look like loaders and copies of this loop."""
    gc.collect()


def loader(samples: int = 64, size: int = 8, **options: Any) -> DataLoader[Any]:
    return DataLoader(TensorDataset(torch.randn(samples, 6)), batch_size=size, **options)


def again(given: DataLoader[Any]) -> Iterator[Tensor]:
    """The first batch, at every step."""
    while True:
        yield next(iter(given))[0]


def epochs(given: DataLoader[Any]) -> Iterator[Tensor]:
    while True:
        for (batch,) in given:
            yield batch


def train(watch: Watch, batches: Iterator[Tensor], model: nn.Module | None = None) -> list[float]:
    model = model or nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    capture = watch(model)
    optimizer = SGD(model.parameters(), lr=0.01)
    for _ in range(STEPS):
        x = next(batches)
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
    capture.close()
    return [frame.scalars["same_batch"] for frame in capture.frames]


def test_the_first_batch_for_ever_is_seen_after_a_few_steps(watch: Watch) -> None:
    seen = train(watch, again(loader()))
    assert seen == [0.0] * 6 + [1.0] * (STEPS - 6)


def test_of_tokens_beside_positions_as_well(watch: Watch) -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.places = nn.Embedding(9, 6), nn.Embedding(5, 6)
            self.head = nn.Linear(6, 3)
            self.register_buffer("numbers", torch.arange(5))

        def forward(self, tokens: Tensor) -> Tensor:
            y: Tensor = self.head(self.words(tokens) + self.places(self.numbers))
            return y

    tokens = DataLoader(TensorDataset(torch.randint(0, 9, (64, 5))), batch_size=8)
    assert train(watch, again(tokens), Reader())[-1] == 1
    assert train(watch, epochs(tokens), Reader()) == [0.0] * STEPS


def test_a_view_of_a_batch_is_that_batch(watch: Watch) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 3))
    cut = DataLoader(TensorDataset(torch.randn(64, 2, 3)), batch_size=8)
    assert train(watch, again(cut), model)[-1] == 1
    (kept,) = next(iter(cut))
    assert train(watch, iter(lambda: kept, None), model) == [0.0] * STEPS


def test_epochs_are_as_they_should_be(watch: Watch) -> None:
    assert train(watch, epochs(loader())) == [0.0] * STEPS
    assert train(watch, epochs(loader(shuffle=True))) == [0.0] * STEPS


def test_one_tensor_for_ever_is_meant(watch: Watch) -> None:
    other = loader()
    (kept,) = next(iter(other))
    assert train(watch, iter(lambda: kept, None)) == [0.0] * STEPS


def test_copies_of_a_batch_that_is_kept_are_meant(watch: Watch) -> None:
    other = loader()
    (kept,) = next(iter(other))
    assert train(watch, iter(kept.clone, None)) == [0.0] * STEPS


def test_a_batch_that_is_kept_and_scaled_at_every_step_is_meant(watch: Watch) -> None:
    other = loader()
    (kept,) = next(iter(other))
    pixels = ((kept + 4) * 30).to(torch.uint8)
    assert train(watch, iter(lambda: (kept - 2) / 3, None)) == [0.0] * STEPS
    assert train(watch, iter(lambda: pixels.float() / 255, None)) == [0.0] * STEPS


def test_other_tensors_of_that_size_in_the_process_do_not_count(watch: Watch) -> None:
    beside = [torch.randn(8, 6), torch.zeros(8, 6), torch.randint(9, (8, 6))]
    assert train(watch, again(loader())) == [0.0] * 6 + [1.0] * (STEPS - 6)
    assert len(beside) == 3


def test_a_loader_of_a_single_batch_has_no_other(watch: Watch) -> None:
    beside = loader()
    assert train(watch, epochs(loader(8))) == [0.0] * STEPS
    assert len(beside) > 1


def test_the_same_samples_of_a_larger_tensor_at_every_step_are_seen(watch: Watch) -> None:
    data = torch.randn(64, 6)

    def seeded() -> Tensor:
        return data[torch.randint(64, (8,), generator=torch.Generator().manual_seed(0))]

    assert train(watch, iter(seeded, None))[-1] == 1


def test_a_part_of_a_tensor_that_is_kept_is_meant(watch: Watch) -> None:
    data = torch.randn(64, 6)
    chosen = data[torch.randperm(64)[:8]]
    assert train(watch, iter(lambda: chosen, None)) == [0.0] * STEPS
    assert train(watch, iter(lambda: data[:8], None)) == [0.0] * STEPS
    assert train(watch, iter(chosen.clone, None)) == [0.0] * STEPS


def test_samples_that_are_all_the_same_have_no_others(watch: Watch) -> None:
    data = torch.randn(6).expand(64, 6).contiguous()
    assert train(watch, iter(lambda: data[torch.randint(64, (8,))], None)) == [0.0] * STEPS


def test_samples_that_are_all_there_is_have_no_others(watch: Watch) -> None:
    data = torch.randn(8, 6)
    assert train(watch, iter(lambda: data[torch.arange(8)], None)) == [0.0] * STEPS


def test_without_a_loader_nobody_knows(watch: Watch) -> None:
    rows = [[float(i + j) for j in range(6)] for i in range(11)]
    assert train(watch, iter(lambda: torch.tensor(rows), None)) == [0.0] * STEPS


@pytest.mark.slow
def test_of_micro_batches_that_are_the_same_in_every_step(watch: Watch) -> None:
    model, given = nn.Linear(6, 3), loader(shuffle=False)
    optimizer = SGD(model.parameters(), lr=0.01)

    def run(batches: Callable[[], Iterator[Tensor]]) -> list[float]:
        capture, endless = watch(model), batches()
        for _ in range(STEPS):
            optimizer.zero_grad()
            for _ in range(3):
                model(next(endless)).square().mean().backward()
            optimizer.step()
        capture.close()
        return [frame.scalars["same_batch"] for frame in capture.frames]

    assert run(lambda: again(given))[-1] == 1
    assert run(lambda: epochs(given)) == [0.0] * STEPS


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool])
def test_a_fingerprint_tells_order_and_place(dtype: torch.dtype) -> None:
    data = (torch.rand(40, 30) > 0.9).to(dtype)
    readback = Readback()
    first = fingerprint(data, readback)()
    assert are_same(first, fingerprint(data.clone(), readback)())
    assert not are_same(first, fingerprint(data.flip(0), readback)())
    assert not are_same(first, fingerprint(data.roll(1, 1), readback)())
