"""What the picture costs the browser: ``python -m benchmarks.page [--minutes 10]``.

In real JupyterLab and Chromium: how soon the first bars are there, frames per second while updates
come in, the page's work for one step of travel in time, what a long run leaves in the page's
memory, and the size of what the page loads.
"""

from __future__ import annotations

import argparse
import gzip
import os
import tempfile
from pathlib import Path

from playwright.sync_api import CDPSession, Page, ViewportSize, sync_playwright

from tests.support.chromium import launch
from tests.support.notebook import Notebook, write_notebook
from tests.support.server import JupyterServer, serving, wait_until

ROOT = Path(__file__).parent.parent
STATIC = ROOT / "gradwidget" / "static"
VIEWPORT: ViewportSize = {"width": 1360, "height": 1000}
BAR_DRAWERS = {"bqplot's bars": (), "bars of our own": ("bqplot",)}
"""What draws the bars, and what the page lacks then."""

FRAME_SECONDS = 10
UNMEASURED = 30
"""Steps of travel before the clock starts: the browser has yet to compile what they run."""
TRAVELS = 60
FEW = 3
"""Metrics of which a snapshot holds 1,500 columns of 200 layers; of all together it holds fewer."""
WARM_UP = 10_000
"""Milliseconds of updates before the page's memory is first read."""

# Time between the frames that the browser really drew.
COUNT_FRAMES = """(seconds) => new Promise((done) => {
    let frames = -1;
    const began = performance.now();
    const next = (now) => {
        frames += 1;
        if (now - began < 1000 * seconds) requestAnimationFrame(next);
        else done(frames / (now - began) * 1000);
    };
    requestAnimationFrame(next);
})"""

# From now until the first bars come into the page.
TIME_FIRST_BARS = """() => {
    const began = performance.now();
    const observer = new MutationObserver(() => {
        if (document.querySelector("rect.bar") === null) return;
        window.firstBars = performance.now() - began;
        observer.disconnect();
    });
    observer.observe(document, { childList: true, subtree: true });
}"""

# The step shown once it is another one than `step` and the frame that shows it is done.
NEXT_STEP = """(step) => new Promise((done) => {
    const look = () => {
        const now = document.querySelector("[data-step]").dataset.step;
        if (now === step) requestAnimationFrame(look);
        else requestAnimationFrame(() => setTimeout(() => done(now)));
    };
    look();
})"""


def main() -> None:
    """Prints the numbers."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of the long run")
    minutes = parser.parse_args().minutes
    print("the picture in Chromium (headless, drawn by the processor):")
    print_sizes()
    # The kernel imports benchmarks.page_source.
    os.environ["PYTHONPATH"] = str(ROOT)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch(playwright)
        for kind, without in BAR_DRAWERS.items():
            (Path(folder) / kind).mkdir()
            with serving("lab", Path(folder) / kind, without) as server:
                for layers, bound in ((300, 55), (1000, 50)):
                    notebook = opened(browser.new_page(viewport=VIEWPORT), server, layers, 200)
                    say(
                        f"{layers} layers, {kind}: first bars "
                        f"{first_bars(notebook.page):.0f} ms after the cell began (bound 500 ms)"
                    )
                    rate = frames(notebook)
                    say(
                        f"{layers} layers, 10 updates per second, {kind}: "
                        f"{rate:.0f} frames/s (bound {bound})"
                    )
                    notebook.page.close()
        with serving("lab", Path(folder)) as server:
            notebook = opened(browser.new_page(viewport=VIEWPORT), server, 200, 1500, FEW)
            took = travel(notebook.page)
            say(f"a step of travel, 1,500 columns of 200 layers: {took:.1f} ms (bound 16 ms)")
            before, after = memory(notebook, minutes)
            say(f"memory of the page: {before:.0f} MB, {after:.0f} MB {minutes:g} minutes later")
        browser.close()


def print_sizes() -> None:
    """What the page loads besides bqplot."""
    parts = [(STATIC / name).read_bytes() for name in ("widget.js", "widget.css")]
    plain, packed = sum(map(len, parts)), sum(len(gzip.compress(part)) for part in parts)
    say(f"front end: {plain / 1000:.0f} KB, {packed / 1000:.0f} KB compressed (bound 150 KB)")


def say(line: str) -> None:
    """Prints a line at once: the next one is minutes away."""
    print(f"  {line}", flush=True)


def opened(
    page: Page, server: JupyterServer, layers: int, steps: int, metrics: int = 99
) -> Notebook:
    """A notebook that shows a picture of ``layers``, ``steps`` and at most ``metrics``."""
    feed = f"feed = Feed({layers}, {steps}, {metrics})"
    codes = [
        f"from benchmarks.page_source import Feed\n{feed}",
        "feed.widget",
        f"feed.run({FRAME_SECONDS + 5})",
        "feed.run(3600, 12)",
    ]
    name = f"page-{layers}.ipynb"
    write_notebook(server.folder / name, codes)
    notebook = Notebook(page, server.url(name) + "&reset", len(codes))
    notebook.run(0)
    page.evaluate(TIME_FIRST_BARS)
    notebook.run(1)
    bars, closed = page.locator("rect.bar"), page.locator(".gw-row[data-kind=closed] button")
    wait_until(lambda: bars.count() > 0, "the picture")
    # A long chain comes in ranges; what is measured is a row, and a bar, for each layer.
    while closed.count():
        closed.first.click()
    wait_until(lambda: bars.count() >= layers, "the bars")
    return notebook


def first_bars(page: Page) -> float:
    """Milliseconds from the beginning of the cell that shows the picture to its first bars."""
    return float(page.evaluate("() => window.firstBars"))


def frames(notebook: Notebook) -> float:
    """Frames per second while updates come in."""
    notebook.run(2)
    moving(notebook.page)
    return float(notebook.page.evaluate(COUNT_FRAMES, FRAME_SECONDS))


def moving(page: Page) -> None:
    """Waits until the picture follows the updates."""
    first = page.locator("[data-step]").get_attribute("data-step")
    wait_until(lambda: page.locator("[data-step]").get_attribute("data-step") != first, "an update")


def travel(page: Page) -> float:
    """Milliseconds of the page's own work for each step of travel, one step per frame."""
    slider = page.get_by_role("slider", name="Step shown")
    slider.focus()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    step = page.evaluate(NEXT_STEP, "")
    before = 0.0
    for number in range(UNMEASURED + TRAVELS):
        if number == UNMEASURED:
            before = metric(session, "TaskDuration")
        page.keyboard.press("ArrowLeft")
        step = page.evaluate(NEXT_STEP, step)
    return (metric(session, "TaskDuration") - before) / TRAVELS * 1000


def memory(notebook: Notebook, minutes: float) -> tuple[float, float]:
    """Megabytes of the page's heap after its first updates, and ``minutes`` of updates later."""
    session = notebook.page.context.new_cdp_session(notebook.page)
    session.send("Performance.enable")
    notebook.page.keyboard.press("End")
    notebook.run(3)
    moving(notebook.page)
    notebook.page.wait_for_timeout(WARM_UP)
    before = heap(session)
    notebook.page.wait_for_timeout(minutes * 60_000)
    return before, heap(session)


def heap(session: CDPSession) -> float:
    """Megabytes that are left after the garbage is gone, arrays included."""
    session.send("HeapProfiler.collectGarbage")
    return (metric(session, "JSHeapUsedSize") + array_buffers(session)) / 1e6


def array_buffers(session: CDPSession) -> float:
    """Bytes of typed arrays, which the heap's size leaves out."""
    return float(session.send("Runtime.getHeapUsage").get("backingStorageSize", 0))


def metric(session: CDPSession, name: str) -> float:
    """One of Chromium's counters of a page."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == name))


if __name__ == "__main__":
    main()
