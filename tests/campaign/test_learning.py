"""Retraining: who is chosen and why, cards, going back, and the same model from the same data and seed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from campaigns import RECIPE, digest, make_lco, make_plain, propose
from pvdopt.campaign import Campaign
from pvdopt.campaign.learning import choose_specification, standard_error
from pvdopt.campaign.own_cells import score_prediction, track_record
from pvdopt.errors import PvdoptError
from pvdopt.ledger.values import Outcome
from pvdopt.skill.validation import Interval, Skill

ANY = Interval(1.0, 0.9, 1.1)


@pytest.fixture(autouse=True)
def _own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVDOPT_HOME", str(tmp_path / "home"))


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Campaign]:
    with make_plain(tmp_path / "plain") as campaign:
        for speed, gloss in ((1, 4.0), (4, 9.0), (8, 3.0)):
            i = campaign.add({"speed": speed, "moisture": "dry"})
            campaign.record({"id": i, "gloss": gloss})
        yield campaign


# -- who is chosen ---------------------------------------------------------------------------------------------------


def skill(name: str, outcome: str = "gloss", gap: float | None = None, error: float = 0.01) -> Skill:
    half = NormalDist().inv_cdf(0.95) * error
    against = {} if gap is None else {"gaussian_process": Interval(gap, gap - half, gap + half)}
    return Skill(name, outcome, "own cells", 12, 12, ANY, 0.0, ANY, ANY, ANY, 1.0, 1.0, against)


CURRENT = skill("gaussian_process")


@pytest.mark.parametrize(
    ("rivals", "chosen"),
    [
        ([], "gaussian_process"),
        ([skill("forest", gap=-0.009)], "gaussian_process"),
        ([skill("forest", gap=-0.011)], "forest"),
        ([skill("forest", gap=0.5)], "gaussian_process"),
        ([skill("forest", gap=-0.02), skill("mixture", gap=-0.03)], "mixture"),
        ([skill("forest", gap=-0.05), skill("forest", "haze", gap=0.02)], "gaussian_process"),
        ([skill("forest", gap=-0.05), skill("forest", "haze", gap=0.005)], "forest"),
        ([skill("climatology", gap=-0.5)], "gaussian_process"),
    ],
    ids=[
        "nobody",
        "within the error",
        "beyond it",
        "worse",
        "the better",
        "worse elsewhere",
        "even elsewhere",
        "baseline",
    ],
)
def test_a_rival_has_to_be_better_by_more_than_its_standard_error(rivals: list[Skill], chosen: str) -> None:
    found, why = choose_specification("gaussian_process", [CURRENT, *rivals])
    assert found == chosen
    assert ("Better than gaussian_process" in why) == (chosen != "gaussian_process")


def test_the_standard_error_is_that_of_the_interval() -> None:
    assert standard_error(skill("forest", gap=0.3, error=0.07).against["gaussian_process"]) == pytest.approx(0.07)


# -- scores ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [30.0, 57.0, 130.0])
@pytest.mark.parametrize("qualifier", ["=", ">=", "<="])
def test_the_log_score_is_that_of_the_stored_interval(value: float, qualifier: str) -> None:
    sd = np.log(80 / 50) / norm.ppf(0.9)
    predicted = {"median": 50.0, "low": 50.0 * 50 / 80, "high": 80.0, "p": 0.8}
    score = score_prediction("P1", "capacity", Outcome(value, qualifier), predicted, has_evidence=True)
    distribution = norm(np.log(50.0), sd)
    expected = {
        "=": distribution.logpdf(np.log(value)),
        ">=": distribution.logsf(np.log(value)),
        "<=": distribution.logcdf(np.log(value)),
    }[qualifier]
    assert score.log_score == pytest.approx(-expected, rel=1e-6)


def test_a_bound_of_a_retention_is_one_of_the_fade_turned_round() -> None:
    predicted = {"median": 0.9, "low": 0.8, "high": 0.95, "p": 0.8}
    low, high = (
        score_prediction("P1", "retention", Outcome(v, ">="), predicted, has_evidence=True).log_score
        for v in (0.5, 0.98)
    )
    assert low == pytest.approx(0.0, abs=0.05)
    assert high is not None
    assert high > 2.0


def test_a_record_sums_scores_up_by_outcome() -> None:
    predicted = {"median": 50.0, "low": 30.0, "high": 80.0, "p": 0.8}
    outcomes = [Outcome(50.0, "="), Outcome(200.0, "="), Outcome(40.0, ">=")]
    scores = [score_prediction(f"P{k}", "capacity", o, predicted, True) for k, o in enumerate(outcomes)]
    (record,) = track_record(scores)
    assert (record.n, record.inside, record.n_known) == (3, 1, 2)
    assert record.crps == pytest.approx(np.mean([s.crps for s in scores[:2]]))
    assert record.log_score == pytest.approx(np.mean([s.log_score for s in scores]))
    assert track_record([]) == []


# -- cards -------------------------------------------------------------------------------------------------------------


def test_every_choice_leaves_a_card(plain: Campaign) -> None:
    first, second = plain.retrain(), plain.retrain()
    assert [r.card.name for r in (first, second) if r.card] == ["choice-001.md", "choice-002.md"]
    assert second.card is not None
    card = json.loads(second.card.with_suffix(".json").read_text(encoding="utf-8"))
    fact = plain.own_cells().state.retrained[-1]
    assert {**card, **fact.payload} == card
    assert card["number"] == 2
    for key in ("chosen", "why", "fingerprint", "data", "seed", "n_own", "skill", "record", "versions"):
        assert key in card
    text = second.card.read_text(encoding="utf-8")
    assert card["fingerprint"] in text
    assert "too few own cells" in text


def test_a_dry_run_leaves_none(plain: Campaign) -> None:
    before = digest(plain)
    assert plain.retrain(dry_run=True).card is None
    assert digest(plain) == before
    assert plain.folder is not None
    assert not (plain.folder / "model_cards").exists()


def test_new_data_have_another_fingerprint_and_another_seed_has_not(plain: Campaign) -> None:
    own = plain.own_cells()
    first, seeded = plain.beliefs(own), plain.beliefs(own, seed=9)
    assert first.data_fingerprint() == seeded.data_fingerprint()
    assert first.fingerprint() != seeded.fingerprint()
    plain.record({"id": plain.add({"speed": 6, "moisture": "wet"}), "gloss": 1.0})
    assert plain.beliefs(plain.own_cells()).data_fingerprint() != first.data_fingerprint()


# -- going back --------------------------------------------------------------------------------------------------------


def choose(campaign: Campaign, name: str, configured: str = "gaussian_process", **more: Any) -> None:
    assert campaign.ledger is not None
    campaign.ledger.add_retrained({"chosen": name, "configured": configured, "previous": "-", **more})


def test_rollback_takes_off_one_change_after_the_other(plain: Campaign) -> None:
    for name in ("gaussian_process", "forest", "forest", "mixture"):
        choose(plain, name)
    for expected in ("forest", "gaussian_process"):
        report = plain.roll_back()
        assert report.chosen == plain.status().specification == expected
        assert report.card is not None
    with pytest.raises(PvdoptError, match="nothing to go back to: gaussian_process"):
        plain.roll_back()
    found = plain.choices()
    assert [c.is_rollback for c in found] == [False] * 4 + [True] * 2
    assert found[-1].number == 6
    assert found[-1].previous == "forest"


def test_a_choice_after_going_back_counts_from_there(plain: Campaign) -> None:
    for name in ("forest", "mixture"):
        choose(plain, name)
    plain.roll_back()
    choose(plain, "mixture")
    assert plain.roll_back().chosen == "forest"


def test_another_name_in_the_campaign_file_begins_anew(plain: Campaign) -> None:
    choose(plain, "forest", configured="mixture")
    with pytest.raises(PvdoptError, match="nothing to go back to"):
        plain.roll_back()


def test_going_back_can_be_tried(plain: Campaign) -> None:
    choose(plain, "forest")
    before = digest(plain)
    assert plain.roll_back(dry_run=True).chosen == "gaussian_process"
    assert digest(plain) == before


# -- the same again ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("specification", ["gaussian_process", "forest"])
def test_the_same_data_and_seed_give_the_same_model(tmp_path: Path, specification: str) -> None:
    found = []
    for name in ("one", "two"):
        with make_lco(tmp_path / name) as campaign:
            for thickness in (0.5, 1.0, 2.0):
                propose(campaign, thickness_um=thickness)
            results = [{"id": f"P00{k + 1}", "capacity": c, "retention": 0.9} for k, c in enumerate((60, 55, 48))]
            # What is told first makes no difference.
            for row in results if name == "one" else results[::-1]:
                campaign.record(row)
            beliefs = campaign.beliefs(campaign.own_cells())
            models = replace(beliefs, specification=specification, store=None).fitted()
            found.append(models.predict(campaign.space.frame([RECIPE])))
    for name, p in found[0].items():
        assert found[1][name].median() == pytest.approx(p.median(), rel=1e-6)
        assert found[1][name].total_std == pytest.approx(p.total_std, rel=1e-6)
