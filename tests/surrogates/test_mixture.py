"""How the mixture deals out folds and finds its weight."""

from dataclasses import replace

import numpy as np
import pytest
from surrogate_tables import plain, with_evidence

from pvdopt.surrogates import mixture
from pvdopt.surrogates.base import IdentityLink, Prediction
from pvdopt.surrogates.mixture import Mixture, fold_labels


class Fixed:
    """Predicts one function of the recipes, whatever it is shown."""

    def __init__(self, mean, sd=0.3):
        self.mean, self.sd = mean, sd

    def __call__(self, **settings):
        return self

    def fit(self, table):
        return self

    def predict(self, recipes):
        mean = np.asarray(self.mean(recipes), dtype=float)
        zero = np.zeros(len(mean))
        return Prediction(mean, zero + 0.01, zero, zero + self.sd, IdentityLink())


def weight(monkeypatch, table, gp, forest):
    monkeypatch.setattr(mixture, "DoubtingProcess", gp)
    monkeypatch.setattr(mixture, "Forest", forest)
    return Mixture().fit(table).weight


class TestFolds:
    def test_sources_stay_together(self):
        table = with_evidence(6)
        folds = fold_labels(table)
        assert set(folds) == set(range(5))
        for source in set(table.source):
            assert len(set(folds[table.source == source])) == 1

    def test_without_sources_runs_stay_together_and_other_rows_stand_alone(self):
        table = replace(plain(20), run=np.array(["a"] * 6 + ["b"] * 6 + [""] * 8, dtype=object))
        folds = fold_labels(table)
        assert len(set(folds[:6])) == len(set(folds[6:12])) == 1
        assert folds[0] != folds[6]
        assert set(folds) == set(range(5))

    def test_folds_are_of_like_size(self):
        assert sorted(np.bincount(fold_labels(plain(23)))) == [4, 4, 5, 5, 5]


class TestWeight:
    @pytest.fixture
    def table(self):
        """An outcome that is just the first input."""
        table = plain(20)
        return replace(table, y=table.frame["a"].to_numpy())

    def test_the_better_member_weighs_more_but_never_all(self, table, monkeypatch):
        right, wrong = Fixed(lambda f: f["a"]), Fixed(lambda f: f["a"] + 1.0)
        assert 0.8 < weight(monkeypatch, table, right, wrong) < 1
        assert 0 < weight(monkeypatch, table, wrong, right) < 0.2
        assert weight(monkeypatch, table, right, right) == pytest.approx(0.5)

    def test_a_bound_is_met_beyond_it_and_not_on_it(self, table, monkeypatch):
        bounds = replace(table, censor=np.ones(20, dtype=int))
        on_it, beyond = Fixed(lambda f: f["a"]), Fixed(lambda f: f["a"] + 1.0)
        assert weight(monkeypatch, bounds, beyond, on_it) > 0.6
        assert weight(monkeypatch, replace(table, censor=-np.ones(20, dtype=int)), beyond, on_it) < 0.2

    def test_with_few_rows_both_count_alike(self, table, monkeypatch):
        few = table.subset(np.arange(7))
        assert weight(monkeypatch, few, Fixed(lambda f: f["a"]), Fixed(lambda f: f["a"] + 9)) == 0.5

    def test_disagreement_widens_the_recipes_effect(self, table, monkeypatch):
        monkeypatch.setattr(mixture, "DoubtingProcess", Fixed(lambda f: f["a"]))
        monkeypatch.setattr(mixture, "Forest", Fixed(lambda f: f["a"] + 2.0))
        p = Mixture().fit(table.subset(np.arange(5))).predict(table.frame)
        np.testing.assert_allclose(p.mean, table.frame["a"] + 1)
        np.testing.assert_allclose(p.std, np.sqrt(0.01**2 + 1), rtol=1e-9)
        np.testing.assert_allclose(p.noise_std, 0.3)
