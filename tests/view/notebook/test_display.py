"""What a notebook keeps of the picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from gradwidget.view.notebook.display import REFRESH, NotebookDisplay

WIDGET = {"text/plain": "widget", "application/vnd.jupyter.widget-view+json": {"model_id": "x"}}


class Page:
    """A content with a version, and what went wrong."""

    def __init__(self) -> None:
        self.number = 0
        self.failed: list[str] = []
        self.saved = NotebookDisplay(
            lambda: {"text/html": f"<p>{self.number}</p>", "text/plain": str(self.number)},
            version=lambda: self.number,
            contain=lambda where, error: self.failed.append(f"{where}: {error}"),
        )


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def shown(page: Page, code: str, shell: InteractiveShell) -> list[Any]:
    shell.user_ns.update(page=page, WIDGET=WIDGET)
    with capture_output() as captured:
        shell.run_cell(code)  # type: ignore[no-untyped-call]  # IPython is half annotated
    return [output.data for output in captured.outputs]


def test_the_static_form_comes_first_and_the_widget_after_it(shell: InteractiveShell) -> None:
    outputs = shown(Page(), "page.saved.show(WIDGET, {})", shell)
    assert outputs[0]["text/html"] == "<p>0</p>"
    assert "application/vnd.jupyter.widget-view+json" in outputs[1]


def test_the_static_form_follows_the_run_at_the_end_of_a_cell(shell: InteractiveShell) -> None:
    page = Page()
    shown(page, "page.saved.show(WIDGET, {})", shell)
    assert [output["text/plain"] for output in shown(page, "page.number = 5", shell)] == ["5"]


def test_a_cell_in_which_nothing_was_measured_writes_nothing(shell: InteractiveShell) -> None:
    page = Page()
    shown(page, "page.saved.show(WIDGET, {})", shell)
    shown(page, "page.number = 5", shell)
    assert len(shown(page, "pass", shell)) == 0


def test_a_failure_at_the_end_of_a_cell_is_contained(shell: InteractiveShell) -> None:
    page = Page()
    shown(page, "page.saved.show(WIDGET, {})", shell)
    shown(page, "page.saved._content = lambda: 1 / 0; page.number = 5", shell)
    assert page.failed == ["writing the state into the notebook: division by zero"]


def test_closing_writes_the_last_state_and_ends_it(shell: InteractiveShell) -> None:
    page = Page()
    shown(page, "page.saved.show(WIDGET, {})", shell)
    assert [
        output["text/plain"] for output in shown(page, "page.number = 9; page.saved.close()", shell)
    ] == ["9"]
    assert shown(page, "page.number = 10", shell) == []


def test_in_the_middle_of_a_cell_it_is_refreshed_now_and_then(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page()
    shown(page, "page.saved.show(WIDGET, {})", shell)
    now = page.saved._refreshed
    monkeypatch.setattr("gradwidget.view.notebook.display.time.monotonic", lambda: now + 1)
    assert shown(page, "page.saved._written, page.number = 0, 0; page.saved.refresh()", shell) == []
    monkeypatch.setattr("gradwidget.view.notebook.display.time.monotonic", lambda: now + REFRESH)
    code = "page.number = 3; page.saved.refresh()"
    assert [output["text/plain"] for output in shown(page, code, shell)] == ["3"]
