"""The closing picture: which cells stand in it, where, and what a reader finds in the file."""

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdopt.cells import read_cells, reported_cells
from pvdopt.cells.figure import ClosingFigure, closing_figure, draw_closing_figure, label_heights
from pvdopt.errors import PvdoptError, UsageError
from pvdopt.materials import cathodes

TABLE = """id,reference,doi,cathode,cell_kind,electrolyte,cycles,capacity,areal_capacity,nominal_voltage_v,retention,retention_qualifier
own-voltage,A 2001,10.1/a,LiCoO2,solid,Lipon,1000,60,,3.7,0.9,>=
table-voltage,B 2002,,LiCoO2,solid,Lipon,5000,50,,,,maintained
spinel,C & D <2003>,10.1/c,LiMn2O4,,Lipon,1000,48,,,,
areal-only,E 2004,10.1/e,LixMnO2,solid,Lipon,1000,,32.8,,,
nameless,F 2005,,,solid,Lipon,2000,40,,,,
short,G 2006,,LiCoO2,solid,Lipon,999,64,,,,
uncounted,H 2007,,LiCoO2,solid,Lipon,,64,,,,
wet,I 2008,,LiCoO2,liquid,,1000,64,,,,
wet-too,J 2009,,LiCoO2,,liquid,1000,64,,,,
"""  # noqa: E501


def small() -> ClosingFigure:
    return closing_figure(read_cells(TABLE).accepted())


def test_chooses_solid_cells_that_lasted() -> None:
    figure = small()
    assert [c.id for c in figure.placed] == ["own-voltage", "table-voltage", "spinel"]
    assert [c.id for c in figure.listed] == ["areal-only", "nameless"]
    assert figure.chemistries == ("LiCoO2", "LiMn2O4")
    assert figure.title.endswith("cycled 1000 times or more")
    fewer = closing_figure(read_cells(TABLE).accepted(), least_cycles=999)
    assert {c.id for c in fewer.placed} == {"own-voltage", "table-voltage", "spinel", "short"}


def test_a_voltage_is_the_cells_own_or_its_cathodes_with_the_source() -> None:
    cells = {c.id: c for c in (*small().placed, *small().listed)}
    own, table, spinel = cells["own-voltage"], cells["table-voltage"], cells["spinel"]
    assert (own.voltage_v, own.voltage_source, own.is_verified) == (3.7, "printed for this cell", True)
    lco = cathodes()["LiCoO2"]
    assert (table.voltage_v, table.is_verified) == (lco.nominal_voltage_v, lco.voltage_verified)
    assert lco.voltage_source in table.voltage_source
    assert spinel.is_verified
    assert cells["nameless"].voltage_v is None


def test_details_say_what_the_row_says() -> None:
    cells = {c.id: c for c in (*small().placed, *small().listed)}
    assert cells["own-voltage"].details == "LiCoO2 / Lipon, 1,000 cycles, at least 90 % kept"
    assert cells["table-voltage"].details == "LiCoO2 / Lipon, 5,000 cycles, said to be kept"
    assert cells["areal-only"].details == "LixMnO2 / Lipon, 1,000 cycles, 32.8 µAh/cm²"
    assert cells["nameless"].label == "cathode not stated, F 2005"


def test_the_page_needs_nothing_from_outside_and_escapes_what_it_shows(tmp_path: Path) -> None:
    draw_closing_figure(small(), tmp_path / "figure.html")
    page = (tmp_path / "figure.html").read_text(encoding="utf-8")
    assert '<script src="http' not in page
    assert "<link" not in page.split("<body>")[0]
    assert "Plotly.newPlot" in page
    assert "C & D <2003>" not in page.split("Plotly.newPlot")[-1]
    for words in ("E 2004: LixMnO2 / Lipon", "no volumetric capacity", "no nominal voltage", "https://doi.org/10.1/e"):
        assert words in page


@pytest.mark.parametrize(
    ("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("PNG", b"\x89PNG")]
)
def test_a_picture_for_a_paper(ending: str, start: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"figure.{ending}"
    draw_closing_figure(small(), path)
    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize("ending", ["html", "svg"])
def test_nothing_to_show_is_no_fault(ending: str, tmp_path: Path) -> None:
    empty = closing_figure(read_cells("id\na\n").accepted())
    assert (empty.placed, empty.listed) == ((), ())
    draw_closing_figure(empty, tmp_path / f"figure.{ending}")
    assert "Not in the picture" not in (tmp_path / f"figure.{ending}").read_text(encoding="utf-8")


def test_what_cannot_be_drawn_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"figure.jpeg: a figure ends in .html, .svg, .png or .pdf"):
        draw_closing_figure(small(), tmp_path / "figure.jpeg")
    for ending in ("html", "svg"):
        with pytest.raises(PvdoptError, match="cannot be written"):
            draw_closing_figure(small(), tmp_path / "no" / f"figure.{ending}")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match="needs matplotlib"):
        draw_closing_figure(small(), tmp_path / "figure.png")


def test_the_shipped_cells_make_the_reviews_picture() -> None:
    figure = closing_figure(reported_cells().frame)
    assert len(figure.placed) >= 5
    assert len(figure.listed) >= 4
    assert {"LiCoO2", "MoO3", "TiS2"} <= set(figure.chemistries)


@given(
    places=st.lists(st.tuples(st.floats(0, 5), st.floats(0, 100)), max_size=12),
    gap=st.floats(0.5, 10),
    width=st.floats(0.1, 3),
)
def test_labels_cover_neither_each_other_nor_a_point(places: Any, gap: float, width: float) -> None:
    heights = label_heights(places, gap, width)
    assert all(h >= y for h, (_, y) in zip(heights, places, strict=True))
    for k, (x, _) in enumerate(places):
        others = [heights[j] for j in range(len(places)) if j != k and abs(places[j][0] - x) < width]
        others += [py for px, py in places if 0 < px - x < width]
        assert all(abs(heights[k] - other) >= gap * (1 - 1e-6) for other in others)
