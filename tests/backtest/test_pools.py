"""A table of measured recipes as a pool: what is inferred, what is refused, what is near."""

import numpy as np
import pandas as pd
import pytest

from pvdopt import Categorical, Continuous, Objective, SearchSpace, Stepped
from pvdopt.backtest.pools import Pool, merge_repeats, read_pool
from pvdopt.errors import DataInvalid

GAIN = [Objective("gain")]


def write(tmp_path, header, rows):
    path = tmp_path / "films.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def good_rows(n=12):
    return [f"{100 + 50 * (k % 4)},{'rf' if k % 2 else 'dc'},{0.1 + k**1.5 * 0.01:.4f},same,{k}" for k in range(n)]


def test_parameters_are_what_the_columns_hold(tmp_path):
    pool = read_pool(write(tmp_path, "watt,kind,um,place,gain", good_rows()), GAIN)
    assert pool.space["watt"] == Stepped("watt", 100, 250, 50)
    assert pool.space["kind"] == Categorical("kind", choices=["dc", "rf"])
    assert isinstance(pool.space["um"], Continuous)
    assert "place" not in pool.space, "what never varies is no parameter"
    assert pool.signed[:, 0].tolist() == list(range(12))


def test_repeats_are_one_row_of_their_mean(tmp_path):
    rows = good_rows()
    pool = read_pool(write(tmp_path, "watt,kind,um,place,gain", [*rows, rows[0].rsplit(",", 1)[0] + ",10"]), GAIN)
    assert len(pool) == 12
    assert pool.values["gain"].iloc[0] == 5.0


def test_all_faults_come_at_once_with_their_rows(tmp_path):
    rows = good_rows()
    rows[1] = rows[1].replace("150", "inf")
    rows[4] = rows[4].rsplit(",", 1)[0] + ",none"
    rows[7] = ",rf" + rows[7][rows[7].index(",", 4) :]
    with pytest.raises(DataInvalid) as caught:
        read_pool(write(tmp_path, "watt,kind,um,place,gain", rows), GAIN)
    sentences = str(caught.value)
    assert "films.csv, row 6, gain: must be a number, got 'none'" in sentences
    assert "films.csv, row 9, watt: must be filled" in sentences


BAD = {
    "no such column": ("watt,gian", GAIN, "films.csv, gain: is no column .*gian.*Did you mean gian?"),
    "twice in the header": ("watt,watt,gain", GAIN, "watt: must stand once in the header"),
}


@pytest.mark.parametrize(("header", "objectives", "message"), BAD.values(), ids=BAD.keys())
def test_a_header_that_cannot_be_read_is_refused(tmp_path, header, objectives, message):
    rows = [",".join(str(k + j) for j in range(header.count(",") + 1)) for k in range(12)]
    with pytest.raises(DataInvalid, match=message):
        read_pool(write(tmp_path, header, rows), objectives)


def test_too_few_rows_are_no_pool(tmp_path):
    with pytest.raises(DataInvalid, match="at least 10 measured recipes, got 4"):
        read_pool(write(tmp_path, "watt,kind,um,place,gain", good_rows(4)), GAIN)


def test_ragged_rows_and_remarks_are_told(tmp_path):
    with pytest.raises(DataInvalid, match="row 3: must have 5 cells as the header, got 4"):
        read_pool(write(tmp_path, "watt,kind,um,place,gain", [good_rows()[0], "100,rf,0.2,1", *good_rows()]), GAIN)
    noted = [f"note {k % 70},{k},{k}" for k in range(90)]
    with pytest.raises(DataInvalid, match=r"note: must be numbers, or at most 60 different choices, got 70"):
        read_pool(write(tmp_path, "note,x,gain", noted), GAIN)


@pytest.mark.parametrize("twice", [False, True], ids=["once", "each-twice"])
def test_a_text_that_names_the_recipes_is_no_setting_and_is_told(tmp_path, twice):
    rows = [f"film {k},{row}" for k, row in enumerate(good_rows())] * (1 + twice)
    pool = read_pool(write(tmp_path, "film,watt,kind,um,place,gain", rows), GAIN)
    assert list(pool.space.names) == ["watt", "kind", "um"]
    assert pool.remarks == (
        f"film is left out: with 12 different texts in {len(rows)} rows it names the recipes. If it is a setting, "
        "declare it in a campaign file and name that before --pool.",
    )
    space = SearchSpace([Categorical("film", choices=[f"film {k}" for k in range(12)])])
    kept = read_pool(write(tmp_path, "film,watt,kind,um,place,gain", rows), GAIN, space)
    assert (list(kept.space.names), kept.remarks) == (["film"], ())


def test_a_slip_among_numbers_makes_no_choices_and_no_names_of_them(tmp_path):
    rows = good_rows()
    rows[3] = rows[3].replace("rf,0.", "rf,O.")
    with pytest.raises(DataInvalid, match=r"^films.csv, row 5, um: must be a finite number, got 'O\.1\d+'"):
        read_pool(write(tmp_path, "watt,kind,um,place,gain", rows), GAIN)


def test_names_that_alone_tell_recipes_apart_are_not_averaged_away(tmp_path):
    with pytest.raises(DataInvalid, match=r"film: names the recipes, of which only 7 differ without it, and 10 must"):
        read_pool(write(tmp_path, "film,x,gain", [f"film {k},{k % 7},{k}" for k in range(70)]), GAIN)


def test_a_setting_with_as_many_choices_as_a_table_has_names_is_kept(tmp_path):
    # Twelve salts at three heats: from one heat something is learned about another.
    rows = [f"salt {k % 12},{k // 12},{k}" for k in range(36)]
    pool = read_pool(write(tmp_path, "salt,heat,gain", rows), GAIN)
    assert (list(pool.space.names), pool.remarks) == (["salt", "heat"], ())


def test_a_number_that_counts_the_rows_is_pointed_out(tmp_path):
    rows = [f"{k + 1},{row}" for k, row in enumerate(good_rows())]
    pool = read_pool(write(tmp_path, "nr,watt,kind,um,place,gain", rows), GAIN)
    assert "nr" in pool.space
    assert [r[:27] for r in pool.remarks] == ["nr counts the rows, 1 to 12"]
    # What alone is varied may well be written down in order.
    assert read_pool(write(tmp_path, "nr,gain", [f"{k},{k % 5}" for k in range(12)]), GAIN).remarks == ()


def test_a_declared_space_refuses_what_it_does_not_allow(tmp_path):
    space = SearchSpace([Stepped("watt", low=100, high=200, step=50)])
    with pytest.raises(DataInvalid, match=r"row 5: is no recipe of the space: watt must lie in \[100, 200\], got 250"):
        read_pool(write(tmp_path, "watt,kind,um,place,gain", good_rows()), GAIN, space)


def test_the_nearest_row_is_by_gowers_distance():
    space = SearchSpace(
        [
            Continuous("x", low=0, high=10),
            Categorical("kind", choices=["a", "b"]),
            Continuous("y", low=0, high=1, when={"kind": ["b"]}),
        ]
    )
    recipes = space.frame([{"x": 0, "kind": "a"}, {"x": 4, "kind": "b", "y": 0.5}, {"x": 9, "kind": "a"}])
    pool = Pool("three", space, GAIN, recipes, pd.DataFrame({"gain": [1.0, 2.0, 3.0]}))
    # Another choice, and a number that applies on one side only, are a whole range each.
    assert pool.nearest({"x": 4.0, "kind": "a", "y": None}, taken=[]) == 0
    assert pool.nearest({"x": 4.0, "kind": "b", "y": 0.4}, taken=[]) == 1
    assert pool.nearest({"x": 4.0, "kind": "a", "y": None}, taken=[0]) == 2


def test_cells_that_failed_are_rows_without_a_value():
    space = SearchSpace([Stepped("x", low=0, high=9, step=1)])
    recipes = space.frame([{"x": x} for x in (0, 0, 1, 2)])
    values = pd.DataFrame({"gain": [1.0, np.nan, np.nan, 5.0]})
    pool = merge_repeats("past", space, GAIN, recipes, values, ["ok", "cracked", "cracked", "ok"])
    assert pool.observed([0, 1])["outcome_class"].tolist() == ["ok", "cracked"]
    assert pool.worst.tolist() == [1.0]
    assert pool.best == 5.0


def test_a_threshold_alone_makes_a_row_worth_nothing():
    space = SearchSpace([Stepped("x", low=0, high=2, step=1)])
    recipes = space.frame([{"x": x} for x in range(3)])
    values = pd.DataFrame({"gain": [1.0, 2.0, 9.0], "yield": [0.9, 0.8, 0.1]})
    pool = Pool("p", space, [*GAIN, Objective("yield", maximize=None, threshold=0.5)], recipes, values)
    assert pool.best == 2.0


def test_recipes_that_are_all_alike_make_no_contest(tmp_path):
    rows = [row.rsplit(",", 1)[0] + ",7" for row in good_rows()]
    with pytest.raises(DataInvalid, match="gain: must differ between recipes"):
        read_pool(write(tmp_path, "watt,kind,um,place,gain", rows), GAIN)


def test_a_spreadsheet_programs_semicolons_and_decimal_commas_are_read(tmp_path):
    rows = [row.replace(",", ";").replace(".", ",") for row in good_rows()]
    pool = read_pool(write(tmp_path, "watt;kind;um;place;gain", rows), GAIN)
    assert pool.recipes["um"].iloc[1] == pytest.approx(0.11)
