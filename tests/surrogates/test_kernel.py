"""The covariance of inputs: what is missing is averaged over, what does not apply is a state of its own."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvdopt.features import CategoryInput, NumberInput, encode
from pvdopt.surrogates.kernel import ABSENT_CORRELATION, N_GUESSES, Factor, ProcessKernel, equal_levels, matern52

NUMBER = NumberInput("x", 0.0, 1.0)
WITH_GUESS = NumberInput("x", 0.0, 1.0, guess=((0.2, 0.9), (0.8, 0.1)))
CONDITIONAL = NumberInput("x", 0.0, 1.0, absent_when={"kind": ("none",)})
KIND = CategoryInput("kind", ("none", "furnace", "rta"))


def design(inputs, **columns):
    return encode(inputs, pd.DataFrame(columns))


def correlation(declared, train, a, b=None, log_length=0.0):
    """Correlation of one input between rows, its belief learned from others."""
    factor = Factor.learn(design([declared], **train).columns[0])
    left = design([declared], **a).columns[0]
    right = left if b is None else design([declared], **b).columns[0]
    return factor.pair(left, right).correlation(log_length), factor


@given(st.floats(0, 3), st.floats(-2, 2))
def test_the_slope_of_the_correlation_is_its_derivative(distance, log_length):
    value, slope = matern52(np.array(distance), log_length)
    step = 1e-6
    rise = matern52(np.array(distance), log_length + step)[0] - matern52(np.array(distance), log_length - step)[0]
    assert 0 <= value <= 1
    assert slope == pytest.approx(rise / (2 * step), abs=1e-6)


@pytest.mark.parametrize("declared", [NUMBER, WITH_GUESS, CONDITIONAL, KIND], ids=["plain", "guess", "child", "levels"])
def test_slopes_of_missing_and_absent_inputs_are_derivatives_too(declared):
    frame = {
        "x": [0.1, 0.7, np.nan, np.nan, 0.4, np.nan],
        "kind": ["rta", "rta", "none", "furnace", None, None],
    }
    column = design([declared], **frame).columns[0]
    pair = Factor.learn(column).pair(column, column)
    value, slope = pair.with_slope(0.3)
    step = 1e-6
    np.testing.assert_allclose(
        slope, (pair.correlation(0.3 + step) - pair.correlation(0.3 - step)) / (2 * step), atol=1e-8
    )
    np.testing.assert_array_equal(value, pair.correlation(0.3))


@pytest.mark.parametrize("log_length", [-1.0, 0.5])
@pytest.mark.parametrize("declared", [NUMBER, WITH_GUESS], ids=["seen", "guess"])
def test_a_missing_number_is_averaged_over_what_it_may_have_been(declared, log_length):
    seen = np.linspace(0, 1, 7) ** 2
    found, factor = correlation(declared, {"x": seen}, {"x": [np.nan, 0.3]}, {"x": [np.nan, 0.6, 0.3]}, log_length)
    # By brute force: each row draws its value for itself.
    rng = np.random.default_rng(0)
    mine, theirs = (rng.choice(factor.support, p=factor.weights, size=200_000) for _ in range(2))

    def between(a, b):
        return matern52(np.abs(a - b), log_length)[0].mean()

    expected = [
        [between(mine, theirs), between(mine, 0.6), between(mine, 0.3)],
        [between(0.3, theirs), between(0.3, 0.6), 1],
    ]
    np.testing.assert_allclose(found, expected, atol=0.004)
    assert factor.weights.sum() == pytest.approx(1)


def test_a_belief_is_declared_or_what_was_seen_or_anything():
    seen = Factor.learn(design([NUMBER], x=[0.1, 0.2, 0.3, 0.4, 0.5]).columns[0])
    assert (seen.support.min() >= 0.1) & (seen.support.max() <= 0.5)
    little = Factor.learn(design([NUMBER], x=[0.1, np.nan, np.nan]).columns[0])
    assert little.support == pytest.approx((np.arange(N_GUESSES) + 0.5) / N_GUESSES)
    declared = Factor.learn(design([WITH_GUESS], x=[0.5] * 9).columns[0])
    assert declared.support.tolist() == [0.2, 0.8]
    levels = Factor.learn(design([KIND], kind=["rta", "rta", None, "none"]).columns[0])
    assert levels.weights == pytest.approx(np.array([1.5, 0.5, 2.5]) / 4.5)


def test_what_does_not_apply_is_alike_among_itself_and_half_alike_to_the_rest():
    frame = {"x": [np.nan, np.nan, 0.2, 0.9, np.nan], "kind": ["none", "none", "rta", "rta", "rta"]}
    found, factor = correlation(CONDITIONAL, frame, frame)
    assert factor.may_be_absent
    assert found[0, 1] == 1
    assert (found[:2, 2:] == ABSENT_CORRELATION).all()
    # Known values correlate at least as much as by not applying differently.
    assert ABSENT_CORRELATION < found[2, 3] < 1
    assert ABSENT_CORRELATION < found[2, 4] < 1


def test_what_amounts_to_a_value_is_that_value():
    bias = NumberInput("x", 0.0, 1.0, absent_when={"kind": ("none",)}, absent_value=0.0)
    found, factor = correlation(bias, {"x": [0.5], "kind": ["rta"]}, {"x": [np.nan, 0.0], "kind": ["none", "rta"]})
    assert not factor.may_be_absent
    np.testing.assert_array_equal(found, np.ones((2, 2)))


def test_one_common_unknown_value_is_alike_in_all_its_rows_only():
    known = design([NUMBER], x=[0.1, 0.4, 0.8, 0.5, 0.6])
    column = design([NUMBER], x=[np.nan, np.nan, np.nan, 0.4]).columns[0]
    common = replace(column, common=np.array([True, True, False, False]))
    factor = Factor.learn(known.columns[0])
    found, usual = (factor.pair(c, c).correlation(0.0) for c in (common, column))
    assert found[0, 1] == 1
    assert usual[0, 1] < 1
    changed = found != usual
    assert changed[:2, :2].all()
    assert not changed[2:].any()
    assert not changed[:, 2:].any()


@st.composite
def designs(draw, n=6):
    """Rows in which anything may be missing, absent, or one common unknown."""
    maybe = st.one_of(st.none(), st.floats(-0.5, 1.5))
    kinds = draw(st.lists(st.sampled_from(["none", "furnace", "rta", None]), min_size=n, max_size=n))
    columns = {
        "kind": pd.Series(kinds, dtype=object),
        "x": pd.Series(draw(st.lists(maybe, min_size=n, max_size=n)), dtype=float),
        "y": pd.Series(draw(st.lists(maybe, min_size=n, max_size=n)), dtype=float),
    }
    declared = [draw(st.sampled_from([CONDITIONAL, NUMBER, WITH_GUESS])), KIND, NumberInput("y", 0.0, 1.0)]
    found = encode(declared, pd.DataFrame(columns))
    ours = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    shared = draw(st.lists(st.booleans(), min_size=3, max_size=3))
    return replace(
        found,
        columns=tuple(
            replace(c, common=c.missing & ours) if s else c for c, s in zip(found.columns, shared, strict=True)
        ),
    )


@settings(max_examples=60)
@given(designs(), st.lists(st.floats(-2, 2), min_size=3, max_size=3))
def test_the_covariance_is_positive_semidefinite_whatever_is_missing(rows, log_lengths):
    kernel = ProcessKernel.learn(rows)
    for part in kernel.parts(rows, rows, log_lengths, same=True):
        np.testing.assert_allclose(part, part.T, atol=1e-12)
        np.testing.assert_allclose(np.diag(part), 1.0)
        assert np.linalg.eigvalsh(part).min() > -1e-9
        assert (part >= 0).all()
        assert (part <= 1 + 1e-12).all()


def test_the_parts_are_the_mean_and_the_product_of_the_inputs():
    inputs = [NUMBER, KIND]
    rows = design(inputs, x=[0.1, 0.7, np.nan], kind=["rta", None, "none"])
    kernel = ProcessKernel.learn(rows)
    additive, product = kernel.parts(rows, rows, [0.0, 0.5])
    each = [f.pair(c, c).correlation(t) for f, c, t in zip(kernel.factors, rows.columns, [0.0, 0.5], strict=True)]
    np.testing.assert_allclose(additive, (each[0] + each[1]) / 2)
    np.testing.assert_allclose(product, each[0] * each[1])
    # Between rows the unknown is averaged, with itself it is what it is.
    assert additive[2, 2] < 1
    assert kernel.parts(rows, rows, [0.0, 0.5], same=True)[0][2, 2] == 1


def test_levels_are_equal_only_where_they_are_known():
    a = np.array(["x", "", None, "y"], dtype=object)
    b = np.array(["x", "", None], dtype=object)
    np.testing.assert_array_equal(equal_levels(a, b), [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]])
    assert equal_levels(a[:0], b).shape == (0, 3)
