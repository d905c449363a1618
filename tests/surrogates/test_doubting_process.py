"""Whether the literature holds here: what own cells say of it, and what follows."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from surrogate_tables import CAMPAIGN, asked, plain, small_evidence, with_evidence

from pvdopt.objectives import Objective
from pvdopt.surrogates.base import MixedPrediction, Prediction
from pvdopt.surrogates.doubting_process import FAITH, DoubtingProcess
from pvdopt.surrogates.gaussian_process import GaussianProcess
from pvdopt.surrogates.outcomes import OutcomeModels

#: Films from as deposited to well annealed, without a bias.
HEATED = [{"bias_v": 0.0, "thickness_um": 0.5, "anneal_kind": "none"}] + [
    {"bias_v": 0.0, "thickness_um": 0.5, "anneal_kind": "furnace", "anneal_temperature_c": t}
    for t in (320.0, 400.0, 500.0, 600.0, 700.0)
]
AS_REPORTED = [6.0, 13.0, 22.0, 35.0, 44.0, 50.0]


def heated(capacities):
    own = CAMPAIGN.frame(HEATED).assign(capacity=capacities)
    return small_evidence().table("capacity", own, CAMPAIGN)


def test_cells_that_agree_strengthen_the_faith_and_cells_that_contradict_take_it():
    agreeing, contradicting = (DoubtingProcess().fit(heated(c)) for c in (AS_REPORTED, AS_REPORTED[::-1]))
    assert agreeing.faith > FAITH
    assert contradicting.faith < 0.1


def test_where_the_literature_misleads_it_is_nearer_to_what_cells_say_than_one_that_believes():
    table = heated(AS_REPORTED[::-1])
    between = small_evidence().complete(CAMPAIGN.with_fixed(CAMPAIGN.frame([{**HEATED[1], "bias_v": -20.0}])))
    doubting, believing = (
        model.fit(table).predict(between).median()[0] for model in (DoubtingProcess(), GaussianProcess(n_restarts=0))
    )
    assert abs(np.log(doubting / 44.0)) < abs(np.log(believing / 44.0))


def test_it_is_both_processes_by_their_weights():
    table, found = heated([30.0] * 6), asked("evidence")
    model = DoubtingProcess().fit(table)
    assert 0.01 < model.faith < 0.99
    both = [GaussianProcess(n_restarts=0, believes=b).fit(table) for b in (True, False)]
    p, (a, b) = model.predict(found), (m.predict(found) for m in both)
    f = model.faith
    np.testing.assert_allclose(p.mean, f * a.mean + (1 - f) * b.mean)
    between = f * (1 - f) * (a.mean - b.mean) ** 2
    np.testing.assert_allclose(p.std**2, f * a.std**2 + (1 - f) * b.std**2 + between)
    odds = np.log(FAITH / (1 - FAITH)) + both[0].log_evidence() - both[1].log_evidence()
    assert f == pytest.approx(1 / (1 + np.exp(-odds)))
    levels = [m.level() for m in both]
    assert model.level()[0] == pytest.approx(f * levels[0][0] + (1 - f) * levels[1][0])
    prior, after_reported, after_all = model.variances(found)
    assert (prior >= after_reported).all()
    assert (after_reported >= after_all).all()


@pytest.mark.parametrize("table", [with_evidence(0), plain(6), with_evidence(3, "retention")])
def test_without_own_cells_or_a_doubtful_belief_it_believes(table):
    model = DoubtingProcess().fit(table)
    found = asked("evidence" if table.effects else "plain")
    assert model.faith == 1.0
    np.testing.assert_array_equal(
        model.predict(found).mean, GaussianProcess(n_restarts=0).fit(table).predict(found).mean
    )


@pytest.mark.parametrize("believes", [True, False])
def test_the_evidence_is_the_density_of_own_rows_given_the_reported(believes):
    table = heated(AS_REPORTED)
    model = GaussianProcess(n_restarts=0, believes=believes).fit(table)
    covariance, _ = model._covariance.with_slopes(model.theta, model._rows, model._noise_var)
    residual, told = model._residual, ~table.own
    everything = multivariate_normal(cov=covariance).logpdf(residual)
    reported = multivariate_normal(cov=covariance[np.ix_(told, told)]).logpdf(residual[told])
    assert model.log_evidence() == pytest.approx(everything - reported, rel=1e-8)


def test_one_that_doubts_takes_nothing_of_heat_and_bias_from_the_literature():
    table = heated([30.0] * 6)
    model = GaussianProcess(n_restarts=0, believes=False).fit(table.subset(~table.own))
    found = small_evidence().complete(CAMPAIGN.with_fixed(CAMPAIGN.frame(HEATED)))
    # Nothing but heat differs between these films, and without it physics expects the same of all.
    assert np.ptp(model.predict(found).mean) < 1e-9
    assert np.ptp(GaussianProcess(n_restarts=0).fit(table.subset(~table.own)).predict(found).mean) > 0.5
    rows = model._covariance.read_recipes(found)
    variance = model._covariance.variance(model.theta, rows)
    np.testing.assert_allclose(variance, np.diag(model._covariance.of_effects(model.theta, rows)))


def test_a_mixed_belief_moves_with_all_that_it_is_made_of():
    def normal(mean):
        return Prediction(np.array([mean]), np.ones(1), np.ones(1), np.ones(1), small_evidence().link("capacity"))

    mixed = MixedPrediction.of([normal(0.0), normal(4.0)], np.array([0.5, 0.5])).shifted(np.array([10.0]))
    assert mixed.mean == pytest.approx([12.0])
    assert [float(part.mean[0]) for _, part in mixed.parts()] == [10.0, 14.0]
    draws = mixed.draw_model_scale(np.random.default_rng(0).standard_normal((400, 1)))
    assert draws.mean() == pytest.approx(12.0, abs=0.2)


def test_areal_capacity_is_drawn_around_its_prediction_where_beliefs_are_mixed():
    objectives = (Objective("areal_capacity", maximize=True), Objective("capacity", maximize=True))
    models = OutcomeModels(CAMPAIGN, objectives, small_evidence())
    models.fit(CAMPAIGN.frame(HEATED).assign(capacity=[30.0] * 6))
    thick = CAMPAIGN.frame([{**HEATED[3], "thickness_um": 4.0}])
    assert isinstance(models.predict(thick)["capacity"], MixedPrediction)
    draws = models.draw(thick, 2000, np.random.default_rng(0))
    np.testing.assert_allclose(draws["areal_capacity"], 4.0 * draws["capacity"])
    (_, first), *_ = models.predict(thick)["areal_capacity"].parts()
    (_, alone), *_ = models.predict(thick)["capacity"].parts()
    assert first.mean - alone.mean == pytest.approx(np.log(4.0))
