"""An attention that sees what it is to predict is told from every one that does not, or may."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD
from torch.utils.checkpoint import checkpoint

from gradwidget.capture.collect.lookahead.seen_targets import Reading, SeenTargets
from gradwidget.capture.stats.readback import Readback
from tests.capture.collect.lookahead.language import (
    LENGTH,
    SAMPLES,
    TOKENS,
    WIDTH,
    Attend,
    Model,
    Stack,
    Watch,
    after_softmax,
    by_hand,
    found,
    later,
    next_tokens,
    open_to_all,
    text,
    with_einsum,
)
from tests.capture.older_torch import reads_saved_tensors

pytestmark = reads_saved_tensors


def padded_labels(model: nn.Module, s: Tensor) -> Tensor:
    """As transformers does it: the labels are shifted, and filled up with what is ignored."""
    labels = functional.pad(s, (0, 1), value=-100)[:, 1:]
    return functional.cross_entropy(model(s).view(-1, TOKENS), labels.reshape(-1))


def cut_logits(model: nn.Module, s: Tensor) -> Tensor:
    return functional.cross_entropy(model(s)[:, :-1].transpose(1, 2), s[:, 1:])


def of_samples_of_some_length(model: nn.Module, s: Tensor) -> Tensor:
    """[BOS, a, b, PAD] with [a, b, EOS, PAD]."""
    x, y = s[:, :-1].clone(), s[:, 1:].clone()
    for row in range(len(s)):
        end = 5 + row % 5
        x[row, end:] = y[row, end:] = 0
        y[row, end - 1] = TOKENS - 1
    return functional.cross_entropy(model(x).flatten(0, 1), y.flatten(), ignore_index=0)


HIDING: dict[str, Callable[[Tensor], Tensor]] = {
    "masked_fill": lambda s: s.masked_fill(later(s.shape[-1]), -torch.inf),
    "a number": lambda s: s.masked_fill(later(s.shape[-1]), -1e4),
    "less than that": lambda s: s - 100.0 * later(s.shape[-1]),
    "where": lambda s: torch.where(later(s.shape[-1]), -torch.inf, s),
    "a window": lambda s: s.masked_fill(
        later(s.shape[-1]) | later(s.shape[-1]).triu(3).T, -torch.inf
    ),
}


@pytest.mark.parametrize(
    "model",
    [
        lambda: Model(functional.scaled_dot_product_attention),
        lambda: Model(partial(functional.scaled_dot_product_attention, dropout_p=0.1)),
        lambda: Model(partial(by_hand, hide=open_to_all)),
        lambda: Model(partial(by_hand, hide=open_to_all, dropout=0.3)),
        lambda: Model(partial(by_hand, hide=open_to_all), heads=1),
        lambda: Model(partial(with_einsum, hide=open_to_all)),
        # Of the scores, before a softmax that gives each of what is 0 a weight.
        lambda: Model(partial(by_hand, hide=lambda s: s * ~later(s.shape[-1]))),
        # One too few is hidden.
        lambda: Model(partial(by_hand, hide=lambda s: s.masked_fill(later(9).triu(2), -1e9))),
        Stack,
        lambda: Stack(dropout=0.1),
        lambda: Stack(src_key_padding_mask=torch.zeros(SAMPLES, LENGTH, dtype=torch.bool)),
    ],
    ids=[
        *("fused", "fused with dropout", "by hand", "by hand with dropout", "one head", "einsum"),
        *("multiplied scores", "one too few", "encoder", "encoder with dropout", "padding mask"),
    ],
)
def test_an_attention_that_sees_the_next_token_is_found(
    watch: Watch, model: Callable[[], nn.Module]
) -> None:
    words = found(watch, model())
    assert words is not None
    assert words[2] == str(LENGTH)


def test_it_is_said_which_one_it_is_and_how_many_there_are(watch: Watch) -> None:
    fused = "scaled_dot_product_attention"
    assert found(watch, Stack()) == (fused, "encoder.layers.0.self_attn", str(LENGTH), "2")
    words = found(watch, Model(partial(by_hand, hide=open_to_all)))
    assert words is not None
    assert words[0] == "softmax"
    assert words[1] in {"q", "k"}


@pytest.mark.parametrize("loss", [padded_labels, cut_logits, of_samples_of_some_length])
@pytest.mark.parametrize("is_causal", [False, True])
def test_however_the_targets_lie(
    watch: Watch, loss: Callable[[Any, Tensor], Tensor], *, is_causal: bool
) -> None:
    model = Model(partial(functional.scaled_dot_product_attention, is_causal=is_causal))
    assert (found(watch, model, loss, partial(text, 12)) is None) is is_causal


@pytest.mark.parametrize("is_masked", [False, True])
def test_also_with_positions_first(watch: Watch, *, is_masked: bool) -> None:
    class TimeFirst(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Embedding(TOKENS, WIDTH), nn.Linear(WIDTH, TOKENS)
            self.layer = nn.TransformerEncoderLayer(WIDTH, 2, 16)

        def forward(self, tokens: Tensor) -> Tensor:
            mask = later(len(tokens)) if is_masked else None
            return torch.as_tensor(self.head(self.layer(self.embed(tokens), src_mask=mask)))

    def loss(model: nn.Module, s: Tensor) -> Tensor:
        s = s.T
        return functional.cross_entropy(model(s[:-1]).view(-1, TOKENS), s[1:].reshape(-1))

    assert (found(watch, TimeFirst(), loss) is None) is is_masked


@pytest.mark.parametrize("hide", HIDING.values(), ids=HIDING)
def test_one_that_hides_it_is_none(watch: Watch, hide: Callable[[Tensor], Tensor]) -> None:
    assert found(watch, Model(partial(by_hand, hide=hide))) is None
    assert found(watch, Model(partial(with_einsum, hide=hide))) is None


@pytest.mark.parametrize(
    "attend",
    [
        partial(functional.scaled_dot_product_attention, is_causal=True),
        partial(functional.scaled_dot_product_attention, is_causal=True, dropout_p=0.1),
        partial(functional.scaled_dot_product_attention, attn_mask=~later(LENGTH)),
        partial(functional.scaled_dot_product_attention, attn_mask=-1e9 * later(LENGTH)),
        partial(
            functional.scaled_dot_product_attention,
            attn_mask=(~later(LENGTH)).expand(SAMPLES, 1, LENGTH, LENGTH),
        ),
        partial(after_softmax, mask=1.0 - later(LENGTH).float()),
    ],
    ids=["causal", "dropout", "bool mask", "float mask", "of each sample", "after the softmax"],
)
def test_nor_is_one_with_a_mask_of_another_kind(watch: Watch, attend: Attend) -> None:
    assert found(watch, Model(attend)) is None


@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize("is_causal", [False, True])
def test_nor_are_torch_s_layers_with_a_mask(
    watch: Watch, dropout: float, *, is_causal: bool
) -> None:
    mask = nn.Transformer.generate_square_subsequent_mask(LENGTH)
    assert found(watch, Stack(dropout=dropout, mask=mask, is_causal=is_causal)) is None


@pytest.mark.parametrize("are_counted", [False, True])
@pytest.mark.parametrize("at_random", [False, True])
def test_a_prefix_that_is_seen_on_purpose_is_none(
    watch: Watch, *, are_counted: bool, at_random: bool
) -> None:
    samples = 24
    ends = torch.randint(1, LENGTH, (samples,)) if at_random else torch.full((samples,), 6)
    is_prefix = torch.arange(LENGTH) < ends[:, None]
    mask = (~later(LENGTH) | is_prefix[:, None, :])[:, None]

    def loss(model: nn.Module, s: Tensor) -> Tensor:
        targets = s[:, 1:]
        if not are_counted:
            targets = targets.masked_fill(torch.arange(1, LENGTH + 1) < ends[:, None], -100)
        return functional.cross_entropy(model(s[:, :-1]).flatten(0, 1), targets.flatten())

    model = Model(partial(functional.scaled_dot_product_attention, attn_mask=mask))
    assert found(watch, model, loss, partial(text, samples)) is None


def masked_tokens(model: nn.Module, s: Tensor) -> Tensor:
    """As BERT is trained."""
    hidden = torch.rand(s.shape) < 0.3
    targets = s.masked_fill(~hidden, -100)
    return functional.cross_entropy(
        model(s.masked_fill(hidden, 0)).flatten(0, 1), targets.flatten()
    )


def masked_next_tokens(model: nn.Module, s: Tensor) -> Tensor:
    """The token that is hidden is predicted at the position before it."""
    hidden = torch.rand(s.shape) < 0.5
    targets = s.masked_fill(~hidden, -100)[:, 1:]
    logits = model(s.masked_fill(hidden, 0))[:, :-1]
    return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def copied(model: nn.Module, s: Tensor) -> Tensor:
    return functional.cross_entropy(model(s).flatten(0, 1), s.flatten())


def reversed_tokens(model: nn.Module, s: Tensor) -> Tensor:
    return functional.cross_entropy(model(s).flatten(0, 1), s.flip(1).flatten())


def tagged(model: nn.Module, s: Tensor) -> Tensor:
    return functional.cross_entropy(model(s).flatten(0, 1), (s % 3).flatten())


def classified(model: nn.Module, s: Tensor) -> Tensor:
    return functional.cross_entropy(model(s).mean(1), s[:, 1])


@pytest.mark.parametrize(
    "loss", [masked_tokens, masked_next_tokens, copied, reversed_tokens, tagged, classified]
)
def test_other_tasks_whose_attention_sees_everything_are_none(
    watch: Watch, loss: Callable[[Any, Tensor], Tensor]
) -> None:
    assert found(watch, Model(functional.scaled_dot_product_attention), loss) is None


def same_tokens() -> Tensor:
    return torch.randint(1, TOKENS, (SAMPLES, 1)).expand(-1, LENGTH + 1).contiguous()


def two_in_turn() -> Tensor:
    return (torch.arange(LENGTH + 1) % 2 + torch.zeros(SAMPLES, 1)).long()


@pytest.mark.parametrize("data", [same_tokens, two_in_turn, partial(text, 3), partial(text, 90, 2)])
def test_sequences_that_prove_nothing_are_none(watch: Watch, data: Callable[[], Tensor]) -> None:
    """Of one token or of two, of a few entries, and of a single position."""
    assert found(watch, Model(functional.scaled_dot_product_attention), data=data) is None


class Translator(nn.Module):
    """A source that is seen in full, and a decoder of what is said so far."""

    def __init__(self, *, is_recurrent: bool) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(TOKENS, WIDTH), nn.Embedding(TOKENS, WIDTH)
        self.encoder = nn.TransformerEncoderLayer(WIDTH, 2, 16, batch_first=True)
        self.decoder = nn.TransformerDecoderLayer(WIDTH, 2, 16, batch_first=True)
        self.cell = nn.GRU(WIDTH, WIDTH, batch_first=True)
        self.head = nn.Linear(WIDTH, TOKENS)
        self.is_recurrent = is_recurrent

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        memory, said = self.encoder(self.source(source)), self.target(target)
        if self.is_recurrent:
            hidden, _ = self.cell(said)
            weights = (hidden @ memory.transpose(1, 2)).softmax(-1)
            return torch.as_tensor(self.head(hidden + weights @ memory))
        mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        return torch.as_tensor(self.head(self.decoder(said, memory, tgt_mask=mask)))


@pytest.mark.parametrize("is_recurrent", [False, True])
@pytest.mark.parametrize("is_of_itself", [False, True])
@pytest.mark.parametrize("length", [LENGTH, LENGTH + 3])
def test_an_encoder_of_a_source_beside_a_decoder_is_none(
    watch: Watch, length: int, *, is_recurrent: bool, is_of_itself: bool
) -> None:
    model = Translator(is_recurrent=is_recurrent)

    def loss(_: nn.Module, s: Tensor) -> Tensor:
        given = s[:, :-1]
        source = given if is_of_itself else text(len(s), length)
        return functional.cross_entropy(model(source, given).flatten(0, 1), s[:, 1:].flatten())

    assert found(watch, model, loss) is None


@pytest.mark.parametrize("is_told", [False, True])
def test_a_summary_of_a_whole_sequence_is_none(watch: Watch, *, is_told: bool) -> None:
    """An autoencoder whose decoder is given what was said so far, or nothing."""

    class Summary(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Embedding(TOKENS, WIDTH), nn.Linear(WIDTH, TOKENS)
            self.encoder = nn.TransformerEncoderLayer(WIDTH, 2, 16, batch_first=True)
            self.decoder = nn.GRU(WIDTH, WIDTH, batch_first=True)

        def forward(self, tokens: Tensor) -> Tensor:
            summary = self.encoder(self.embed(tokens)).mean(1, keepdim=True)
            said = self.embed(tokens) if is_told else torch.zeros(*tokens.shape, WIDTH)
            hidden, _ = self.decoder(said + summary)
            return torch.as_tensor(self.head(hidden))

    assert found(watch, Summary()) is None


def test_models_without_attention_are_none(watch: Watch) -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Embedding(TOKENS, WIDTH), nn.Linear(WIDTH, TOKENS)
            self.cell = nn.LSTM(WIDTH, WIDTH, batch_first=True)

        def forward(self, tokens: Tensor) -> Tensor:
            return torch.as_tensor(self.head(self.cell(self.embed(tokens))[0]))

    assert found(watch, Recurrent()) is None


def test_one_masked_attention_among_others_says_that_they_are_meant(watch: Watch) -> None:
    def both(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        seen = functional.scaled_dot_product_attention(q, k, v)
        return seen + functional.scaled_dot_product_attention(q, k, v, is_causal=True)

    assert found(watch, Model(both)) is None


def test_steps_that_take_turns_with_another_task_are_none(watch: Watch) -> None:
    losses = [next_tokens, masked_tokens, next_tokens, masked_tokens]

    def in_turn(model: nn.Module, s: Tensor) -> Tensor:
        return losses.pop()(model, s)

    model = Model(functional.scaled_dot_product_attention)
    assert found(watch, model, in_turn) is None


class Arriving(Readback):
    """Figures that a device has not sent yet."""

    has_arrived = False

    @property
    def ready(self) -> bool:
        return self.has_arrived


@pytest.mark.parametrize(("ends", "is_found"), [(0.0, True), (2.0, False)])
def test_figures_that_arrive_later_count_then_and_are_not_waited_for(
    ends: float, *, is_found: bool
) -> None:
    readback, words = Arriving(), ("softmax", "q", "9", "1")
    seen = SeenTargets()

    def read(*figures: float) -> None:
        fetch = lambda: np.array([0.0, ends, 40.0, 9.0, *figures])  # noqa: E731  # one reading's
        graph = [Reading(0, readback, fetch, (frozenset({0}),), (words,))]
        seen._graphs.append(graph)  # what a graph on a device leaves

    read(1.0, 1.0)
    seen.end_round()
    seen.settle()
    assert seen.words is None
    readback.has_arrived = True
    seen.settle()
    assert seen.words == (words if is_found else None)
    seen.begin_round()
    read(0.0, 1.0)
    seen.end_round()
    seen.settle()
    assert seen.words is None


def test_what_a_checkpoint_would_compute_again_is_left_alone(watch: Watch) -> None:
    class Checkpointed(Model):
        def forward(self, tokens: Tensor) -> Tensor:
            return torch.as_tensor(checkpoint(super().forward, tokens, use_reentrant=False))

    assert found(watch, Checkpointed(functional.scaled_dot_product_attention)) is None


def test_the_weights_are_bit_for_bit_those_of_a_run_that_nobody_watches(watch: Watch) -> None:
    model = Stack(dropout=0.1)
    twin = copy.deepcopy(model)
    torch.manual_seed(1)
    assert found(watch, model) is not None
    torch.manual_seed(1)
    optimizer = SGD(twin.parameters(), lr=0.01)
    for _ in range(4):
        optimizer.zero_grad()
        next_tokens(twin, text()).backward()
        optimizer.step()
    for one, other in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(one, other)
