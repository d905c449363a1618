"""A design follows declared inputs: what is missing, what does not apply and what is known are told apart."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdopt.features import CategoryInput, Design, NumberInput, encode, inputs_of_space
from pvdopt.parameters import Categorical, Continuous
from pvdopt.space import SearchSpace
from strategies import cubes, spaces

BIAS = NumberInput("bias_v", -100.0, 0.0, absent_when={"bias_kind": ("none",)}, absent_value=0.0)
TIME = NumberInput("time", 1.0, 100.0, log=True, absent_when={"kind": ("none",)})
KIND = CategoryInput("kind", ("none", "furnace", "rta"))


def column(declared, **values):
    frame = pd.DataFrame(values)
    return encode([declared], frame).columns[0]


def test_numbers_are_scaled_by_declared_bounds_and_may_lie_outside():
    assert column(BIAS, bias_v=[-100, -25, 0, 100]).values == pytest.approx([0, 0.75, 1, 2])
    assert column(TIME, time=[1.0, 10.0, 1000.0]).values == pytest.approx([0, 0.5, 1.5])


@pytest.mark.parametrize("bad", [0.0, -3.0, "much", None, np.nan], ids=str)
def test_what_is_no_number_on_the_scale_counts_as_not_reported(bad):
    found = column(TIME, time=pd.Series([bad], dtype=object))
    assert found.missing.tolist() == [True]
    assert np.isnan(found.values).all()


def test_the_dtype_of_a_frame_says_nothing():
    texts = pd.DataFrame({"time": pd.Series(["10", "100"], dtype=object), "kind": pd.Categorical(["rta", "none"])})
    plain = pd.DataFrame({"time": [10, 100], "kind": ["rta", "none"]})
    nothing = pd.concat([plain.iloc[:0], texts])
    for frame in (texts, nothing):
        for a, b in zip(encode([TIME, KIND], frame).columns, encode([TIME, KIND], plain).columns, strict=True):
            np.testing.assert_array_equal(a.values, b.values)
            np.testing.assert_array_equal(a.missing, b.missing)


def test_order_and_number_of_columns_are_the_declared_ones():
    frame = pd.DataFrame({"other": [1.0], "kind": ["rta"], "time": [10.0]})
    design = encode([TIME, KIND], frame)
    assert [c.input.name for c in design.columns] == ["time", "kind"]
    assert design.matrix().tolist() == [[0.5, 0.0, 0.0, 1.0]]


def test_an_input_without_a_column_was_not_reported():
    found = column(TIME, kind=["rta", "none"])
    assert found.missing.tolist() == [True, False]
    assert found.absent.tolist() == [False, True]


def test_a_level_that_nobody_declared_counts_as_not_reported():
    found = column(KIND, kind=["rta", "laser", None])
    assert found.missing.tolist() == [False, True, True]
    assert found.values[0] == 2.0


def test_not_applying_is_a_state_of_its_own_or_what_it_amounts_to():
    kinds = ["none", "rta", None, "rta"]
    time = column(TIME, kind=kinds, time=[np.nan, np.nan, np.nan, 10.0])
    assert time.absent.tolist() == [True, False, False, False]
    assert time.missing.tolist() == [False, True, True, False]
    bias = column(BIAS, bias_kind=["none", "rf", None, "none"], bias_v=[np.nan, np.nan, np.nan, -50.0])
    assert not bias.absent.any()
    assert bias.missing.tolist() == [False, True, True, False]
    # A stated value is never overruled by its parent.
    np.testing.assert_allclose(bias.values, [1.0, np.nan, np.nan, 0.5])


def test_trees_tell_missing_from_not_applying():
    frame = pd.DataFrame({"kind": ["none", "rta", None], "time": [np.nan, np.nan, 10.0]})
    expected = [[-0.5, 1, 0, 0], [np.nan, 0, 0, 1], [0.5, np.nan, np.nan, np.nan]]
    np.testing.assert_array_equal(encode([TIME, KIND], frame).matrix(), expected)


def test_a_design_without_inputs_has_rows():
    assert encode([], pd.DataFrame({"a": [1, 2]})).matrix().shape == (2, 0)


def test_rows_are_taken_with_all_that_belongs_to_them():
    frame = pd.DataFrame({"kind": ["none", "rta", None], "time": [np.nan, 1.0, 10.0]})
    design = encode([TIME, KIND], frame)
    taken = design.take(np.array([2, 0]))
    again = encode([TIME, KIND], frame.iloc[[2, 0]])
    assert isinstance(taken, Design)
    assert taken.n == 2
    np.testing.assert_array_equal(taken.matrix(), again.matrix())
    for a, b in zip(taken.columns, again.columns, strict=True):
        np.testing.assert_array_equal(a.absent, b.absent)


@given(st.data())
def test_a_possible_recipe_misses_nothing_and_is_absent_where_it_does_not_apply(data):
    space = data.draw(spaces())
    recipes = space.from_unit(data.draw(cubes(space)))
    design = encode(inputs_of_space(space), space.with_fixed(recipes))
    for p, c in zip(space.parameters, design.columns, strict=True):
        assert not c.missing.any()
        np.testing.assert_array_equal(c.absent, ~space.applies(p.name, recipes))
        known = c.values[~c.absent]
        top = len(p.choices) - 1 if isinstance(p, Categorical) else 1.0
        assert ((known >= -1e-9) & (known <= top + 1e-9)).all()


def test_a_condition_under_a_condition_and_a_fixed_parent_say_what_is_absent():
    space = SearchSpace(
        [
            Categorical("method", ["sputter", "pld"]),
            Categorical("supply", ["rf", "dc"], when={"method": ["sputter"]}),
            Continuous("bias", -100, 0, when={"supply": ["rf"]}),
            Continuous("time", 1, 2, when={"anneal": ["rta"]}),
        ],
        fixed={"anneal": "none"},
    )
    recipes = space.frame(
        [{"method": "pld"}, {"method": "sputter", "supply": "dc"}, {"method": "sputter", "supply": "rf"}]
    )
    design = encode(inputs_of_space(space), space.with_fixed(recipes))
    found = {c.input.name: c for c in design.columns}
    assert found["supply"].absent.tolist() == [True, False, False]
    assert found["bias"].absent.tolist() == [True, True, False]
    assert found["bias"].missing.tolist() == [False, False, True]
    assert found["time"].absent.all()
