"""Rows as points: numbers scaled to [0, 1], a switch for each choice."""

import numpy as np

from pvdopt.space import Categorical


def encode(pool):
    """Return the pool's rows as points, shape (n, d)."""
    columns = []
    for p in pool.space.parameters:
        values = pool.recipes[p.name]
        if isinstance(p, Categorical):
            columns += [(values == choice).to_numpy(dtype=float) for choice in p.choices]
        else:
            columns.append((values.to_numpy(dtype=float) - p.low) / (p.high - p.low))
    return np.column_stack(columns)


class Snapper:
    """Finds the row that is nearest to a recipe of the box, among those not taken.

    Numbers count by their share of the range, another choice as the whole range: Gower's distance.
    """

    def __init__(self, pool):
        self.pool = pool

    def nearest(self, recipe, taken):
        distance = np.zeros(len(self.pool))
        for p in self.pool.space.parameters:
            values = self.pool.recipes[p.name]
            if isinstance(p, Categorical):
                distance += (values != recipe[p.name]).to_numpy(dtype=float)
            else:
                distance += np.abs(values.to_numpy(dtype=float) - recipe[p.name]) / (p.high - p.low)
        distance[list(taken)] = np.inf
        return int(np.argmin(distance))
