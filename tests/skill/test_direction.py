"""The stated pairs are true to the reported cells, and nothing of a pair's publication reaches its prediction."""

from itertools import combinations
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from pvdopt.evidence import Evidence
from pvdopt.skill import direction
from pvdopt.skill.direction import LEVERS, PairCheck, check_pairs, stated_pairs, summarise
from pvdopt.surrogates.base import Prediction

#: Columns in which two rows may differ without being two settings: results, wording, and what follows from a lever.
NOT_SETTINGS = {
    "id", "place", "cycles", "capacity_cycle", "printed_capacity", "printed_capacity_unit", "capacity_qualifier",
    "final_capacity", "printed_retention", "retention_qualifier", "ratio_kind", "ratio", "capacity", "areal_capacity",
    "gravimetric_capacity", "retention", "capacity_origin", "retention_origin", "density_used_g_cm3", "outcome_class",
    "certainty", "fact_sources", "note", "cathode_structure", "c_rate", "cathode_formula",
}  # fmt: skip


@pytest.fixture(scope="module")
def reported():
    return Evidence.reported()


@pytest.fixture(scope="module")
def cells(reported):
    return reported.cells.set_index("id", drop=False)


def named(pair):
    return f"{pair.better}-{pair.outcome}"


class Oracle:
    """Says of every recipe what a function of its frame gives; remembers what it was shown."""

    shown: ClassVar[list] = []

    def __init__(self, value):
        self.value = value

    def fit(self, table):
        Oracle.shown.append(set(table.source))
        self.table = table
        return self

    def predict(self, recipes):
        mean = np.asarray(self.value(recipes), dtype=float)
        zero = np.zeros(len(mean))
        return Prediction(mean, zero + 0.1, zero, zero + 0.3, self.table.link)


def use(monkeypatch, value):
    Oracle.shown = []
    monkeypatch.setattr(direction, "make_surrogate", lambda name, seed=0: Oracle(value))


class TestPairs:
    def test_there_are_enough_and_each_names_a_lever(self):
        assert sum(p.basis != "words" for p in stated_pairs()) >= 12
        assert {p.lever for p in stated_pairs()} <= set(LEVERS)
        assert len({(p.better, p.worse, p.outcome) for p in stated_pairs()}) == len(stated_pairs())

    @pytest.mark.parametrize("pair", stated_pairs(), ids=named)
    def test_both_cells_are_of_one_publication_and_differ_in_the_lever(self, cells, pair):
        better, worse = cells.loc[pair.better], cells.loc[pair.worse]
        assert better["source"] == worse["source"]
        lever = LEVERS[pair.lever]
        assert any(better[c] != worse[c] for c in lever if not (pd.isna(better[c]) and pd.isna(worse[c])))
        # Elsewhere they may only differ in that one of them does not say.
        for column in set(cells.columns) - NOT_SETTINGS - set(lever):
            if pd.notna(better[column]) and pd.notna(worse[column]) and column != "dopant":
                assert better[column] == worse[column], column

    @pytest.mark.parametrize("pair", [p for p in stated_pairs() if p.basis != "words"], ids=named)
    def test_figures_are_those_of_the_cells(self, cells, pair):
        assert pair.figure_better > pair.figure_worse
        better, worse = cells.loc[pair.better], cells.loc[pair.worse]
        if pair.basis == "ratio":
            ratio = {better["ratio"], worse["ratio"], 1 / better["ratio"]}
            assert any(pair.figure_worse / pair.figure_better == pytest.approx(r) for r in ratio if pd.notna(r))
            return
        told = (
            ("retention",) if pair.outcome == "retention" else ("capacity", "gravimetric_capacity", "printed_capacity")
        )
        for row, figure in ((better, pair.figure_better), (worse, pair.figure_worse)):
            assert any(row[c] == pytest.approx(figure, rel=2e-3) for c in told if pd.notna(row[c]))

    def test_no_pair_with_figures_is_left_out(self, reported):
        """Two cells of one publication with a capacity each that differ in one setting are a pair, in some order."""
        listed = {frozenset((p.better, p.worse)) for p in stated_pairs() if p.outcome == "capacity"}
        frame = reported.table("capacity").frame
        settings = [c for c in reported.cells.columns if c in frame and c not in NOT_SETTINGS]
        for _, rows in frame.groupby("source"):
            for a, b in combinations(rows.index, 2):
                differing = [
                    c for c in settings
                    if pd.notna(rows.loc[a, c]) and pd.notna(rows.loc[b, c]) and rows.loc[a, c] != rows.loc[b, c]
                ]  # fmt: skip
                if len(differing) != 1 or {rows.loc[a, "id"], rows.loc[b, "id"]} & NOT_INITIAL:
                    continue
                pair = frozenset((rows.loc[a, "id"], rows.loc[b, "id"]))
                assert pair in listed or pair in SPANNED, (sorted(pair), differing)


#: Figures of a late cycle, which differ from the others by more than a setting.
NOT_INITIAL = {"navone2011-lco-140-cycles", "tintignac2014-900-cycles"}
#: Ends of a series whose neighbours are pairs already.
SPANNED = {frozenset(("matsuda2018-0.32um", "matsuda2018-6.7um"))}


class TestChecks:
    def test_no_model_has_seen_the_publication_of_its_pair(self, reported, monkeypatch):
        use(monkeypatch, lambda f: np.zeros(len(f)))
        checks = check_pairs(reported, "any", ["capacity"])
        sources = dict.fromkeys(c.source for c in checks)
        assert len(sources) == len(Oracle.shown)
        for source, shown in zip(sources, Oracle.shown, strict=True):
            assert source not in shown

    def test_who_knows_the_lever_is_right_and_who_sees_nothing_has_no_opinion(self, reported, monkeypatch):
        use(monkeypatch, lambda f: -pd.to_numeric(f["thickness_um"]).fillna(0.5))
        checks = check_pairs(reported, "any", ["capacity"])
        by_lever = {}
        for c in checks:
            by_lever.setdefault(c.pair.lever, set()).add(c.is_right)
        assert by_lever.pop("thickness_um") == {True}
        assert all(v == {None} for v in by_lever.values())
        total = summarise(checks)[0]
        assert (total.n_pairs, total.n_right, total.n_no_opinion) == (len(checks), 3, len(checks) - 3)

    def test_more_fade_is_the_worse_retention(self, reported, monkeypatch):
        use(monkeypatch, lambda f: np.where(f["architecture"] == "3d", -3.0, -2.0))
        checks = {c.pair.better: c for c in check_pairs(reported, "any", ["retention"])}
        assert checks["sun2019-3d"].is_right is True
        assert checks["sun2019-3d"].predicted_better > checks["sun2019-3d"].predicted_worse
        assert checks["park2005-bias-50v"].is_right is None

    @pytest.mark.parametrize(("pair", "elsewhere"), [("matsuda2018-0.32um", True), ("park2005-bias-50v", True),
                                                     ("sun2019-3d", False), ("jeon2001-in-situ", False)])  # fmt: skip
    def test_a_lever_occurs_elsewhere_where_others_state_it(self, reported, monkeypatch, pair, elsewhere):
        use(monkeypatch, lambda f: np.zeros(len(f)))
        found = {c.pair.better: c.occurs_elsewhere for c in check_pairs(reported, "any", ["capacity"])}
        assert found[pair] is elsewhere

    def test_cells_that_are_not_there_are_no_pairs(self):
        assert check_pairs(Evidence.physics_only(), "theory") == []

    def test_a_coin_does_as_well_as_often_as_the_binomial_says(self):
        pair = stated_pairs()[0]
        checks = [PairCheck(pair, "s", 1, 1, right, True) for right in (True, True, True, False, None)]
        total = summarise(checks)[0]
        assert (total.n_right, total.n_no_opinion, total.share) == (3, 1, 0.6)
        assert total.coin_chance == pytest.approx(16 / 32)
