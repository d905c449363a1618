"""pvdopt's proposer over the pool, told nothing but the declared parameters."""

from pvdopt import Proposer


class Planner:
    def __init__(self, pool, seed):
        self.pool, self.measured = pool, []
        self.proposer = Proposer(pool.space, pool.objectives, seed=seed)

    def tell(self, rows):
        self.measured += list(rows)

    def ask(self, n):
        left = self.pool.recipes.drop(index=self.measured)
        return list(self.proposer.propose(self.pool.observed(self.measured), n, candidates=left).index)
