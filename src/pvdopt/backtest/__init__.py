"""Strategies compared before chamber time is spent: on the virtual lab, on a pool of measured recipes, on the past."""
