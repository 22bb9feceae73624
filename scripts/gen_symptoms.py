"""Makes docs/symptoms.md from docs/symptoms.md.in, with the bounds that the rules use.

And from that page what the picture says of each symptom. Run it after a change of the template or
of a bound; a test fails as long as they differ.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from gradwidget.diagnose.remedies.clip import PERCENTILE  # noqa: E402 - found only with the root on the path
from gradwidget.diagnose.thresholds import DEFAULT, Thresholds  # noqa: E402 - as above

TEMPLATE = ROOT / "docs/symptoms.md.in"
TARGET = ROOT / "docs/symptoms.md"
PICTURE = ROOT / "js/src/protocol/symptoms.gen.ts"

HEADER = (
    "<!-- Made by scripts/gen_symptoms.py from docs/symptoms.md.in: change that, not this. -->\n\n"
)

PICTURE_HEADER = """\
// Made by scripts/gen_symptoms.py from docs/symptoms.md.in: change that, not this.

/** A paragraph of docs/symptoms.md as plain text. */
interface Paragraph {
  symptoms: readonly string[];
  /** What is in bold before a text, and the text. */
  parts: readonly { title: string; text: string }[];
}

/** What is said of each symptom, with the default limits. */
export const PARAGRAPHS: readonly Paragraph[] = """


class Part(TypedDict):
    """A text with what is in bold before it; empty where it is the first."""

    title: str
    text: str


class Paragraph(TypedDict):
    """What is said of some symptoms."""

    symptoms: list[str]
    parts: list[Part]


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


def paragraphs(made: str) -> list[Paragraph]:
    """What a page made says below each heading of symptoms, without markup and pictures."""
    found = []
    for section in re.split(r"^### ", made, flags=re.MULTILINE)[1:]:
        heading, _, rest = section.partition("\n")
        text = re.split(r"^(?:## |!\[)", rest, flags=re.MULTILINE)[0]
        first, *others = re.split(r"\*\*(\w+):\*\*", text)
        pairs = [("", first), *zip(others[::2], others[1::2], strict=True)]
        parts = [Part(title=title, text=_plain(text)) for title, text in pairs]
        found.append(
            Paragraph(
                symptoms=re.findall(r"`(\w+)`", heading),
                parts=[part for part in parts if part["text"]],
            )
        )
    return found


def module(made: str) -> str:
    """The paragraphs of a page made, for the picture."""
    return f"{PICTURE_HEADER}{json.dumps(paragraphs(made), indent=2, ensure_ascii=False)};\n"


def _plain(text: str) -> str:
    """Markdown as the text that a reader of the page sees, in one line."""
    linked = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", text)
    return " ".join(linked.replace("`", "").split())


if __name__ == "__main__":
    made = page(TEMPLATE.read_text(encoding="utf-8"))
    for target, text in ((TARGET, made), (PICTURE, module(made))):
        target.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{target.relative_to(ROOT)} written\n")
