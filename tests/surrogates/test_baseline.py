"""Baselines by hand: every source weighs 1, families are shrunk towards all, few sources are not believed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from surrogate_tables import asked, plain, with_evidence

from pvdopt.evidence import Evidence, derive_columns
from pvdopt.surrogates.baseline import (
    FALLBACK_SD,
    FAMILY_SHRINKAGE,
    Climatology,
    TheoryTimesFamily,
    row_weights,
    source_weights,
    weighted_moments,
)


def reported(rows):
    """A table of (source, cathode, capacity)."""
    cells = pd.DataFrame(rows, columns=["source", "cathode", "capacity"]).assign(cell_kind="solid", ratio_kind=None)
    return Evidence(cells).table("capacity")


def films(*cathodes):
    return derive_columns(pd.DataFrame({"cathode": cathodes}))


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12))
def test_every_source_counts_once(sources):
    names = np.array(sources, dtype=object)
    weights = source_weights(names)
    for name in set(sources):
        assert weights[names == name].sum() == pytest.approx(1)


def test_moments_are_weighted_and_corrected_for_few_sources():
    mean, sd = weighted_moments(np.array([1.0, 3.0, 5.0]), np.ones(3))
    assert (mean, sd) == pytest.approx((3.0, 2.0))
    mean, sd = weighted_moments(np.array([1.0, 1.0, 5.0]), np.array([0.5, 0.5, 1.0]))
    assert (mean, sd) == pytest.approx((3.0, np.sqrt(8.0)))


def test_climatology_is_the_spread_of_the_sources():
    table = reported([("a", "LiCoO2", 10.0), ("a", "LiCoO2", 10.0), ("b", "V2O5", 40.0)])
    p = Climatology().fit(table).predict(films("LiCoO2", "FeS2"))
    assert p.median() == pytest.approx([20.0, 20.0])
    assert p.total_std == pytest.approx(np.sqrt(2) * np.log(2), rel=1e-3)


def test_one_source_is_taken_row_by_row():
    table = plain(9)
    assert row_weights(table).tolist() == [1.0] * 9
    for model in (Climatology(), TheoryTimesFamily()):
        p = model.fit(table).predict(asked("plain"))
        assert p.mean == pytest.approx(np.full(7, table.y.mean()))
        assert p.total_std == pytest.approx(np.full(7, table.y.std(ddof=1)), rel=1e-6)


@pytest.mark.parametrize("model", [Climatology(), TheoryTimesFamily()], ids=["climatology", "theory"])
def test_with_one_row_the_spread_is_the_assumed_one(model):
    table = with_evidence(1).subset(np.array([0]))
    p = model.fit(table).predict(table.frame)
    assert p.mean == pytest.approx(table.y)
    assert p.total_std[0] >= FALLBACK_SD


def test_theory_gives_each_cathode_its_own_capacity():
    table = reported([("a", "LiCoO2", 50.0), ("b", "LiMn2O4", 45.0), ("c", "V2O5", 60.0)])
    p = TheoryTimesFamily().fit(table).predict(films("FeS2", "LiCoO2"))
    # Sulfide by conversion holds 6.5 times the lithium of half a LiCoO2.
    assert p.median()[0] > 4 * p.median()[1]


def test_a_family_is_shrunk_towards_all():
    rows = [("a", "LiCoO2", 30.0), ("b", "LiCoO2", 32.0), ("c", "LiMn2O4", 60.0), ("d", "LiMn2O4", 62.0)]
    table = reported(rows)
    residual = table.y - table.prior.mean(table.frame)[0]
    model = TheoryTimesFamily().fit(table)
    asked_for = films("LiCoO2", "LiMn2O4", "V2O5")
    shift = model.predict(asked_for).mean - table.prior.mean(asked_for)[0]
    share = 2 * FAMILY_SHRINKAGE**2 / (2 * FAMILY_SHRINKAGE**2 + 1)
    overall = residual.mean()
    assert shift[0] == pytest.approx(overall + share * (residual[:2].mean() - overall))
    assert shift[1] == pytest.approx(overall + share * (residual[2:].mean() - overall))
    assert shift[2] == pytest.approx(overall)


def test_a_recipe_that_leaves_more_open_is_predicted_less_surely():
    model = TheoryTimesFamily().fit(with_evidence(2))
    known, open_ = derive_columns(
        pd.DataFrame({"cathode": ["LiCoO2"] * 2, "thickness_um": [0.5, np.nan], "current_ua_cm2": [10.0, 10.0]})
    ).pipe(lambda f: model.predict(f).total_std)
    assert open_ > known


def test_climatology_takes_a_bound_at_its_value():
    table = reported([("a", "LiCoO2", 10.0), ("b", "V2O5", 40.0)])
    bounded = replace(table, censor=np.array([1, 0]))
    np.testing.assert_array_equal(
        Climatology().fit(bounded).predict(films("LiCoO2")).mean, Climatology().fit(table).predict(films("LiCoO2")).mean
    )
