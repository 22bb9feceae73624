"""Makes js/src/protocol/states.gen.ts from the one table of how each state looks.

That table is gradwidget/diagnose/summary/state_look.py; what is said beside a healthy run comes
from verdict.py there. Run this after a change of either; a test fails as long as they differ.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from gradwidget.diagnose.summary.state_look import (  # noqa: E402 - found only with the root on the path
    GENERAL,
    GENERAL_LOOK,
    LOOKS,
    StateLook,
)
from gradwidget.diagnose.summary.verdict import NOT_CHECKED  # noqa: E402 - as above

TARGET = ROOT / "js/src/protocol/states.gen.ts"

HEADER = """\
// Made by scripts/gen_states.py; change gradwidget/diagnose/summary/state_look.py instead.

/** Mark, word and color name of each state, and of a finding that is about none. */
export const STATES = {
"""
FOOTER = """\
} as const;

/** A state that this page knows. */
export type KnownState = keyof typeof STATES;

/** What is said where nothing is wrong. */
export const NOT_CHECKED =
  {not_checked};
"""


def entry(state: str, look: StateLook) -> str:
    """One line of the table."""
    fields = {"mark": look.mark, "word": look.word, "color": look.color_name}
    text = ", ".join(
        f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()
    )
    return f"  {json.dumps(state)}: {{ {text} }},\n"


def generate() -> str:
    """The whole TypeScript file."""
    looks = {**{state.value: look for state, look in LOOKS.items()}, GENERAL: GENERAL_LOOK}
    table = "".join(entry(state, look) for state, look in looks.items())
    return HEADER + table + FOOTER.replace("{not_checked}", json.dumps(NOT_CHECKED))


if __name__ == "__main__":
    TARGET.write_text(generate(), encoding="utf-8")
    sys.stdout.write(f"{TARGET.relative_to(ROOT)} written\n")
