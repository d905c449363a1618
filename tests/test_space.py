"""Which recipes may be made: one decision, one explanation on the same rules."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pvdopt.space import Between, Categorical, Continuous, Exclude, Limit, LinearSum, SearchSpace, Stepped
from strategies import cubes, recipes, spaces

NAN = math.nan
SUBSTRATE = Categorical("substrate", ["Si", "polyimide"])
KIND = Categorical("kind", ["none", "furnace", "rta"])
HEAT = Stepped("heat", 200, 800, step=50, unit="C", when={"kind": ["furnace", "rta"]})
GAS = Categorical("gas", ["O2", "Ar"], when={"kind": ["furnace"]})
PURITY = Continuous("purity", 0.9, 1.0, when={"gas": ["O2"]})
THICK = Continuous("thick", 0.1, 5.0, unit="um", log=True)
POWER = Continuous("power", 50, 200, unit="W")


def space(*rules: Any, fixed: Mapping[str, Any] | None = None) -> SearchSpace:
    # children before parents on purpose
    return SearchSpace([PURITY, GAS, HEAT, KIND, SUBSTRATE, THICK, POWER], rules, fixed)


GOOD: dict[str, Any] = {
    "substrate": "Si",
    "kind": "furnace",
    "heat": 400.0,
    "gas": "O2",
    "purity": 0.95,
    "thick": 1.0,
    "power": 100.0,
}


def verdict(s: SearchSpace, **changes: Any) -> list[str]:
    """Return the explanation, having seen that the decision agrees."""
    recipe = {**GOOD, **changes}
    sentences = s.explain(recipe)
    assert bool(s.is_allowed(s.frame([recipe]))[0]) == (not sentences)
    return sentences


def test_a_good_recipe_needs_no_word() -> None:
    assert verdict(space()) == []
    assert verdict(space(), kind="none", heat=NAN, gas=None, purity=NAN) == []
    assert verdict(space(), kind="rta", gas=None, purity=None) == []


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({"thick": NAN}, ["thick is missing; must be in [0.1, 5] um"]),
        ({"substrate": None}, ["substrate is missing; must be one of Si, polyimide"]),
        ({"substrate": NAN}, ["substrate is missing; must be one of Si, polyimide"]),
        ({"heat": NAN}, ["heat is missing; must be in [200, 800] C"]),
        ({"gas": None, "purity": NAN}, ["gas is missing; must be one of O2, Ar"]),
        ({"substrate": "glass"}, ["substrate must be one of Si, polyimide, got glass"]),
        ({"thick": 0.09}, ["thick must lie in [0.1, 5] um, got 0.09 um"]),
        ({"thick": 5.1}, ["thick must lie in [0.1, 5] um, got 5.1 um"]),
        ({"thick": math.inf}, ["thick must lie in [0.1, 5] um, got inf um"]),
        ({"thick": -math.inf}, ["thick must lie in [0.1, 5] um, got -inf um"]),
        ({"heat": 425.0}, ["heat must stand on a step of 50 from 200, got 425 C"]),
        ({"heat": 850.0}, ["heat must lie in [200, 800] C, got 850 C"]),
        ({"heat": 825.0}, ["heat must lie in [200, 800] C, got 825 C"]),
        (
            {"kind": "none"},
            [
                "heat does not apply with kind none",
                "gas does not apply with kind none",
                "purity does not apply with gas O2",
            ],
        ),
        (
            {"kind": "rta", "gas": None},
            ["purity does not apply with gas None"],
        ),
        ({"gas": "Ar"}, ["purity does not apply with gas Ar"]),
        ({"thick": 9.0, "power": 20.0}, ["thick must lie in [0.1, 5] um, got 9 um", "power must lie"]),
    ],
)
def test_each_rule_forbids_its_own_fault(changes: dict[str, Any], sentences: list[str]) -> None:
    got = verdict(space(), **changes)
    assert len(got) == len(sentences)
    assert all(any(g.startswith(s) for g in got) for s in sentences), got


@pytest.mark.parametrize("slack", [0.0, 1e-9, -1e-9])
def test_bounds_and_steps_forgive_rounding(slack: float) -> None:
    for name, value in (("thick", 0.1), ("thick", 5.0), ("power", 200.0), ("heat", 200.0), ("heat", 450.0)):
        assert verdict(space(), **{name: value + slack}) == []


@pytest.mark.parametrize(
    ("rule", "changes", "sentence"),
    [
        (LinearSum({"power": 1, "heat": 1}, high=500), {"heat": 450.0}, "power + heat must lie in [-inf, 500]"),
        (LinearSum({"power": 1}, low=100), {"power": 99.0}, "power must lie in [100, inf]"),
        (
            Exclude({"substrate": ["polyimide"], "kind": ["furnace"]}, why="it bends"),
            {"substrate": "polyimide"},
            "not together: substrate polyimide, kind furnace (it bends)",
        ),
        (Exclude({"power": Between(low=150)}), {"power": 150.0}, "not together: power at least 150"),
        (
            Limit("heat", "substrate", at_most={"polyimide": 350}),
            {"substrate": "polyimide"},
            "heat must be at most 350 with substrate polyimide",
        ),
        (Limit("thick", "substrate", at_least={"Si": 0.5}), {"thick": 0.4}, "thick must be at least 0.5"),
    ],
)
def test_each_kind_of_constraint_forbids_and_explains(rule: Any, changes: dict[str, Any], sentence: str) -> None:
    s = space(rule)
    assert verdict(s) == []
    (got,) = verdict(s, **changes)
    assert got.startswith(sentence)
    assert verdict(space(), **changes) == []


def test_a_constraint_sees_fixed_settings_and_nothing_else_of_that_name() -> None:
    rule = Limit("heat", "holder", at_most={"copper": 350})
    assert verdict(space(rule, fixed={"holder": "steel"})) == []
    copper = space(rule, fixed={"holder": "copper"})
    assert len(verdict(copper)) == 1
    told_otherwise = copper.frame([GOOD]).assign(holder="steel")
    assert not copper.is_allowed(told_otherwise)[0]
    total = space(LinearSum({"power": 1, "idle": 1}, high=150), fixed={"idle": 60.0})
    assert len(verdict(total)) == 1
    assert verdict(total, power=90.0) == []


def test_a_fixed_parent_decides_for_all() -> None:
    child = Continuous("bias", -100, 0, when={"supply": ["rf"]})
    on, off = (SearchSpace([child, THICK], fixed={"supply": supply}) for supply in ("rf", "none"))
    assert on.explain({"bias": -50, "thick": 1}) == []
    assert on.explain({"bias": None, "thick": 1}) == ["bias is missing; must be in [-100, 0]"]
    assert off.explain({"bias": -50, "thick": 1}) == ["bias does not apply with supply none"]
    assert off.explain({"bias": None, "thick": 1}) == []


@pytest.mark.parametrize(
    ("parameters", "rules", "fixed", "message"),
    [
        ([], (), {}, "a search space needs at least one parameter"),
        ([THICK, THICK], (), {}, "thick: declared twice"),
        ([THICK], (), {"thick": 1.0}, "thick: declared twice"),
        ([HEAT], (), {}, "heat: its parent kind is neither a parameter nor fixed"),
        (
            [THICK, Continuous("x", 0, 1, when={"thick": ["1"]})],
            (),
            {},
            "x: its parent thick must be categorical",
        ),
        ([KIND, Continuous("x", 0, 1, when={"kind": ["oven", "rta"]})], (), {}, "x: kind has no choice oven"),
        (
            [Categorical("a", ["x", "y"], when={"b": ["x"]}), Categorical("b", ["x", "y"], when={"a": ["x"]})],
            (),
            {},
            "conditional parameters depend on each other in a circle: a, b",
        ),
        ([THICK], (LinearSum({"thick": 1, "thin": 1}, high=1),), {}, "constraint on thick, thin: thin is not declared"),
        ([THICK, KIND], (LinearSum({"kind": 1}, high=1),), {}, "constraint on kind: kind must be a number"),
        ([THICK, KIND], (Limit("kind", "thick", at_most={"x": 1}),), {}, "kind must be a number"),
        ([THICK], (Limit("thick", "level", at_most={"x": 1}),), {"level": 3.0}, "level must be a choice"),
        ([THICK, KIND], (Exclude({"kind": Between(0, 1)}),), {}, "kind must be a number"),
        ([THICK], (Exclude({"thick": ["1"]}),), {}, "thick must be a choice"),
    ],
)
def test_spaces_that_cannot_be(parameters: Any, rules: Any, fixed: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SearchSpace(parameters, rules, fixed)


def test_what_is_fixed_to_nothing_may_stand_anywhere() -> None:
    s = SearchSpace([THICK], [Limit("thick", "holder", at_most={"copper": 1})], {"holder": None})
    assert s.explain({"thick": 2}) == []


def test_recipes_without_a_parameters_column_are_a_mistake() -> None:
    lacking = space().frame([GOOD]).drop(columns=["kind", "power"])
    with pytest.raises(ValueError, match="recipes lack the columns kind, power"):
        space().is_allowed(lacking)


def test_parents_stand_before_their_children() -> None:
    names = space().names
    assert names.index("kind") < names.index("gas") < names.index("purity")
    assert names.index("kind") < names.index("heat")


def test_names_and_parameters_are_found() -> None:
    s = space(fixed={"holder": "steel"})
    assert s["heat"] is HEAT
    assert s.get("heat") is HEAT
    assert s.get("holder") is None
    assert "heat" in s
    assert "holder" not in s
    assert "'holder': 'steel'" in repr(s)


def test_a_frame_has_plain_columns() -> None:
    frame = space().frame([GOOD, {}])
    assert list(frame.columns) == list(space().names)
    for name, values in frame.items():
        assert values.dtype == (object if isinstance(space()[str(name)], Categorical) else float)
    assert frame["kind"].tolist() == ["furnace", None]
    assert frame.loc[1, "gas"] is None
    empty = space().frame([dict.fromkeys(GOOD, math.nan), dict.fromkeys(GOOD)])
    assert empty["kind"].tolist() == [None, None]
    assert empty["heat"].isna().all()
    assert space().frame([]).shape == (0, 7)


def test_fixed_settings_join_without_replacing() -> None:
    s = space(fixed={"holder": "steel", "level": 3, "shelf": None, "tray": "left"})
    full = s.with_fixed(s.frame([GOOD, GOOD]).assign(holder=["copper", "brass"]))
    assert full["holder"].tolist() == ["copper", "brass"]
    assert full["level"].tolist() == [3.0, 3.0]
    assert full["shelf"].tolist() == [None, None]
    assert full.dtypes[["level", "shelf", "tray"]].tolist() == [float, object, object]
    plain = space().frame([GOOD])
    assert space().with_fixed(plain) is plain


def test_clearing_empties_what_does_not_apply_at_any_depth() -> None:
    s = space()
    cleared = s.clear(s.frame([{**GOOD, "kind": "rta"}, GOOD]))
    assert cleared.loc[0, "heat"] == 400
    assert cleared.loc[0, "gas"] is None
    assert math.isnan(cleared.loc[0, "purity"])
    assert cleared.loc[1, "purity"] == 0.95


def test_snapping_clips_settles_and_clears() -> None:
    s = space()
    raw = s.frame([{**GOOD, "heat": 1000.0, "thick": 0.01, "gas": "Ar"}])
    (snapped,) = s.snap(raw).to_dict("records")
    assert (snapped["heat"], snapped["thick"], snapped["gas"]) == (800, 0.1, "Ar")
    assert math.isnan(snapped["purity"])
    assert raw.loc[0, "heat"] == 1000


def test_keys_of_unequal_settings_differ() -> None:
    s = space()
    rows = [
        GOOD,
        {**GOOD, "power": 100.01},
        {**GOOD, "power": 101.0},
        {**GOOD, "substrate": "polyimide"},
        {**GOOD, "heat": 450.0},
        {**GOOD, "kind": "none", "heat": NAN, "gas": None, "purity": NAN},
    ]
    keys = s.keys(s.frame(rows))
    assert keys[0] == keys[1]
    assert len(set(keys)) == 5


@pytest.mark.parametrize(
    ("parameters", "at_most", "count"),
    [
        ([KIND, SUBSTRATE], 100, 6),
        ([KIND, HEAT], 100, 39),
        ([KIND, HEAT], 39, 39),
        ([KIND, HEAT], 38, None),
        ([KIND, THICK], 100, None),
    ],
)
def test_the_number_of_settings(parameters: Any, at_most: int, count: int | None) -> None:
    assert SearchSpace(parameters).n_settings(at_most) == count


# -- for every space ---------------------------------------------------------------------------------------------

slow = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@settings(slow, max_examples=150)
@given(data=st.data())
def test_explanation_and_decision_agree(data: st.DataObject) -> None:
    s = data.draw(spaces())
    frame = data.draw(recipes(s))
    allowed = s.is_allowed(frame)
    assert allowed.shape == (len(frame),)
    assert allowed.dtype == np.bool_
    for ok, (_, recipe) in zip(allowed, frame.iterrows(), strict=True):
        assert bool(ok) == (s.explain(recipe.to_dict()) == [])


@slow
@given(data=st.data())
def test_a_row_is_judged_by_itself(data: st.DataObject) -> None:
    s = data.draw(spaces())
    frame = data.draw(recipes(s))
    shuffled = frame.sample(frac=1, random_state=0)
    assert s.is_allowed(shuffled).tolist() == s.is_allowed(frame)[shuffled.index].tolist()


@slow
@given(data=st.data())
def test_the_unit_cube_gives_settable_recipes(data: st.DataObject) -> None:
    drawn = data.draw(spaces())
    s = SearchSpace(drawn.parameters, fixed=drawn.fixed)
    frame = s.from_unit(data.draw(cubes(s)))
    assert s.is_allowed(frame).all()
    pd.testing.assert_frame_equal(s.clear(frame), frame)
    pd.testing.assert_frame_equal(s.snap(frame), frame, atol=1e-7)
    for p in s.parameters:
        assert np.array_equal(frame[p.name].notna(), s.applies(p.name, frame))


@slow
@given(data=st.data())
def test_snapping_gives_what_may_be_made_but_for_what_is_missing(data: st.DataObject) -> None:
    drawn = data.draw(spaces())
    s = SearchSpace(drawn.parameters, fixed=drawn.fixed)
    snapped = s.snap(data.draw(recipes(s)))
    known = np.ones(len(snapped), dtype=bool)
    for p in s.parameters:
        applies = s.applies(p.name, snapped)
        known &= ~(applies & snapped[p.name].isna().to_numpy())
        if isinstance(p, Categorical):
            known &= ~(applies & ~snapped[p.name].isin(list(p.choices)).to_numpy())
    assert s.is_allowed(snapped)[known].all()


@slow
@given(data=st.data())
def test_keys_are_equal_for_equal_recipes_only(data: st.DataObject) -> None:
    s = data.draw(spaces())
    frame = s.from_unit(data.draw(cubes(s, max_size=6)))
    for p in s.parameters:
        if isinstance(p, Continuous) and p.resolution is None:
            # on a lattice coarser than the resolution, values that differ are different settings
            coarse = np.round(p.to_unit(frame[p.name].to_numpy()) * 100) / 100
            frame[p.name] = p.from_unit(coarse)
    keys = s.keys(frame)
    assert keys == s.keys(s.snap(frame))
    rows = [tuple(None if v != v else v for v in row) for row in frame.itertuples(index=False)]
    for a, key_a in zip(rows, keys, strict=True):
        for b, key_b in zip(rows, keys, strict=True):
            assert (a == b) == (key_a == key_b)
