"""Pause, step, apply and undo in real JupyterLab, while a training cell runs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.console import SubshellConsole
from tests.support.notebook import BUSY, START, Notebook
from tests.support.server import JupyterServer, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

MODEL = """
import time
import torch
from torch import nn
from gradwidget import GradWidget

torch.manual_seed(0)
torch.set_num_threads(1)
model = nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
boost, micro_batches, done, last = 1.0, 1, [], float("inf")
w = GradWidget(model, budget=None)
w
"""

LOOP = """
while len(done) < last:
    began = time.monotonic()
    for _ in range(micro_batches):
        loss = model(torch.randn(32, 16)).square().mean() * boost
        loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    time.sleep(0.01)
    done.append(time.monotonic() - began)
"""

CLIPS = (
    "r.action for f in w.findings for r in f.remedies if r.action and r.action['kind'] == 'clip'"
)

AFTER = "print('kernel is free after', len(done), 'steps')"


CELLS = (MODEL, LOOP, AFTER)
HAS_BEGUN = "len(done) > 5"


@pytest.fixture
def region(notebook: Notebook) -> Locator:
    return notebook.widget(0)


def button(region: Locator, name: str) -> Locator:
    return region.get_by_role("group", name="Control of the running loop").get_by_role(
        "button", name=name, exact=True
    )


def open_settings(region: Locator) -> None:
    """Shows what stands behind the last button of the strip."""
    region.get_by_role("button", name="More figures and settings").click()


def in_sight(region: Locator, remedy: Locator) -> None:
    """Opens what stands behind the first remedy of each card, where that is not the one."""
    for fold in region.locator(".gw-card[data-active=true] > .gw-why > summary").all():
        if not remedy.is_visible():
            fold.click()


def is_busy(notebook: Notebook) -> None:
    expect(notebook.prompt(1)).to_have_text(BUSY)


def settled(value: Callable[[], int]) -> int:
    """A count that two looks a while apart agree on."""
    before = value()
    time.sleep(0.3)  # the stretch over which nothing may happen
    assert value() == before
    return before


def test_pause_step_resume_and_interrupt(
    notebook: Notebook, region: Locator, console: SubshellConsole, screenshots: Path
) -> None:
    def steps() -> int:
        return int(console.evaluate("len(done)"))

    console.execute(
        "paused = []\n"
        "gate = w.monitor._session.control.gate\n"
        "def note():\n"
        "    if gate.state.mode == 'paused': paused.append(time.monotonic())\n"
        "asked = []\n"
        "def hear(message, receive=w._requests.receive):\n"
        "    asked.append(time.monotonic())\n"
        "    receive(message)\n"
        "w.monitor._session.on_control.append(note)\n"
        "w._requests.receive = hear\n"
    )
    began = time.monotonic()
    button(region, "Pause").click()
    expect(button(region, "Resume")).to_be_visible()
    expect(region).to_contain_text("Paused after step")
    took = time.monotonic() - began
    # Said below the cell that seems to hang, too.
    held = notebook.cells.nth(1).get_by_text("gradwidget has paused this loop after step")
    expect(held).to_be_visible()
    expect(held).to_contain_text("Resume in the picture of Sequential")
    longest = float(console.evaluate("max(done[-20:])"))
    assert float(console.evaluate("paused[0] - asked[0]")) < max(0.25, 2 * longest)
    assert took < 5
    at = settled(steps)
    is_busy(notebook)

    # A paused loop uses no processor.
    used = "sum(__import__('os').times()[:2])"
    before = float(console.evaluate(used))
    time.sleep(1)  # the stretch over which the processor's use is measured
    assert float(console.evaluate(used)) - before < 0.2

    button(region, "Step").click()
    wait_until(lambda: steps() == at + 1, "one step")
    assert settled(steps) == at + 1
    assert console.evaluate("w.monitor._session.control.gate.state.step") == at
    expect(region).to_contain_text("Paused after step")
    region.screenshot(path=screenshots / "control-paused.png")

    open_settings(region)
    region.get_by_label("Steps to run").fill("5")
    button(region, "Step").click()
    wait_until(lambda: steps() == at + 6, "five steps")
    assert settled(steps) == at + 6

    console.execute("micro_batches = 3")
    region.get_by_label("Steps to run").fill("1")
    button(region, "Step").click()
    wait_until(lambda: steps() == at + 7, "a step of three micro-batches")
    assert settled(steps) == at + 7
    assert console.evaluate("w.batch is not None and list(w.batch.args[0].shape)") == [32, 16]

    button(region, "Resume").click()
    expect(held).to_have_count(0)
    wait_until(lambda: steps() > at + 20, "the run to continue")
    expect(button(region, "Pause")).to_be_visible()

    button(region, "Pause").focus()
    notebook.page.keyboard.press("p")
    expect(region).to_contain_text("Paused after step")
    at = settled(steps) + 1
    notebook.page.keyboard.press("s")
    wait_until(lambda: steps() == at, "the step that was asked for with a key")
    assert settled(steps) == at
    is_busy(notebook)

    notebook.page.get_by_role("button", name=re.compile("Interrupt the kernel")).first.click()
    expect(notebook.prompt(1)).to_have_text(re.compile(r"\[\d+\]:"))
    expect(notebook.cells.nth(1)).to_contain_text("KeyboardInterrupt")
    notebook.run(2)
    expect(notebook.cells.nth(2)).to_contain_text(f"kernel is free after {at} steps")
    expect(button(region, "Pause")).to_be_visible()


def test_findings_pause_the_loop_and_their_remedies_are_applied_and_undone(
    notebook: Notebook, region: Locator, console: SubshellConsole, screenshots: Path
) -> None:
    def norms() -> list[float]:
        return [
            float(norm)
            for norm in console.evaluate("w.history.scalars['total_grad_norm'].tolist()")
        ]

    def step() -> float:
        """The total norm of one step more."""
        steps = len(norms())
        button(region, "Step").click()
        wait_until(lambda: len(norms()) == steps + 1, "one step")
        return norms()[-1]

    wait_until(lambda: console.evaluate("len(done) > 30"), "a past to compare with")
    open_settings(region)
    region.get_by_label("critical findings").check()
    region.get_by_label("warning findings").check()
    wait_until(
        lambda: len(console.evaluate("list(w.monitor._session.responses)")) == 2, "both switches"
    )
    console.execute("boost = 1e4")
    expect(region).to_contain_text("Paused after step")
    expect(region.locator(".gw-loop-state")).to_contain_text("gradient")
    is_busy(notebook)
    assert console.evaluate("w.batch.step == w.monitor._session.control.gate.state.step")

    clip = region.locator(".gw-remedy", has_text=re.compile("Clip the gradient at"))
    in_sight(region, clip.first)
    expect(clip.first).to_contain_text(
        "Apply changes the running loop: gradient clipped at a total norm of"
    )
    bound = float(console.evaluate(f"next({CLIPS})['max_norm']"))
    clip.first.get_by_role("button", name="Apply").click()
    expect(clip.first.get_by_role("button", name="Undo")).to_be_visible()
    expect(clip.first).to_contain_text("In force since step")
    region.get_by_label("critical findings").uncheck()
    region.get_by_label("warning findings").uncheck()
    assert norms()[-1] > 10 * bound
    assert step() == pytest.approx(bound, rel=1e-3)
    # What came of it, on the card and beside the change.
    expect(clip.first).to_contain_text(re.compile(r"loss .+ → .+ in 1 step: "))
    expect(region.get_by_role("list", name="Changes in force")).to_contain_text("in 1 step: ")
    region.screenshot(path=screenshots / "control-applied.png")
    region.get_by_role("list", name="Changes in force").get_by_role("button", name="Undo").click()
    expect(region.get_by_role("list", name="Changes in force")).to_be_hidden()
    assert step() > 10 * bound
    assert console.evaluate("[c.undone_step is not None for c in w.changes]") == [True]


def test_a_remedy_that_cannot_be_applied_says_why(
    region: Locator, console: SubshellConsole
) -> None:
    wait_until(lambda: console.evaluate("len(done) > 30"), "a past to compare with")
    # A warning, such as of a low rate, may come before the boost where the machine is slow.
    open_settings(region)
    region.get_by_label("critical findings").check()
    wait_until(lambda: console.evaluate("list(w.monitor._session.responses)"), "the switch")
    console.execute("boost = 1e4")
    expect(region).to_contain_text("Paused after step")
    # The optimizer is replaced by one that computes its gradients inside step().
    console.execute(
        "other = torch.optim.LBFGS(model.parameters())\n"
        "w.monitor._session.capture.actuator._optimizers = lambda: [other]"
    )
    clip = region.locator(".gw-remedy", has_text=re.compile("Clip the gradient at")).first

    def is_shown() -> bool:
        in_sight(region, clip)
        return clip.is_visible()

    wait_until(is_shown, "the card, which comes after the state of the loop")
    clip.get_by_role("button", name="Apply").click()
    expect(clip).to_contain_text("Not done: LBFGS computes its gradients inside step()")
    expect(clip.get_by_role("button", name="Apply")).to_be_visible()


def test_a_tab_closed_while_paused_is_opened_again_and_resumed(
    server: JupyterServer, page: Page, region: Locator, console: SubshellConsole, screenshots: Path
) -> None:
    def steps() -> int:
        return int(console.evaluate("len(done)"))

    button(region, "Pause").click()
    expect(region).to_contain_text("Paused after step")
    # The focus is on a button of the picture now; whatever is no key of its own is still the
    # notebook's.
    page.keyboard.press("Control+s")
    saved = server.folder / "loop.ipynb"
    wait_until(
        lambda: "application/vnd.jupyter.widget-view" in saved.read_text(encoding="utf-8"),
        "the save",
    )
    context = page.context
    page.close()
    wait_until(lambda: server.kernel_state() == "busy", "a server that knows that the cell runs")

    reopened = Notebook(context.new_page(), server.url("loop.ipynb"), 3, status="busy")
    region = reopened.widget(0)
    expect(region).to_contain_text("Paused after step", timeout=START)
    expect(reopened.status).to_have_attribute("data-status", "busy")
    at = settled(steps)
    expect(region.locator("[data-step]")).to_have_attribute("data-step", str(at - 1))
    region.screenshot(path=screenshots / "control-reopened.png")
    button(region, "Step").click()
    wait_until(lambda: steps() == at + 1, "one step")
    button(region, "Resume").click()
    wait_until(lambda: steps() > at + 5, "the run to continue")

    console.execute("w.pause()")
    expect(button(region, "Resume")).to_be_visible()
    at = settled(steps)
    console.execute("last = len(done) + 10")
    console.execute("w.resume()")
    reopened.run(2)
    expect(reopened.cells.nth(2)).to_contain_text(f"kernel is free after {at + 10} steps")
    expect(button(region, "Pause")).to_be_visible()
