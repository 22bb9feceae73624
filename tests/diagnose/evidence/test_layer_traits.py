"""What does not change about the layers during a run."""

from __future__ import annotations

from gradwidget.diagnose.evidence.layer_traits import LayerTraits
from gradwidget.frame import Layer

LAYERS = (
    Layer("words", "Embedding", {"weight": (100, 8)}),
    Layer("norm", "LayerNorm", {"weight": (8,), "bias": (8,)}),
    Layer("frozen", "Linear", {"weight": (9, 8), "bias": (9,)}, trainable=False),
    Layer("rnn", "RNN", {"weight_ih_l0": (16, 8), "weight_hh_l0": (16, 16)}),
)


def test_matrices_are_the_weights_all_rows_of_which_are_used() -> None:
    traits = LayerTraits(LAYERS)
    assert traits.trainable.tolist() == [True, True, False, True]
    assert traits.weighty.tolist() == [True, False, True, True]
    assert traits.matrices.tolist() == [False, False, True, True]


def test_the_natural_norm_is_the_root_of_the_rows_of_all_matrices() -> None:
    assert LayerTraits(LAYERS).natural_norm.tolist() == [10.0, 0.0, 3.0, 32**0.5]
