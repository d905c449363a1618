"""What only ridge does: a straight line through what is known, nothing from what is not."""

import numpy as np
import pytest
from surrogate_tables import CAMPAIGN, PLAIN, plain, small_evidence

from pvdopt.surrogates.ridge import Ridge
from pvdopt.training import plain_table

ONE = {"bias_v": -50.0, "thickness_um": 0.5, "anneal_kind": "none"}


def line(n, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    frame = PLAIN.from_unit(rng.random((n, 4))).assign(kind="none", heat=np.nan)
    return plain_table("outcome", PLAIN, frame.assign(outcome=3 * frame["a"] + noise * rng.standard_normal(n)))


def test_a_line_is_met_and_carried_on():
    table = line(40)
    ends = PLAIN.frame([{"a": a, "b": 1.0, "kind": "none"} for a in (-1.0, 0.0, 1.0)])
    low, middle, high = Ridge().fit(table).predict(ends).median()
    assert (low, middle, high) == pytest.approx((-3, 0, 3), abs=0.4)


def test_more_noise_in_the_rows_is_more_noise_in_the_prediction():
    left = [Ridge().fit(line(40, noise)).predict(line(3).frame).noise_std.mean() for noise in (0.1, 1.0, 3.0)]
    assert left[0] < left[1] < left[2]


def test_a_setting_that_is_not_stated_says_nothing():
    table = line(40)
    model = Ridge().fit(table)
    frame = PLAIN.frame([{"a": 1.0, "b": 1.0, "kind": "none"}]).assign(a=np.nan)
    assert (model._features(frame)[:, 0] == 0).all()
    middle = PLAIN.frame([{"a": 0.0, "b": 1.0, "kind": "none"}])
    assert model.predict(frame).median() == pytest.approx(model.predict(middle).median())


def test_own_cells_teach_the_level_of_the_laboratory():
    asked = small_evidence().complete(CAMPAIGN.with_fixed(CAMPAIGN.frame([ONE])))
    tables = [
        small_evidence().table("capacity", CAMPAIGN.frame([ONE] * n).assign(capacity=20.0), CAMPAIGN) for n in (0, 1, 6)
    ]
    before, first, after = (Ridge().fit(t).predict(asked) for t in tables)
    assert before.median()[0] > first.median()[0] > after.median()[0]
    assert after.median()[0] == pytest.approx(20, rel=0.25)
    for n, p in ((0, before), (1, first), (6, after)):
        np.testing.assert_allclose((p.offset_std / p.noise_std)[0], np.sqrt(1 / (n + 1)), rtol=0.05)


def test_with_one_source_there_is_no_level_to_learn():
    assert (Ridge().fit(plain(12)).predict(plain(12).frame).offset_std == 0).all()
