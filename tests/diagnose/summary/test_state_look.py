"""Every state has a look of its own, and the page's style sheet has its color."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gradwidget.diagnose.summary.layer_state import LayerState
from gradwidget.diagnose.summary.state_look import GENERAL_LOOK, LOOKS


def test_no_two_states_share_a_mark_or_a_word() -> None:
    assert set(LOOKS) == set(LayerState)
    looks = [*LOOKS.values(), GENERAL_LOOK]
    assert len({look.mark for look in looks}) == len(looks)
    assert len({look.word for look in looks}) == len(looks)


def test_a_state_is_shown_by_its_own_word() -> None:
    assert {state.value: look.word for state, look in LOOKS.items()} == {
        state.value: state.value for state in LayerState
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_style_sheet_has_exactly_these_colors(root: Path, theme: str) -> None:
    css = (root / "js/src/style/theme.css").read_text(encoding="utf-8")
    light, dark = css.split('[data-jp-theme-light="false"]')
    found = re.findall(r"--gw-([a-z]+): (#[0-9a-f]{6});", light if theme == "light" else dark)
    sheet = {name: color for name, color in found if name != "accent"}
    looks = [*LOOKS.values(), GENERAL_LOOK]
    assert sheet == {
        look.color_name: look.color_light if theme == "light" else look.color_dark for look in looks
    }
