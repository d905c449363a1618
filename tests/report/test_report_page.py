"""The page as text, and the command that writes it: whole, alone, escaped, the same every time."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from evil_texts import EVIL, EVIL_IMAGE
from some_chart import make_chart

from campaigns import digest
from pvdopt.campaign import Campaign
from pvdopt.cli import main
from pvdopt.errors import PvdoptError
from pvdopt.report import build_report, render_report
from pvdopt.report.render import write_page


class Outline(HTMLParser):
    """Collects elements and ids, and whether every element that opens closes."""

    VOID = frozenset({"meta", "br", "link", "input", "img", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    return found


@pytest.fixture(scope="module")
def page(lco: Campaign) -> str:
    return render_report(build_report(lco))


def test_the_page_is_whole_and_names_things_once(page: str) -> None:
    found = outline(page)
    assert found.faults == []
    assert found.open == []
    ids = [a["id"] for _, a in found.tags if "id" in a]
    assert len(ids) == len(set(ids))
    links = {str(a["href"])[1:] for tag, a in found.tags if tag == "a" and str(a["href"]).startswith("#")}
    assert links <= set(ids)


def test_the_page_fetches_nothing(page: str) -> None:
    found = outline(page)
    assert not any(tag in ("link", "img", "iframe", "object", "base") for tag, _ in found.tags)
    assert not any("src" in a or "style" in a or any(name.startswith("on") for name in a) for _, a in found.tags)
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert not re.search(r"url\(|@import", style)
    outside = {a["href"] for tag, a in found.tags if tag == "a" and not str(a["href"]).startswith("#")}
    assert outside
    assert all(str(href).startswith("https://doi.org/") for href in outside)


def test_every_table_says_what_it_is_and_what_its_headings_head(page: str) -> None:
    n_tables = len(re.findall(r"<table", page))
    assert n_tables > 5
    assert page.count("<caption") == n_tables
    assert all("scope" in a for tag, a in outline(page).tags if tag == "th")


def test_the_page_is_the_same_every_time(lco: Campaign, page: str) -> None:
    assert render_report(build_report(lco)) == page


def test_an_interval_that_passes_theory_says_where_theory_ends(lco: Campaign, page: str) -> None:
    (proposal,) = build_report(lco).proposals
    assert proposal.predicted["capacity"][2] > proposal.theory["capacity"] == pytest.approx(69.19, abs=0.01)
    assert page.count("in theory up to 69.2") == 1


def test_all_text_from_data_is_escaped(evil: Campaign) -> None:
    page = render_report(build_report(evil))
    assert EVIL not in page
    assert EVIL_IMAGE not in page
    assert EVIL.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;") in page
    assert sum(tag == "script" for tag, _ in outline(page).tags) == 1


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    assert not left.value.code


def test_report_writes_the_page_and_leaves_the_ledger_alone(
    lco: Campaign, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest(lco)
    path = tmp_path / "new" / "page.html"
    run(monkeypatch, "report", lco.folder, "-o", path, "--dry-run")
    assert not path.parent.exists()
    run(monkeypatch, "report", lco.folder, "-o", path)
    assert capsys.readouterr().out.strip() == path.as_posix()
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [p.name for p in path.parent.iterdir()] == ["page.html"]
    assert digest(lco) == before


def test_figures_are_written_beside_the_page(lco: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = {"front": make_chart()}
    monkeypatch.setattr("pvdopt.report.paper.draw_charts", lambda _: drawn)
    run(monkeypatch, "report", lco.folder, "-o", tmp_path / "page.html", "--figures", tmp_path / "figures")
    assert sorted(p.name for p in (tmp_path / "figures").iterdir()) == ["try.png", "try.svg"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PvdoptError, match=r"file/report\.html cannot be written"):
        write_page("", tmp_path / "file" / "report.html")


def test_a_preview_is_refused(tmp_path: Path) -> None:
    with Campaign.preview("lco_lipon.toml") as preview, pytest.raises(PvdoptError, match="report needs a campaign"):
        build_report(preview)
