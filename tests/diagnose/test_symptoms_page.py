"""docs/symptoms.md gives the bounds that the rules use, and the picture says what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gradwidget.diagnose.finding import Symptom
from gradwidget.diagnose.thresholds import Thresholds
from scripts.gen_symptoms import module, page, paragraphs


@pytest.fixture
def template(root: Path) -> str:
    return (root / "docs/symptoms.md.in").read_text(encoding="utf-8")


def test_the_page_is_made_from_the_bounds_of_today(root: Path, template: str) -> None:
    made = (root / "docs/symptoms.md").read_text(encoding="utf-8")
    assert made == page(template), "run scripts/gen_symptoms.py"


def test_the_page_follows_a_bound_that_changes(template: str) -> None:
    changed = " ".join(page(template, Thresholds(dead_share=0.81, lasting_steps=23)).split())
    assert "more than 81% of a layer's units are zero for whole batches, for 23 steps" in changed
    assert "for 44 steps. The true change counts" in changed


def test_no_number_of_the_page_is_written_by_hand(template: str) -> None:
    given = r"\{.*?\}|```.*?```|`.*?`|!\[.*?\]\(.*?\)"
    text = re.sub(given, "", template, flags=re.DOTALL)
    # What is exactly zero, the end of fp16 and the update that is usual are not bounds.
    text = re.sub(r"2⁻²⁴|fp16|fp32|bfloat16|about 0\.1%", "", text)
    assert set(re.findall(r"[0-9][0-9.%]*", text)) == {"0"}


def test_every_symptom_has_a_heading_and_a_picture(root: Path, template: str) -> None:
    headings = " ".join(line for line in template.splitlines() if line.startswith("### "))
    assert set(re.findall(r"`(\w+)`", headings)) == {symptom.value for symptom in Symptom}
    pictures = re.findall(r"\]\((images/\w+\.png)\)", template)
    assert pictures
    assert all((root / "docs" / picture).exists() for picture in pictures)


def test_the_picture_says_of_every_symptom_what_the_page_does(root: Path, template: str) -> None:
    made = page(template)
    shown = (root / "js/src/protocol/symptoms.gen.ts").read_text(encoding="utf-8")
    assert shown == module(made), "run scripts/gen_symptoms.py"
    explained = [symptom for each in paragraphs(made) for symptom in each["symptoms"]]
    assert sorted(explained) == sorted(symptom.value for symptom in Symptom)
    said = " ".join(made.split())
    for paragraph in paragraphs(made):
        titles = [part["title"] for part in paragraph["parts"]]
        assert {"Rule", "Helps"} <= set(titles)
        for part in paragraph["parts"]:
            assert not re.search(r"[`*\[\]#]|!\[", part["text"]), "markup"
            assert part["text"] in said.replace("`", "")
