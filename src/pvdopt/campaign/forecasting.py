"""What is believed of recipes that somebody thought of: predicted, added as a cell, or put in a plan's place.

Imported only when something is to be predicted, since it loads scipy and scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from pvdopt.campaign.beliefs import (
    INTERVAL,
    Beliefs,
    describe,
    find_theory,
    general_notes,
    lean_on,
    tell_shares,
)
from pvdopt.campaign.own_cells import OwnCells
from pvdopt.campaign.reports import Forecast
from pvdopt.cells.table import is_empty
from pvdopt.errors import DataInvalid, Problem
from pvdopt.lab_tables.figure_checks import find_recipe_gaps
from pvdopt.lab_tables.recipe_reading import read_each
from pvdopt.ledger.changes import not_editable
from pvdopt.ledger.values import unknown_cell

if TYPE_CHECKING:
    from pvdopt.lab_tables.fields import Field
    from pvdopt.ledger.ledger import Ledger


def predicted_of(beliefs: Beliefs, row: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return a row's predictions as the ledger keeps them; an outcome nothing is known of yet is left out."""
    return {
        o.name: {"median": row[o.name], "low": row[f"{o.name}_low"], "high": row[f"{o.name}_high"], "p": INTERVAL}
        for o in beliefs.objectives
        if row.get(o.name) is not None
    }


def forecast(beliefs: Beliefs, recipes: pd.DataFrame) -> Forecast:
    """Return what is believed of recipes; one outside the space comes with a warning."""
    frame = describe(beliefs, recipes)
    leans_on, warnings = lean_on(beliefs, recipes)
    for place, values in enumerate(recipes.to_dict("records")):
        sentences = beliefs.space.explain({str(n): v for n, v in values.items()})
        warnings[place] = [f"outside the campaign's space: {s}" for s in sentences] + warnings[place]
    if recipes.index.name == "id":
        frame.insert(0, "id", list(recipes.index))
    shares = tell_shares(beliefs, recipes)
    theory = find_theory(beliefs, recipes)
    return Forecast(frame, leans_on, warnings, general_notes(beliefs), beliefs.fingerprint(), shares, theory)


def add(
    beliefs: Beliefs, own: OwnCells, recipe: Mapping[str, Any], remark: str | None, ledger: Ledger | None
) -> Forecast:
    """Predict the lab's own recipe and keep it as a cell; see :meth:`Campaign.add_predicted`."""
    found = forecast(beliefs, beliefs.space.frame([recipe]))
    id_ = None
    if ledger is not None:
        row = {str(n): None if v is None or v != v else v for n, v in found.frame.iloc[0].items()}
        id_ = ledger.add_cell(recipe, remark, predicted_of(beliefs, row), expected=own.state.n_facts)
    found.frame.insert(0, "id", [id_])
    return found


def edit(
    beliefs: Beliefs,
    own: OwnCells,
    cell_id: str,
    asked: Mapping[str, object],
    fields: Mapping[str, Field],
    ledger: Ledger | None,
) -> Forecast:
    """Change a planned recipe and predict it anew; see :meth:`Campaign.edit`."""
    changes, problems = read_each(asked, fields, row=cell_id)
    cell = own.state.cells.get(cell_id)
    if cell is None:
        raise DataInvalid([unknown_cell(cell_id, own.state.cells), *problems])
    # Before the recipe is looked at: that of a made cell need not lie on the steps.
    if cell.status != "proposed":
        raise DataInvalid([not_editable(cell_id, is_vetoed=cell.status == "vetoed"), *problems])
    space = beliefs.space
    settings = {**own.settings(cell), **changes}
    cleared = space.clear(space.frame([settings])).iloc[0]
    idle = {n: None for n in space.names if n not in changes and is_empty(cleared[n]) and settings.get(n) is not None}
    recipe = {**settings, **idle}
    unread = {p.column for p in problems if p.column}
    problems += [replace(p, row=cell_id) for p in find_recipe_gaps(recipe, space, unread)]
    # What is missing or does not apply would be told a second time by the space's own rules.
    problems += [] if problems else [Problem(sentence, row=cell_id) for sentence in space.explain(recipe)]
    problems += [
        Problem("is fixed in the campaign file", value, row=cell_id, column=name)
        for name, value in changes.items()
        if name not in space and space.fixed.get(name) != value
    ]
    if problems:
        raise DataInvalid(problems)
    found = forecast(beliefs, space.frame([recipe]))
    if ledger is not None:
        row = {str(n): None if v is None or v != v else v for n, v in found.frame.iloc[0].items()}
        ledger.edit(cell_id, {**changes, **idle}, predicted_of(beliefs, row), expected=own.state.n_facts)
    found.frame.insert(0, "id", [cell_id])
    return found
