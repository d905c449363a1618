"""The page in a real browser: it says nothing to the console, asks for nothing, and does what it offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from evil_texts import EVIL

from pvdopt.campaign import Campaign

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.system("chromium")

Write = Callable[[Campaign], Path]
PHONE, DESK = {"width": 360, "height": 780}, {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    import shutil

    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        yield started
        started.close()


class Visit:
    """An opened page and all that it said and asked for."""

    def __init__(self, browser: Browser, path: Path, size: dict[str, int], scheme: str = "light") -> None:
        context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
        context.set_default_timeout(60_000)
        self.page: Page = context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())


@pytest.fixture(scope="module")
def lco_page(lco: Campaign, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from pvdopt.report import build_report, render_report

    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_report(build_report(lco)), encoding="utf-8")
    return path


@pytest.fixture
def visit(browser: Browser, lco_page: Path) -> Iterator[Visit]:
    found = Visit(browser, lco_page, DESK)
    yield found
    assert found.said == []
    assert found.asked == [lco_page.as_uri()]
    found.page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_nothing_hangs_over_the_edge(browser: Browser, lco_page: Path, size: dict[str, int], scheme: str) -> None:
    visit = Visit(browser, lco_page, size, scheme)
    assert visit.page.title() == "lco_lipon: campaign report"
    assert visit.page.evaluate("document.documentElement.scrollWidth") == size["width"]
    drawn = visit.page.locator("svg.chart")
    assert drawn.count() > 10
    assert all(box is not None and box["width"] > 250 for box in (drawn.nth(k).bounding_box() for k in range(3)))
    assert visit.said == []
    visit.page.context.close()


def test_words_are_dark_enough_on_their_ground(browser: Browser, lco_page: Path) -> None:
    """Contrast of text is at least 4.5 to 1 (WCAG 2.2, 1.4.3), light and dark."""
    luminance = """(colour) => {
        const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map((v) => v / 255)
            .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    }"""
    for scheme in ("light", "dark"):
        page = Visit(browser, lco_page, DESK, scheme).page
        ground = page.evaluate(f"({luminance})(getComputedStyle(document.body).backgroundColor)")
        for where, name in ((".note", "color"), ("h2", "color"), ("a", "color"), (".tag", "color"), ("text", "fill")):
            ink = page.evaluate(f"({luminance})(getComputedStyle(document.querySelector('{where}')).{name})")
            ratio = (max(ink, ground) + 0.05) / (min(ink, ground) + 0.05)
            assert ratio >= 4.5, (scheme, where)
        page.context.close()


def test_a_table_is_sorted_by_the_keyboard(visit: Visit) -> None:
    table = visit.page.locator("#cells table")
    first = table.locator("tbody tr th")
    assert first.all_inner_texts() == ["P001", "P002", "P003", "P004", "P005"]
    button = table.locator("thead button", has_text="Capacity").first
    button.focus()
    visit.page.keyboard.press("Enter")
    # What has no result stays last, whichever way it is sorted.
    assert first.all_inner_texts() == ["P001", "P002", "P004", "P003", "P005"]
    visit.page.keyboard.press("Enter")
    assert first.all_inner_texts() == ["P004", "P002", "P001", "P003", "P005"]
    heading = table.locator("thead th", has_text="Capacity").first
    assert heading.get_attribute("aria-sort") == "descending"
    assert "descending" in visit.page.locator("#told").inner_text()


def test_a_point_tells_what_it_is_under_the_pointer_and_by_the_arrow_keys(visit: Visit) -> None:
    figure = visit.page.locator("#front")
    figure.scroll_into_view_if_needed()
    tip = figure.locator(".tip")
    assert not tip.is_visible()
    figure.locator(".point .own").first.hover()
    assert tip.inner_text().startswith("P00")
    assert "capacity" in tip.inner_text()
    visit.page.mouse.move(2, 2)
    assert not tip.is_visible()
    figure.locator("svg.chart").focus()
    visit.page.keyboard.press("ArrowRight")
    first = tip.inner_text()
    visit.page.keyboard.press("ArrowRight")
    assert tip.is_visible()
    assert tip.inner_text() != first
    assert visit.page.locator("#told").inner_text()
    visit.page.keyboard.press("Escape")
    assert not tip.is_visible()


def test_reported_cells_name_their_publication(visit: Visit) -> None:
    figure = visit.page.locator("#reported-voltage")
    figure.locator("svg.chart").focus()
    visit.page.keyboard.press("ArrowRight")
    assert "doi 10." in figure.locator(".tip").inner_text()


def test_a_legend_hides_and_shows_its_layer(visit: Visit) -> None:
    figure = visit.page.locator("#front")
    button = figure.locator(".legend button", has_text="measured cells")
    point = figure.locator(".point .own").first
    assert point.is_visible()
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert not point.is_visible()
    button.click()
    assert point.is_visible()


def test_numbers_of_a_figure_open_on_request(visit: Visit) -> None:
    figure = visit.page.locator("#front")
    assert not figure.locator("table").is_visible()
    figure.locator("summary").click()
    assert figure.locator("tbody tr").count() >= 2


def test_on_paper_nothing_is_lost_but_what_only_a_screen_can_do(visit: Visit) -> None:
    visit.page.emulate_media(media="print")
    assert not visit.page.locator("nav").is_visible()
    assert visit.page.locator("#cells table").is_visible()
    assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert len(visit.page.pdf(format="A4")) > 50_000


def test_what_a_lab_writes_is_shown_and_never_run(browser: Browser, evil: Campaign, page_of: Write) -> None:
    path = page_of(evil)
    visit = Visit(browser, path, DESK)
    assert visit.page.title() == "plain: campaign report"
    assert EVIL in visit.page.locator("#cells").inner_text()
    assert visit.said == []
    assert visit.asked == [path.as_uri()]
    # Even what gets past the escaping may not run: the page allows its own script alone.
    visit.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">')")
    visit.page.wait_for_timeout(200)
    assert visit.page.title() == "plain: campaign report"
    visit.page.context.close()
