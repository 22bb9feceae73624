"""The page's table of states is made from Python's."""

from __future__ import annotations

from pathlib import Path

from scripts.gen_states import generate


def test_the_states_of_the_page_are_those_of_python(root: Path) -> None:
    page = (root / "js/src/protocol/states.gen.ts").read_text(encoding="utf-8")
    assert page == generate(), "run scripts/gen_states.py"
