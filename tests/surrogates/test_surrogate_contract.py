"""One contract for every specification, on a plain table and with evidence."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from surrogate_tables import asked, plain, truth, with_evidence

from pvdopt.surrogates import SPECIFICATIONS, make_surrogate
from pvdopt.surrogates.base import Prediction, safe_cholesky

BASELINES = ("theory", "climatology")
TABLES = {
    "plain": lambda: plain(12),
    "capacity": lambda: with_evidence(3),
    "retention": lambda: with_evidence(2, "retention"),
}

every = pytest.mark.parametrize("name", SPECIFICATIONS)
#: The mixture fits its members a dozen times over: what holds of them is not tried on every table again.
on_all = pytest.mark.parametrize(
    ("name", "kind"), [(s, k) for s in SPECIFICATIONS for k in TABLES if (s, k) != ("mixture", "retention")]
)
on_most = pytest.mark.parametrize(
    ("name", "kind"), [(s, k) for s in SPECIFICATIONS for k in TABLES if s != "mixture" or k == "plain"]
)


@cache
def fitted(name, kind):
    return make_surrogate(name).fit(TABLES[kind]())


def predict(name, table, recipes):
    return make_surrogate(name).fit(table).predict(recipes)


def deviations(p):
    return np.concatenate([p.std, p.offset_std, p.noise_std, p.total_std])


def check_sound(p, n):
    """What holds of any prediction."""
    assert isinstance(p, Prediction)
    assert len(p) == n
    for values in (p.mean, p.std, p.offset_std, p.noise_std, p.total_std, p.median(), *p.interval()):
        assert values.shape == (n,)
        assert np.isfinite(values).all()
    assert (deviations(p) >= 0).all()
    assert (p.std > 0).all()
    assert (p.total_std > 0).all()
    low, high = p.interval(0.8)
    lower, higher = p.interval(0.95)
    slack = 1e-12 + 1e-9 * np.abs(p.median())
    for a, b in ((lower, low), (low, p.median()), (p.median(), high), (high, higher)):
        assert (a <= b + slack).all()


@on_all
def test_predictions_are_sound(name, kind):
    recipes = asked(kind)
    before = recipes.copy()
    check_sound(fitted(name, kind).predict(recipes), len(recipes))
    pd.testing.assert_frame_equal(recipes, before)


@on_most
def test_the_same_rows_and_seed_give_the_same_prediction(name, kind):
    one, other = (m.predict(asked(kind)) for m in (fitted(name, kind), make_surrogate(name).fit(TABLES[kind]())))
    np.testing.assert_array_equal(one.mean, other.mean)
    np.testing.assert_array_equal(deviations(one), deviations(other))


@on_all
def test_draws_agree_with_mean_and_deviation(name, kind):
    recipes = asked(kind, 4)
    p = fitted(name, kind).predict(recipes)
    covariance = np.diag(p.std**2) if p.covariance is None else p.covariance()
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), p.std, rtol=1e-6)
    normals = np.random.default_rng(0).standard_normal((4000, len(p)))
    drawn = p.draw_model_scale(normals)
    assert np.abs(drawn.mean(axis=0) - p.mean).max() < 0.06 * p.std.max()
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.12 * np.diag(covariance).max())
    in_unit = p.draw(500, np.random.default_rng(1))
    assert in_unit.shape == (500, 4)
    again = p.link.inverse(p.draw_model_scale(np.random.default_rng(1).standard_normal((500, 4))))
    np.testing.assert_array_equal(in_unit, again)


@on_all
def test_a_recipe_is_predicted_alike_alone_and_among_others(name, kind):
    recipes = asked(kind)
    model = fitted(name, kind)
    together, alone = model.predict(recipes), model.predict(recipes.iloc[[3]])
    np.testing.assert_allclose(alone.mean, together.mean[[3]], rtol=1e-9)
    np.testing.assert_allclose(deviations(alone), deviations(together).reshape(4, -1)[:, 3], rtol=1e-6)


@on_most
def test_the_order_of_rows_does_not_matter(name, kind):
    table, recipes = TABLES[kind](), asked(kind)
    shuffled = table.subset(np.random.default_rng(2).permutation(len(table)))
    one, other = fitted(name, kind).predict(recipes), predict(name, shuffled, recipes)
    np.testing.assert_allclose(other.mean, one.mean, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(deviations(other), deviations(one), rtol=1e-2, atol=1e-3)


@every
def test_rows_all_alike_in_their_settings_or_outcome_are_no_obstacle(name):
    recipes = asked("plain")
    table = plain(10)
    for rows in (table.subset(np.zeros(7, dtype=int)), table.subset(np.array([0, 0, 0, 1, 1, 2, 3]))):
        check_sound(predict(name, rows, recipes), len(recipes))
    table.y[:] = 0.0
    constant = predict(name, table, recipes)
    check_sound(constant, len(recipes))
    assert constant.median() == pytest.approx(np.full(len(recipes), table.link.center), abs=1e-6)


@on_all
@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_rows_give_a_wide_but_finite_prediction(name, kind, n):
    recipes = asked(kind)
    table = TABLES[kind]()
    full = fitted("climatology", kind).predict(recipes)
    p = predict(name, table.subset(np.arange(n)), recipes)
    check_sound(p, len(recipes))
    assert (p.total_std > 0.2 * full.total_std).all()
    if name not in BASELINES:
        # Hardly anything is known of what a recipe does: the acquisition has to see that.
        assert (p.std > 0.1).all()


@on_all
def test_unknown_inputs_are_no_obstacle(name, kind):
    recipes = asked(kind)
    inputs = [i.name for i in TABLES[kind]().inputs]
    blank = recipes.assign(**{n: None for n in inputs if n in recipes.columns})
    gone = recipes[[c for c in recipes if c not in inputs]]
    one, gone = (fitted(name, kind).predict(r) for r in (blank, gone))
    check_sound(one, len(recipes))
    np.testing.assert_allclose(gone.mean, one.mean)
    np.testing.assert_allclose(deviations(gone), deviations(one))


@every
def test_training_rows_may_miss_inputs(name):
    table = plain(12)
    rng = np.random.default_rng(5)
    for column in ("a", "b", "kind"):
        table.frame.loc[rng.random(12) < 0.4, column] = None if column == "kind" else np.nan
    check_sound(predict(name, table, asked("plain")), 7)


@every
@pytest.mark.parametrize("kind", ["plain", "capacity"])
def test_nothing_is_asked_nothing_comes_back(name, kind):
    p = fitted(name, kind).predict(asked(kind).iloc[:0])
    check_sound(p, 0)
    assert p.draw(3, np.random.default_rng(0)).shape == (3, 0)


@every
def test_a_refitted_surrogate_remembers_nothing(name):
    recipes = asked("plain")
    model = make_surrogate(name)
    assert model.name == name
    assert model.fit(plain(7, seed=7)) is model
    np.testing.assert_array_equal(
        model.fit(plain(12)).predict(recipes).mean, fitted(name, "plain").predict(recipes).mean
    )


@pytest.mark.parametrize("name", ["gaussian_process", "forest"])
def test_more_cells_make_a_prediction_surer_and_better(name):
    recipes = asked("plain", 40)
    error, width = [], []
    for n in (4, 12, 40):
        table = plain(n)
        p = predict(name, table, recipes)
        error.append(float(np.sqrt(np.mean((p.median() - truth(recipes)) ** 2))))
        width.append(float(np.mean(p.total_std)) * table.link.scale)
    assert width[0] > width[1] > width[2]
    assert error[2] < 0.6 * error[0]
    inside = np.abs(p.median() - truth(recipes)) < 2.5 * p.total_std * table.link.scale
    assert inside.mean() > 0.85


def test_a_name_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="no surrogate named 'oracle'"):
        make_surrogate("oracle")


def test_a_covariance_of_rows_all_alike_can_be_drawn_from():
    factor = safe_cholesky(np.ones((5, 5)))
    np.testing.assert_allclose(factor @ factor.T, np.ones((5, 5)), atol=1e-6)
    assert safe_cholesky(np.zeros((3, 3))).shape == (3, 3)
    with pytest.raises(np.linalg.LinAlgError):
        safe_cholesky(-np.eye(2))
