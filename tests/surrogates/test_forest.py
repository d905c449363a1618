"""What only the forest does: weights of cells, and the laboratory's level from what is left."""

import numpy as np
from surrogate_tables import CAMPAIGN, plain, small_evidence, with_evidence

from pvdopt.surrogates.forest import Forest, cell_weights

ONE = {"bias_v": -50.0, "thickness_um": 0.5, "anneal_kind": "furnace", "anneal_temperature_c": 700.0}
OTHER = {"bias_v": 0.0, "thickness_um": 2.0, "anneal_kind": "furnace", "anneal_temperature_c": 600.0}


def own_cells(n, capacity=20.0):
    return small_evidence().table("capacity", CAMPAIGN.frame([ONE] * n).assign(capacity=capacity), CAMPAIGN)


def test_every_publication_and_every_own_cell_weighs_one():
    table = with_evidence(5)
    weights = cell_weights(table)
    assert weights[table.own].tolist() == [1.0] * 5
    for source in set(table.source[~table.own]):
        assert np.isclose(weights[table.source == source].sum(), 1)
    assert cell_weights(plain(4)).tolist() == [1.0] * 4


def test_own_cells_teach_the_level_of_the_laboratory():
    asked = small_evidence().complete(CAMPAIGN.with_fixed(CAMPAIGN.frame([ONE, OTHER])))
    before, first, after = (Forest(n_trees=60).fit(own_cells(n)).predict(asked) for n in (0, 1, 6))
    # One cell at a third of what was expected: what was not made goes more than half of the way with it, in logarithms.
    assert first.median()[0] < np.sqrt(1 / 3) * before.median()[0]
    assert first.median()[1] < np.sqrt(1 / 3) * before.median()[1]
    assert np.isclose(after.median()[0], 20, rtol=0.05)
    for n, p in ((0, before), (1, first), (6, after)):
        np.testing.assert_allclose(p.offset_std / p.noise_std, np.sqrt(1 / (n + 1)), rtol=1e-9)


def test_with_one_source_there_is_no_level_to_learn():
    table = plain(12)
    p = Forest(n_trees=20).fit(table).predict(table.frame)
    assert (p.offset_std == 0).all()
