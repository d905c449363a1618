"""The monotone change of scale: there and back, in order, with the slopes it states."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdopt.surrogates.warp import POWERS, WarpedLink, inverse_yeo_johnson, yeo_johnson, yeo_johnson_slopes

powers = st.floats(*POWERS)
V = np.array([-30.0, -2.0, -1e-9, 0.0, 0.5, 4.0, 30.0])


@given(powers)
def test_there_and_back(power):
    y = yeo_johnson(V, power)
    assert (np.diff(y) > 0).all()
    np.testing.assert_allclose(inverse_yeo_johnson(y, power), V, rtol=1e-6, atol=1e-9)


@given(powers)
def test_any_model_value_is_some_outcome(power):
    y = np.array([-50.0, -5.0, 0.0, 5.0, 50.0])
    v = inverse_yeo_johnson(y, power)
    assert np.isfinite(v).all()
    assert (np.diff(v) > 0).all()


@pytest.mark.parametrize("power", [0.001, 0.2, 1.0, 1.7, 1.999])
def test_slopes_are_those_of_the_formula(power):
    step = 1e-5
    by_power, log_slope, slope_by_power = yeo_johnson_slopes(V, power)
    ahead, behind = yeo_johnson(V, power + step), yeo_johnson(V, power - step)
    np.testing.assert_allclose(by_power, (ahead - behind) / (2 * step), rtol=1e-4, atol=1e-6)
    moved = (yeo_johnson(V + step, power) - yeo_johnson(V - step, power)) / (2 * step)
    np.testing.assert_allclose(log_slope, np.log(moved), atol=1e-4)
    steeper, flatter = (yeo_johnson_slopes(V, power + s)[1] for s in (step, -step))
    np.testing.assert_allclose(slope_by_power, (steeper - flatter) / (2 * step), rtol=1e-4, atol=1e-6)


def test_slopes_reach_their_limits():
    for limit, near in ((0.0, 1e-4), (2.0, 2.0 - 1e-4)):
        for there, close in zip(yeo_johnson_slopes(V, limit), yeo_johnson_slopes(V, near), strict=True):
            np.testing.assert_allclose(there, close, rtol=1e-2, atol=1e-3)


def test_a_power_of_one_changes_nothing_but_unit():
    link = WarpedLink(center=3.0, scale=2.0, power=1.0)
    np.testing.assert_allclose(link.forward(np.array([3.0, 5.0, -1.0])), [0.0, 1.0, -2.0])
    np.testing.assert_allclose(link.inverse(np.array([0.0, 1.0, -2.0])), [3.0, 5.0, -1.0])
    assert link.increasing
