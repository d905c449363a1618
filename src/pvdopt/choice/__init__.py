"""Which recipes to make next: :class:`pvdopt.choice.proposer.Proposer` and what it weighs.

``candidates`` and ``holding`` draw what may be made; ``acquisition``, ``gain`` and ``knowledge`` say what a cell is
worth; ``search``, ``batching``, ``runs`` and ``replicates`` choose; ``reasons``, ``alternatives`` and ``advice`` say
why, what else, and when to stop. Knows no Optuna and no database.
"""
