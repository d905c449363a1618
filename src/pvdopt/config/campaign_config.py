"""A campaign file as the rest of pvdopt sees it: space, objectives, protocol and evidence, checked as a whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from pvdopt.choice.candidates import draw_recipes, explain_emptiness
from pvdopt.choice.runs import Hours, Run
from pvdopt.config.goals import read_evidence, read_materials, read_objectives, read_protocol
from pvdopt.config.hours import read_cost, read_runs
from pvdopt.config.limits import Declared, machine_constraints, own_constraints
from pvdopt.config.reading import Findings, find_config, read_machine, read_shape, read_toml
from pvdopt.config.schema import ConfigFile
from pvdopt.config.settings import note_slips, read_fixed, read_parameters, read_units
from pvdopt.constraints import Constraint, Exclude
from pvdopt.errors import ConfigInvalid, Problem
from pvdopt.materials import Cathode
from pvdopt.objectives import Objective, Protocol
from pvdopt.parameters import Categorical, Parameter
from pvdopt.space import SearchSpace

#: Recipes asked for to see whether the constraints leave any.
_DRAWS = (1, 4096)


@dataclass(frozen=True)
class CampaignConfig:
    """What a campaign varies, wants and takes as known.

    Read one with :func:`load_config`. Numbers are in canonical units.

    Attributes
    ----------
    content : ConfigFile
        The file as it was written, the machine's file put in.
    folder : Path
        Where the names of other files start from.
    evidence_files : tuple of Path
        The lab's own tables of cells.
    cathodes : mapping
        Cathodes whose figures the campaign sets (``[materials.cathodes]``), with these figures.
    doubts : tuple of Problem
        What is allowed and worth a second look.
    """

    content: ConfigFile
    folder: Path
    evidence_files: tuple[Path, ...]
    cathodes: Mapping[str, Cathode]
    doubts: tuple[Problem, ...]
    _space: SearchSpace
    _objectives: tuple[Objective, ...]
    _protocol: Protocol
    _runs: tuple[Run, ...] = ()
    _cost: Hours | None = None

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any], folder: str | Path = ".", file: str = "config") -> Self:
        """Return the config of a file's content.

        Raises
        ------
        ConfigInvalid
            With all problems found.
        """
        return cls._build(raw, Path(folder), Findings(file))

    @classmethod
    def _build(cls, raw: Mapping[str, Any], folder: Path, findings: Findings) -> Self:
        if isinstance(raw.get("machine"), str):
            raw = {**raw, "machine": read_machine(raw["machine"], folder, findings)}
        content = read_shape(raw, findings)
        note_slips(content, findings)
        fixed = read_fixed(content, findings)
        parameters = read_parameters(content, findings)
        read_units(content, findings)
        protocol = read_protocol(content, findings)
        objectives = read_objectives(content, findings)
        _, files = read_evidence(content, folder, findings)
        figures = read_materials(content, findings)
        declared = Declared(content, fixed)
        constraints = [
            *machine_constraints(content, declared, figures, findings),
            *own_constraints(content, declared, findings),
        ]
        _check_fixed(constraints, fixed, findings)
        runs, cost = read_runs(content, declared, findings), read_cost(content, declared, findings)
        findings.raise_if_any()
        space = _make_space(parameters, constraints, fixed, findings)
        doubts = tuple(findings.doubts)
        return cls(
            content, folder, files, figures.cathodes, doubts, space, tuple(objectives), protocol, tuple(runs), cost
        )

    # -- what it says --------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The campaign's name."""
        return self.content.campaign.name

    @property
    def description(self) -> str:
        """What the campaign is after."""
        return self.content.campaign.description

    @property
    def storage(self) -> str | None:
        """URL of the database in which the ledger lies; None for a file in the campaign's folder."""
        return self.content.campaign.storage

    @property
    def seed(self) -> int:
        """The seed of everything drawn."""
        return self.content.campaign.seed

    @property
    def surrogate(self) -> str:
        """The model that learns."""
        return self.content.campaign.surrogate

    @property
    def sampler(self) -> str:
        """Who chooses the next recipes."""
        return self.content.campaign.sampler

    @property
    def uses_reported(self) -> bool:
        """Whether the cells of the literature count as evidence."""
        return "reported" in self.content.campaign.evidence

    @property
    def has_evidence(self) -> bool:
        """Whether names mean anything; without evidence the engine is a plain optimiser."""
        return self.content.campaign.evidence != ("none",)

    def space(self) -> SearchSpace:
        """Return the search space, with the constraints that follow from machine and materials."""
        return self._space

    def objectives(self) -> list[Objective]:
        """Return the objectives, in the file's order."""
        return list(self._objectives)

    def protocol(self) -> Protocol:
        """Return the test conditions."""
        return self._protocol

    def runs(self) -> list[Run]:
        """Return the kinds of run that cells share, in the file's order."""
        return list(self._runs)

    def cost(self) -> Hours | None:
        """Return what a cell takes beside its runs; None where the file does not say."""
        return self._cost

    @property
    def least_gain_per_hour(self) -> float | None:
        """What a batch has to gain in an hour to be worth it, if the file says so."""
        return self.content.advice.least_gain_per_hour

    def machine_units(self) -> dict[str, str]:
        """Return the units in which the machine shows settings, where they are not ours."""
        return dict(self.content.machine.units)

    def evidence_fixed(self) -> dict[str, float | str]:
        """Return the fixed settings, which evidence takes as the settings of every recipe."""
        return {name: value for name, value in self._space.fixed.items() if value is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return the content as plain tables; :meth:`from_dict` makes the same config of them."""
        return self.content.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def fingerprint(self) -> str:
        """Return a SHA-256 over all that bears on a proposal.

        Name, description, storage, comments and spelling (``650`` or ``"650 C"``) do not; the order of parameters
        does, since recipes are drawn in it.
        """
        meaning: dict[str, Any] = {
            "campaign": self.content.campaign.model_dump(mode="json", exclude={"name", "description", "storage"}),
            "parameters": [[type(p).__name__, asdict(p)] for p in self._space.parameters],
            "constraints": [[type(c).__name__, asdict(c)] for c in self._space.constraints],
            "fixed": self._space.fixed,
            "objectives": [asdict(o) for o in self._objectives],
            "protocol": asdict(self._protocol),
            "cathodes": {name: asdict(cathode) for name, cathode in self.cathodes.items()},
        }
        if self._runs or self._cost is not None:
            meaning["runs"] = [asdict(run) for run in self._runs]
            meaning["cost"] = None if self._cost is None else asdict(self._cost)
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()


def load_config(path: str | Path) -> CampaignConfig:
    """Read and check a campaign file.

    Parameters
    ----------
    path : str or Path
        A file, or the bare name of a shipped one; a file that is there wins.

    Raises
    ------
    ConfigInvalid
        With all problems found, each with file, line and key.
    """
    found = find_config(path)
    raw, lines = read_toml(found)
    return CampaignConfig._build(raw, found.parent, Findings(found.name, lines))


# -- the whole ---------------------------------------------------------------------------------------------------


def _check_fixed(constraints: list[Constraint], fixed: Mapping[str, float | str], findings: Findings) -> None:
    """Refuse fixed settings that break a constraint among themselves, whatever the parameters are."""
    row = pd.DataFrame({name: [value] for name, value in fixed.items()})
    for constraint in constraints:
        if any(findings.is_unsure(name) for name in constraint.names):
            continue
        if all(name in fixed for name in constraint.names) and bool(constraint.broken(row)[0]):
            findings.add(("fixed", constraint.names[0]), constraint.sentence(fixed))


def _make_space(
    parameters: list[Parameter], constraints: list[Constraint], fixed: Mapping[str, float | str], findings: Findings
) -> SearchSpace:
    """Return the space, once it is seen to hold recipes."""
    try:
        space = SearchSpace(parameters, constraints, fixed)
    except ValueError as error:
        findings.add(("parameters",), str(error))
        raise ConfigInvalid(findings.problems) from error
    # One is enough and quick; only where none turns up is it worth looking hard.
    rng = np.random.default_rng(0)
    if not any(len(draw_recipes(space, n, rng)) for n in _DRAWS):
        findings.add(("constraints",), explain_emptiness(space, rng))
        raise ConfigInvalid(findings.problems)
    _doubt_idle_choices(space, findings)
    return space


def _doubt_idle_choices(space: SearchSpace, findings: Findings) -> None:
    """Point out choices that are listed although a constraint on them alone forbids them."""
    for constraint in space.constraints:
        if isinstance(constraint, Exclude) and len(constraint.names) == 1:
            name, parameter = constraint.names[0], space.get(constraint.names[0])
            if isinstance(parameter, Categorical):
                idle = [choice for choice in parameter.choices if choice in constraint.conditions[name]]  # type: ignore[operator]
                findings.add(
                    ("parameters", name, "choices"),
                    f"lists what cannot be made: {constraint.why}",
                    ", ".join(idle),
                    is_doubt=True,
                )
