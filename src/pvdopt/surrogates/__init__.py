"""Surrogates of one outcome behind one contract (:mod:`pvdopt.surrogates.base`)."""
