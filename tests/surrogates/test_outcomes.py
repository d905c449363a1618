"""All outcomes of a campaign together: what is derived, shared, left out and handed on."""

import numpy as np
import pandas as pd
import pytest
from surrogate_tables import CAMPAIGN, FIXED, PLAIN, asked, observed, recipes, small_evidence, truth

from pvdopt.objectives import Objective
from pvdopt.space import Continuous, SearchSpace
from pvdopt.surrogates.outcomes import OutcomeModels

CAPACITY, AREAL, RETENTION = Objective("capacity"), Objective("areal_capacity", threshold=30), Objective("retention")
ASKED = recipes(CAMPAIGN, 5, seed=3)


def models(*objectives, space=CAMPAIGN, evidence=True, surrogate="theory", **more):
    return OutcomeModels(space, objectives, small_evidence() if evidence else None, surrogate, **more)


def own(n=4, **outcomes):
    return recipes(CAMPAIGN, n).assign(**outcomes)


class TestArealCapacity:
    def test_it_is_capacity_times_thickness_draw_by_draw(self):
        fitted = models(CAPACITY, AREAL, RETENTION, surrogate="gaussian_process").fit()
        thickness = ASKED["thickness_um"].to_numpy()
        found = fitted.predict(ASKED)
        assert found["areal_capacity"].median() == pytest.approx(found["capacity"].median() * thickness)
        for a, v in zip(found["areal_capacity"].interval(), found["capacity"].interval(), strict=True):
            assert a == pytest.approx(v * thickness)
        draws = fitted.draw(ASKED, 30, np.random.default_rng(0))
        assert {v.shape for v in draws.values()} == {(30, 5)}
        np.testing.assert_allclose(draws["areal_capacity"], draws["capacity"] * thickness)
        # Another model, other draws.
        assert abs(np.corrcoef(draws["retention"][:, 0], draws["capacity"][:, 0])[0, 1]) < 0.6
        assert set(fitted.models) == {"capacity", "retention"}

    def test_it_teaches_capacity_with_all_that_belongs_to_it(self):
        cells = own(
            4,
            areal_capacity=[20.0, 30.0, np.nan, 50.0],
            areal_capacity_sd=[2.0, np.nan, np.nan, np.nan],
            areal_capacity_qualifier=["=", ">=", None, "<="],
            capacity=[np.nan, np.nan, 44.0, 33.0],
            capacity_sd=[np.nan, np.nan, 4.4, np.nan],
        )
        table = models(AREAL).fit(cells).tables["capacity"]
        thickness = cells["thickness_um"].to_numpy()
        mine = table.own
        expected = [20 / thickness[0], 30 / thickness[1], 44.0, 33.0]
        assert np.exp(table.y[mine]) == pytest.approx(expected)
        # A capacity stated as such keeps its own qualifier.
        assert table.censor[mine].tolist() == [0, 1, 0, 0]
        assert np.sqrt(table.noise_var[mine])[[0, 2]] == pytest.approx([0.1, 0.1])

    def test_thickness_may_be_fixed(self):
        space = SearchSpace([Continuous("bias_v", -100, 0)], fixed={**FIXED, "thickness_um": 2.0})
        found = models(CAPACITY, AREAL, space=space).fit().predict(pd.DataFrame({"bias_v": [-50.0, 0.0]}))
        assert found["areal_capacity"].median() == pytest.approx(2 * found["capacity"].median())

    def test_without_evidence_it_is_an_outcome_like_any_other(self):
        fitted = models(AREAL, evidence=False).fit(own(areal_capacity=[1.0, 2.0, 3.0, 4.0]))
        assert set(fitted.models) == {"areal_capacity"}
        assert fitted.predict(ASKED)["areal_capacity"].median() == pytest.approx(np.full(5, 2.5))


class TestCells:
    @pytest.mark.parametrize("cells", [None, CAMPAIGN.frame([]), own(4), own(4, capacity=np.nan)], ids=str)
    @pytest.mark.parametrize("evidence", [True, False])
    def test_nothing_measured_gives_the_prior(self, cells, evidence):
        found = models(CAPACITY, RETENTION, evidence=evidence, surrogate="gaussian_process").fit(cells).predict(ASKED)
        for p in found.values():
            assert len(p) == 5
            assert np.isfinite([p.median(), *p.interval(), p.std]).all()

    def test_each_outcome_learns_from_the_cells_that_state_it(self):
        cells = own(
            4,
            capacity=[40.0, 41.0, 42.0, 43.0],
            retention=[np.nan, 0.9, np.nan, 0.8],
            outcome_class=["ok", None, "shorted", "ok"],
        )
        fitted = models(CAPACITY, RETENTION).fit(cells)
        assert np.exp(fitted.tables["capacity"].y[fitted.tables["capacity"].own]) == pytest.approx([40, 41, 43])
        assert fitted.tables["retention"].own.sum() == 2

    def test_an_outcome_nobody_reported_is_learned_from_own_cells_beside_the_others(self):
        fitted = models(CAPACITY, Objective("hardness", maximize=False)).fit(own(4, hardness=[1.0, 2.0, 3.0, 2.0]))
        found = fitted.predict(ASKED)
        assert found["hardness"].median() == pytest.approx(np.full(5, 2.0))
        assert len(fitted.tables["hardness"]) == 4
        assert len(fitted.tables["capacity"]) > 4

    def test_a_plain_campaign_learns_a_function(self):
        fitted = models(Objective("outcome"), space=PLAIN, evidence=False, surrogate="gaussian_process")
        new = asked("plain", 30)
        found = fitted.fit(observed(30)).predict(new)["outcome"].median()
        assert np.corrcoef(found, truth(new))[0, 1] > 0.95


def test_calibration_widens_the_interval_and_nothing_else():
    cells = own(3, capacity=[40.0, 42.0, 44.0])
    one, two = (models(CAPACITY, calibration={"capacity": f}).fit(cells) for f in (1.0, 2.0))
    a, b = (m.predict(ASKED)["capacity"] for m in (one, two))
    np.testing.assert_array_equal(a.mean, b.mean)
    np.testing.assert_array_equal(a.std, b.std)
    np.testing.assert_allclose(b.total_std, 2 * a.total_std)
    np.testing.assert_array_equal(*(m.draw(ASKED, 4, np.random.default_rng(1))["capacity"] for m in (one, two)))
    # These few publications are not those the shipped factors were found on.
    assert models(CAPACITY).fit(cells).factors == {"capacity": 1.0}


def test_draws_repeat_with_their_generator():
    fitted = models(CAPACITY, RETENTION).fit()
    one, same, other = (fitted.draw(ASKED, 6, np.random.default_rng(s)) for s in (1, 1, 2))
    for name in one:
        np.testing.assert_array_equal(one[name], same[name])
        assert (one[name] != other[name]).any()
