"""A run that was exported: opened from disk with no network, it is looked at as if it were live."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from gradwidget.control.control import Change
from gradwidget.view.export.page import html_page
from tests.support.access import violations
from tests.support.fake_monitor import FakeMonitor, chain, frame
from tests.support.labels import faults
from tests.support.runs.exported import HOSTILE, hostile_run, long_run
from tests.support.server import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


class Opened:
    """A page from disk, the picture in it, and everything that its browser complained of."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda said: self.complaints.append(said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(path.as_uri())
        self.region = page.get_by_role("region", name=re.compile("^gradwidget: "))
        expect(self.region.locator("rect.bar").first).to_be_attached()

    def bars(self) -> list[str]:
        """The lengths of all bars, as the page has them."""
        found: list[str] = self.region.locator("rect.bar").evaluate_all(
            "bars => bars.map(bar => bar.getAttribute('width'))"
        )
        return found

    def values(self) -> list[str]:
        """Name, state and value of all rows, in words."""
        found: list[str] = self.region.get_by_role("row").evaluate_all(
            "rows => rows.map(row => row.getAttribute('aria-label'))"
        )
        return found

    def is_content(self) -> bool:
        """Whether nothing was complained of, and nothing but the file was asked for."""
        asked = [url for url in self.requests if not url.startswith(("file:", "data:"))]
        return (self.complaints, asked) == ([], [])


@pytest.fixture
def offline(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1100, "height": 800}, offline=True)
    yield context.new_page()
    context.close()


def sick_run(layers: int = 12, steps: int = 80) -> FakeMonitor:
    """Gradients that vanish ever more, so that each step has bars of its own."""
    monitor = FakeMonitor(chain(layers))
    for step in range(steps):
        monitor.take(
            frame(step, monitor.layers, decay=0.9 - 0.8 * step / steps, loss=2.3 - step / 1e3)
        )
    return monitor


def written(path: Path, monitor: FakeMonitor, changes: tuple[Change, ...] = ()) -> Path:
    path.write_text(html_page(monitor, "Net", changes), encoding="utf-8")
    return path


def test_a_page_opened_from_disk_has_the_picture_and_travels_by_keyboard(
    offline: Page, tmp_path: Path, screenshots: Path, root: Path
) -> None:
    changes = (Change(1, 40, "lr = 0.05"),)
    opened = Opened(offline, written(tmp_path / "run.html", sick_run(), changes))
    region = opened.region
    expect(region.get_by_role("status").first).to_contain_text("Vanishing gradients")
    expect(region.get_by_role("row")).to_have_count(12)
    expect(offline).to_have_title("gradwidget: Net")

    slider = region.get_by_role("slider", name="Step shown")
    newest, values = opened.bars(), opened.values()
    slider.focus()
    for _ in range(3):
        offline.keyboard.press("PageDown")
    expect(slider).to_have_attribute("aria-valuenow", "19")
    wait_until(lambda: opened.bars() != newest, "the bars of the past")
    offline.keyboard.press("End")
    wait_until(lambda: opened.values() == values, "the newest values")
    expect(region.get_by_role("button", name="Newest")).to_have_attribute("aria-pressed", "true")

    # What would ask a kernel is not there, and one sentence says so.
    expect(region.get_by_text("Net, exported at step 79 with gradwidget: ")).to_be_visible()
    for name in ("Pause", "Step", "Apply", "Resume"):
        expect(region.get_by_role("button", name=name, exact=True)).to_have_count(0)
    offline.keyboard.press("p")
    assert region.locator(".gw-change-mark").count() == 1

    # A layer opens, a metric can be chosen, the pointer has its tooltip.
    region.get_by_role("button", name="body.Linear 3", exact=True).click()
    expect(region.get_by_role("region", name="Layer detail")).to_contain_text("4,160 parameters")
    region.get_by_role("combobox", name="Metric").select_option(label="gradient norm")
    region.locator(".gw-row").nth(2).hover()
    expect(region.locator(".gw-tooltip")).to_be_visible()
    assert violations(offline, root) == []
    assert faults(region) == []
    region.screenshot(path=screenshots / "exported-light.png")
    assert opened.is_content(), (opened.complaints, opened.requests)


# What a reader could press or type into, and whether it has had the focus.
UNREACHED = """(region) => {
    const inside = "button, select, input, summary, pre, [role=slider]";
    return [...region.querySelectorAll(inside)]
        .filter((node) => node.checkVisibility() && !node.disabled && node.tabIndex >= 0)
        .filter((node) => !window.reached.has(node))
        .map((node) => node.outerHTML);
}"""


def test_the_keyboard_alone_reaches_and_does_everything(offline: Page, tmp_path: Path) -> None:
    opened = Opened(offline, written(tmp_path / "run.html", sick_run(layers=150)))
    region, press = opened.region, offline.keyboard.press
    offline.evaluate("window.reached = new Set()")
    for _ in range(60):
        press("Tab")
        offline.evaluate("window.reached.add(document.activeElement)")
        if not region.evaluate(UNREACHED):
            break
    assert region.evaluate(UNREACHED) == []

    # What a question mark opens, and the line that goes to the border.
    region.get_by_role("button", name="What “Vanishing gradients” means").focus()
    press("Enter")
    expect(region.get_by_text(re.compile("^Hardly any gradient"))).to_be_visible()
    press("Enter")
    expect(region.get_by_text(re.compile("^Hardly any gradient"))).to_be_hidden()
    region.get_by_role("button", name="show the border").focus()
    press("Enter")
    expect(region.locator(".gw-border")).to_be_in_viewport()

    # The drawer, and what Escape does in it.
    more = region.get_by_role("button", name="More figures and settings")
    more.focus()
    press("Enter")
    expect(region.get_by_text("total norm", exact=True)).to_be_visible()
    press("Enter")
    expect(region.get_by_text("total norm", exact=True)).to_be_hidden()

    # A layer found by its name, its row, its detail, and the row below it.
    press("/")
    offline.keyboard.type("body.14")
    expect(region.get_by_role("search")).to_contain_text("1 of 11")
    press("ArrowDown")
    press("Enter")
    expect(region.locator(".gw-found")).to_be_in_viewport(ratio=1)
    press("Enter")
    expect(region.get_by_role("region", name="Layer detail")).to_contain_text("body.Linear 140")
    press("ArrowDown")
    press("Enter")
    expect(region.get_by_role("region", name="Layer detail")).to_contain_text("body.Linear 141")
    assert opened.is_content(), opened.complaints


def test_the_policy_of_the_page_lets_no_other_script_run_and_reaches_nothing(
    offline: Page, tmp_path: Path
) -> None:
    opened = Opened(offline, written(tmp_path / "run.html", sick_run()))
    assert opened.is_content()
    offline.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.foreign = true";
            const image = document.createElement("img");
            image.setAttribute("onerror", "window.foreign = true");
            image.src = "https://example.org/x.png";
            document.body.append(script, image);
        }"""
    )
    wait_until(lambda: len(opened.complaints) >= 2, "the policy to be enforced")
    assert offline.evaluate("window.foreign") is None
    assert "fetch failed" in offline.evaluate(
        "fetch('https://example.org').then(() => 'fetched', () => 'fetch failed')"
    )
    assert all("Content Security Policy" in said for said in opened.complaints)


def test_hostile_names_are_shown_as_text(offline: Page, tmp_path: Path, screenshots: Path) -> None:
    opened = Opened(offline, written(tmp_path / "run.html", hostile_run()))
    region = opened.region
    expect(region.get_by_role("row")).to_have_count(len(HOSTILE))
    for label, name in zip(opened.values(), HOSTILE, strict=True):
        seen = name.replace("\u2028", r"\u2028").replace("\ud800", r"\ud800")
        assert label.startswith(seen.replace("\u202e", r"\u202e"))
    region.locator("summary", has_text="could not be watched").click()
    expect(region.get_by_text("</script><script>alert(2)</script> (step 3)")).to_be_visible()
    expect(region.get_by_text("<s>mine</s>")).to_be_visible()
    assert region.locator("img, b:has(> *), script").count() == 0
    region.screenshot(path=screenshots / "exported-hostile.png")
    assert opened.is_content(), opened.complaints


def test_it_is_dark_where_the_reader_prefers_that_and_light_on_paper(
    offline: Page, tmp_path: Path, screenshots: Path
) -> None:
    offline.emulate_media(color_scheme="dark")
    opened = Opened(offline, written(tmp_path / "run.html", sick_run()))
    dark, light = "rgb(17, 20, 23)", "rgb(255, 255, 255)"
    expect(opened.region).to_have_css("background-color", dark)
    offline.screenshot(path=screenshots / "exported-dark.png")
    offline.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(opened.region).to_have_css("background-color", light)
    offline.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(opened.region).to_have_css("background-color", dark)
    offline.emulate_media(color_scheme="light")
    expect(opened.region).to_have_css("background-color", light)
    assert opened.is_content(), opened.complaints


def test_on_paper_every_row_is_on_one_sheet_with_its_bar(
    offline: Page, tmp_path: Path, screenshots: Path
) -> None:
    opened = Opened(offline, written(tmp_path / "run.html", sick_run(layers=100)))
    scroll = opened.region.locator(".gw-scroll")
    hidden = "node => node.scrollHeight - node.clientHeight"
    assert scroll.evaluate(hidden) > 0
    pdf = offline.pdf(prefer_css_page_size=True, print_background=True)
    (screenshots / "exported.pdf").write_bytes(pdf)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    offline.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert scroll.evaluate(hidden) == 0
    sheet = offline.evaluate("document.body.offsetHeight")
    rows = opened.region.get_by_role("row")
    bottom = bottom_of(rows.last)
    assert bottom_of(opened.region.locator("rect.bar").last) <= bottom <= sheet
    assert opened.is_content(), opened.complaints


def bottom_of(part: Locator) -> float:
    box = part.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


@pytest.mark.slow
def test_a_long_run_of_many_layers_opens_and_travels_at_once(
    offline: Page, tmp_path: Path, screenshots: Path
) -> None:
    monitor = long_run()
    opened = Opened(offline, written(tmp_path / "run.html", monitor))
    assert (tmp_path / "run.html").stat().st_size < 1_000_000
    took = offline.evaluate("performance.now()")
    assert took < 10_000, "milliseconds from the first byte to the first bar on a slow machine"
    slider = opened.region.get_by_role("slider", name="Step shown")
    expect(slider).to_have_attribute("aria-valuemax", "9999")
    slider.focus()
    newest = opened.bars()
    offline.keyboard.press("Home")
    wait_until(lambda: opened.bars() != newest, "the bars of the first step")
    offline.screenshot(path=screenshots / "exported-long.png")
    assert opened.is_content(), opened.complaints
