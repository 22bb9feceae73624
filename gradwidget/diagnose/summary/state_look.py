"""How each state looks: its mark, its word and its color, for terminal, HTML and page alike."""

from __future__ import annotations

from dataclasses import dataclass

from gradwidget.diagnose.summary.layer_state import LayerState


@dataclass(frozen=True)
class StateLook:
    """What shows a state. The mark and the word say it without the color."""

    mark: str
    word: str
    color_name: str
    """Of the page's style sheet, which has it as the custom property ``--gw-<color_name>``."""
    color_light: str
    """On a light ground, as ``#rrggbb``."""
    color_dark: str
    """On a dark ground."""


LOOKS: dict[LayerState, StateLook] = {
    LayerState.OK: StateLook("●", "ok", "ok", "#4c9a8f", "#55b3a6"),
    LayerState.VANISHING: StateLook("▼", "vanishing", "vanishing", "#3b6fd4", "#6c9cf5"),
    LayerState.EXPLODING: StateLook("▲", "exploding", "exploding", "#d9541e", "#f0743c"),
    LayerState.WEIGHTS_GROW: StateLook("△", "weights grow", "exploding", "#d9541e", "#f0743c"),
    LayerState.WEIGHTS_SHRINK: StateLook("▽", "weights shrink", "vanishing", "#3b6fd4", "#6c9cf5"),
    LayerState.ZERO_WEIGHTS: StateLook("∅", "zero weights", "dead", "#575c64", "#7d838c"),
    LayerState.FROZEN: StateLook("■", "frozen", "vanishing", "#3b6fd4", "#6c9cf5"),
    LayerState.DEAD: StateLook("◌", "dead", "dead", "#575c64", "#7d838c"),
    LayerState.SATURATED: StateLook("◉", "saturated", "general", "#8a6d00", "#d6b23e"),
    LayerState.UNDERFLOW: StateLook("↓", "underflow", "vanishing", "#3b6fd4", "#6c9cf5"),
    LayerState.UPDATES_LOST: StateLook("≈", "updates lost", "general", "#8a6d00", "#d6b23e"),
    LayerState.ZERO_GRADIENT: StateLook("⊘", "zero gradient", "dead", "#575c64", "#7d838c"),
    LayerState.NO_OPTIMIZER: StateLook("◇", "no optimizer", "general", "#8a6d00", "#d6b23e"),
    LayerState.NONFINITE: StateLook("✕", "non-finite", "nonfinite", "#a3007a", "#e05bbd"),
    LayerState.NO_GRADIENT: StateLook("○", "no gradient", "neutral", "#6a727d", "#949ca7"),
    LayerState.NOT_TRAINABLE: StateLook("–", "not trainable", "neutral", "#6a727d", "#949ca7"),
    LayerState.NOT_MEASURED: StateLook("·", "not measured", "neutral", "#6a727d", "#949ca7"),
}
"""The look of every state; the page's own table is generated from this one."""

GENERAL = "general"
"""Takes the place of a state where a finding is not about the state of a layer."""

GENERAL_LOOK = StateLook("▬", "finding", "general", "#8a6d00", "#d6b23e")
"""The look of such a finding."""
