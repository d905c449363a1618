"""Closed forms against the exact series, an independent solution and the review's figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdopt import materials, physics
from pvdopt.theory import c_rate_from_current, current_from_c_rate

DELTAS = np.geomspace(1e-3, 1e3, 121)


def utilisation_by_finite_volumes(delta, n_cells=200, n_steps=4000):
    """Fill a film at constant flux until its surface is full; implicit Euler on equal cells."""
    width, step = 1.0 / n_cells, 1.0 / n_steps
    flow = delta * step / width**2
    matrix = np.eye(n_cells) * (1 + 2 * flow) - flow * (np.eye(n_cells, k=1) + np.eye(n_cells, k=-1))
    matrix[0, 0] = matrix[-1, -1] = 1 + flow
    advance = np.linalg.inv(matrix)
    filling = np.zeros(n_cells)
    for k in range(n_steps):
        filling[0] += step / width
        filling = advance @ filling
        # The surface lies half a cell above the first centre: the flux 1 = delta dc/dx.
        if filling[0] + 0.5 * width / delta >= 1:
            return (k + 1) * step
    return 1.0


def test_the_closed_form_stays_within_its_error_of_the_exact_series():
    error = physics.utilisation(DELTAS) - physics.exact_utilisation(DELTAS)
    assert np.abs(error).max() < 0.0065


@pytest.mark.parametrize("delta", [0.1, 0.5, 1.0, 3.0])
def test_the_exact_series_agrees_with_a_numerical_solution(delta):
    assert physics.exact_utilisation(delta)[0] == pytest.approx(utilisation_by_finite_volumes(delta), abs=0.003)


@pytest.mark.parametrize(
    ("delta", "share"), [(0.1, 0.079), (0.5, 0.392), (1, 0.667), (2, 0.833), (5, 0.933), (10, 0.967)]
)
def test_the_exact_series_reproduces_tabulated_values(delta, share):
    assert physics.exact_utilisation(delta)[0] == pytest.approx(share, abs=0.0006)


def test_slow_and_fast_diffusion_reach_their_limits():
    slow, fast = np.array([1e-5, 1e-4]), np.array([50.0, 500.0])
    # Sand's equation: nothing of the film's far side is seen.
    assert physics.utilisation(slow) == pytest.approx(np.pi / 4 * slow, rel=1e-3)
    assert physics.utilisation(fast) == pytest.approx(1 - 1 / (3 * fast), abs=1e-4)
    assert physics.exact_utilisation(fast) == pytest.approx(1 - 1 / (3 * fast), abs=1e-4)


@given(st.floats(-6, 6), st.floats(1e-3, 2))
def test_utilisation_grows_with_delta_and_is_a_share(log_delta, step):
    low, high = physics.utilisation(10 ** np.array([log_delta, log_delta + step]))
    assert 0 < low < high <= 1


@pytest.mark.parametrize(("log_d", "plateau"), [(-12, 135), (-11, 1346)])
def test_areal_capacity_of_a_thick_film_ends_at_the_plateau_of_slow_diffusion(log_d, plateau):
    thickness = 1e4 * 10.0 ** (log_d + 12)
    delta = physics.diffusion_parameter(10.0**log_d, 69.2, 10.0, thickness)
    assert float(physics.utilisation(delta)) * 69.2 * thickness == pytest.approx(plateau, rel=0.01)


# Matsuda et al., 2018: 18, 100 and 240 uAh/cm2 of films of LiCoO2 at 10 uA/cm2
MATSUDA_UM = np.array([0.32, 2.2, 6.7])
MATSUDA_SHARE = np.array([18, 100, 240]) / (MATSUDA_UM * 69.0)


def test_three_thicknesses_are_met_with_fitted_diffusivity_and_exponent():
    delta = physics.diffusion_parameter(8.2e-13, 69.2, 10.0, MATSUDA_UM)
    assert physics.utilisation(delta**0.32) == pytest.approx(MATSUDA_SHARE, abs=0.01)


def test_three_thicknesses_are_nearly_met_with_the_defaults():
    cathode = materials.cathodes()["LiCoO2"]
    delta = physics.diffusion_parameter(10**cathode.log10_diffusivity, cathode.reference_capacity(), 10.0, MATSUDA_UM)
    share = physics.FULL_UTILISATION * physics.utilisation(delta**cathode.exponent)
    assert share == pytest.approx(MATSUDA_SHARE, abs=0.15)


def test_a_rate_series_is_met_with_an_independent_diffusivity():
    # Park et al., 1999: 45 of 48 uAh/cm2/um at 800 uA/cm2, 0.3 um; diffusivity of LiMn2O4 by impedance, Li and Fu
    delta = physics.diffusion_parameter(8.7e-11, 48.0, 800.0, 0.3)
    assert float(physics.utilisation(delta)) == pytest.approx(45 / 48, abs=0.015)


@pytest.mark.parametrize(("c_rate", "current"), [(30, 750), (0.4, 10)])
def test_both_rates_of_one_film_give_its_capacity(c_rate, current):
    # Navone et al., 2011: 0.45 um, 55 uAh/cm2/um
    assert current_from_c_rate(c_rate, 55.6, 0.45) == pytest.approx(current, rel=0.01)
    assert c_rate_from_current(current, 55.6, 0.45) == pytest.approx(c_rate, rel=0.01)
    # A full discharge at C takes 1/C hours.
    delta = physics.diffusion_parameter(1e-12, 55.6, current, 0.45)
    assert float(delta) == pytest.approx(1e-12 * 3600 / c_rate / 0.45e-4**2, rel=0.01)


class TestOhmicFactor:
    def test_at_a_usual_current_nothing_is_lost(self):
        assert float(physics.ohmic_factor(10.0, 1.0, 2e-6, 60.0)) > 0.999

    def test_what_is_lost_follows_the_drop(self):
        # 1 um at 2e-6 S/cm is 50 ohm cm2, with the interface 110: 0.11 V of 0.9 V at 1 mA/cm2
        assert float(physics.ohmic_factor(1000.0, 1.0, 2e-6, 60.0)) == pytest.approx(1 - (0.11 / 0.9) ** 2)

    def test_a_break_of_vacuum_costs_and_more_current_costs_more(self):
        current = np.array([100.0, 500.0, 900.0, 5000.0])
        inside, outside = (
            physics.ohmic_factor(current, 1.0, 2e-6, physics.IN_SITU_OHM_CM2 * times)
            for times in (1.0, physics.EX_SITU_TIMES["jeon2001"])
        )
        assert (outside < inside).all()
        assert (np.diff(inside) < 0).all()
        assert outside[-1] == 0.05


class TestCrystallinityBelief:
    @staticmethod
    def belief(anneal=25.0, substrate=25.0, bias=0.0, **more):
        return physics.crystallinity_belief(anneal, substrate, bias, **more)

    def test_as_deposited_is_about_a_tenth_of_annealed(self):
        assert np.exp(self.belief() - self.belief(anneal=700.0)) == pytest.approx(0.1, rel=0.05)

    @pytest.mark.parametrize(("anneal", "capacity"), [(500, 41.8), (600, 50.6), (700, 61.2)])
    def test_anneals_meet_the_capacities_they_stand_for(self, anneal, capacity):
        assert 69.2 * np.exp(self.belief(anneal=anneal)) == pytest.approx(capacity, rel=0.01)

    def test_heat_never_hurts_and_the_hotter_of_the_two_counts(self):
        heat = np.linspace(-50, 900, 96)
        assert (np.diff(self.belief(anneal=heat)) >= 0).all()
        assert self.belief(anneal=heat, substrate=400.0) == pytest.approx(self.belief(np.fmax(heat, 400.0)))

    def test_bias_stands_in_for_heat_the_nearer_to_its_optimum_the_more(self):
        bias = np.array([0.0, -20.0, -35.0, -50.0, -65.0, -80.0, -150.0])
        found = self.belief(bias=bias)
        assert int(np.argmax(found)) == 3
        assert (np.diff(found[:4]) > 0).all()
        assert (np.diff(found[3:]) < 0).all()
        assert found[3] == pytest.approx(self.belief(anneal=700.0))
        assert (self.belief(anneal=700.0, bias=bias) == self.belief(anneal=700.0)).all()
        assert self.belief(bias=-50.0, bias_strength=0.0) == self.belief()

    @pytest.mark.parametrize("optimum", [-85.0, -50.0, -15.0])
    def test_the_best_bias_may_lie_elsewhere(self, optimum):
        bias = np.arange(-150.0, 1.0, 5.0)
        found = self.belief(bias=bias, bias_optimum_v=optimum)
        assert bias[int(np.argmax(found))] == optimum
        assert found.max() == pytest.approx(self.belief(anneal=700.0))
        assert found[-1] == pytest.approx(self.belief())


@pytest.mark.parametrize(("cycles", "sd"), [(100, 0.0), (1000, 0.46), (10, 0.46)])
def test_an_uncertain_fade_exponent_adds_noise_away_from_100_cycles(cycles, sd):
    assert np.sqrt(physics.fade_noise_variance(cycles)) == pytest.approx(sd, abs=0.001)
