"""Rows at random."""

import numpy as np


class Planner:
    def __init__(self, pool, seed):
        self.left, self.rng = set(range(len(pool))), np.random.default_rng([seed, 1])

    def tell(self, rows):
        self.left -= set(rows)

    def ask(self, n):
        return [int(row) for row in self.rng.choice(sorted(self.left), size=n, replace=False)]
