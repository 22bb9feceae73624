"""Makes docs/symptoms.md from docs/symptoms.md.in, with the bounds that the rules use.

Run it after a change of the template or of a bound; a test fails as long as the two differ.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from gradwidget.diagnose.remedies.clip import PERCENTILE  # noqa: E402 - found only with the root on the path
from gradwidget.diagnose.thresholds import DEFAULT, Thresholds  # noqa: E402 - as above

TEMPLATE = ROOT / "docs/symptoms.md.in"
TARGET = ROOT / "docs/symptoms.md"

HEADER = (
    "<!-- Made by scripts/gen_symptoms.py from docs/symptoms.md.in: change that, not this. -->\n\n"
)


def page(template: str, limits: Thresholds = DEFAULT) -> str:
    """The whole page: each ``{name}`` of a bound in the template is replaced by its value.

    Raises:
        KeyError: the template names a bound that does not exist.
    """
    derived = {
        "enough": limits.window // 2 + 1,
        "frozen_steps": 2 * (limits.lasting_steps - 1),
        "percentile": PERCENTILE,
    }
    return HEADER + template.format(**asdict(limits), **derived)


if __name__ == "__main__":
    TARGET.write_text(page(TEMPLATE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{TARGET.relative_to(ROOT)} written\n")
