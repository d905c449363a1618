"""What only boosting does: hints where physics is sure, and a bag of whole publications."""

import numpy as np
import pandas as pd
from surrogate_tables import CAMPAIGN, plain, small_evidence, with_evidence

from pvdopt.surrogates.boosting import Boosting

ONE = {"bias_v": -50.0, "thickness_um": 0.5, "anneal_kind": "none"}


def films(**settings):
    n = max(len(v) for v in settings.values())
    frame = CAMPAIGN.with_fixed(CAMPAIGN.frame([ONE] * n)).assign(**settings)
    return small_evidence().complete(frame)


def table_that_grows(column, values):
    """Own cells whose capacity grows where physics says that it can only fall."""
    values = np.asarray(values, dtype=float)
    own = CAMPAIGN.frame([ONE] * len(values)).assign(**{column: values})
    return small_evidence().table("capacity", own.assign(capacity=10.0 * values**0.5), CAMPAIGN)


def learned(model, frame):
    """What the trees add to the prior mean."""
    return model.predict(frame).mean - model._table.prior.mean(frame)[0]


def test_more_current_never_adds_capacity():
    currents = np.geomspace(2, 800, 30)
    model = Boosting().fit(table_that_grows("current_ua_cm2", currents))
    assert (np.diff(learned(model, films(current_ua_cm2=currents))) <= 1e-9).all()


def test_thickness_is_held_down_above_one_micrometre_only():
    thin, thick = np.geomspace(0.1, 0.95, 20), np.geomspace(1.0, 6.0, 20)
    model = Boosting().fit(table_that_grows("thickness_um", [*thin, *thick]))
    gained = learned(model, films(thickness_um=thin))
    assert gained[-1] > gained[0] + 0.1
    hints = model._hints(model._matrix(films(thickness_um=thin)).shape[1])
    assert (hints[-1], hints[0]) == (-1, 0)
    assert model._matrix(films(thickness_um=[0.2, 3.0]))[:, -1].tolist() == [1.0, 3.0]


def test_nothing_is_held_down_without_evidence_or_for_a_fade():
    for table in (plain(20), with_evidence(3, "retention")):
        model = Boosting().fit(table)
        assert not model._hints(model._matrix(table.frame).shape[1]).any()


def test_whole_publications_are_drawn(monkeypatch):
    from sklearn.ensemble import HistGradientBoostingRegressor

    drawn = []
    fit = HistGradientBoostingRegressor.fit

    def watched(self, matrix, y, sample_weight=None):
        drawn.append(np.sort(y))
        return fit(self, matrix, y, sample_weight)

    monkeypatch.setattr(HistGradientBoostingRegressor, "fit", watched)
    table = with_evidence(0).in_fixed_order()
    Boosting(n_members=6).fit(table)
    residual = table.y - table.prior.mean(table.frame)[0]
    model = Boosting(n_members=0).fit(table)
    by_source = pd.Series(residual - model._mean).groupby(list(table.source))
    for rows in drawn:
        assert all(np.isin(np.round(values, 9), np.round(rows, 9)).all()
                   or not np.isin(np.round(values, 9), np.round(rows, 9)).any() for _, values in by_source)  # fmt: skip
