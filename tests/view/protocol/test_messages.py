"""The protocol is declared once; what the page is typed by is made from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_the_types_of_the_page_are_those_of_python(root: Path, tmp_path: Path) -> None:
    generator = (root / "scripts/gen_messages.py").read_text(encoding="utf-8")
    elsewhere = tmp_path / "messages.gen.ts"
    script = generator.replace(
        "ROOT = Path(__file__).parent.parent",
        f"ROOT = Path({str(root)!r})",
    ).replace(
        'TARGET = ROOT / "js/src/protocol/messages.gen.ts"', f"TARGET = Path({str(elsewhere)!r})"
    )
    script = script.replace("TARGET.relative_to(ROOT)", "TARGET")
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert elsewhere.read_text(encoding="utf-8") == (
        root / "js/src/protocol/messages.gen.ts"
    ).read_text(encoding="utf-8"), "run scripts/gen_messages.py"
