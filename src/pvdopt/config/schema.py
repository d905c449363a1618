"""The shape of a campaign file: which tables and keys there are, and of what kind their values must be.

What values mean (units, limits, levels, contradictions) is judged in :mod:`pvdopt.config.meaning`, with the
vocabulary at hand. Knows no file and no vocabulary.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema
from pydantic_core import PydanticCustomError

from pvdopt.database_url import find_url_fault
from pvdopt.materials import CLASSES
from pvdopt.surrogates import SPECIFICATIONS

#: Who chooses the next recipes: pvdopt's own surrogate, or one of Optuna's samplers.
SAMPLERS = ("surrogate", "tpe", "nsga2", "cmaes", "qmc", "random")


def _check_quantity(value: object) -> object:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if is_number or isinstance(value, str):
        return value if isinstance(value, str) else float(value)  # type: ignore[arg-type]
    raise PydanticCustomError("quantity", 'must be a finite number, or a text with its unit such as "650 C"')


def _check_words(value: object) -> object:
    words = [value] if isinstance(value, str) else value
    if isinstance(words, (list, tuple)) and all(isinstance(word, str) for word in words):
        return tuple(words)
    raise PydanticCustomError("words", 'must be a list of names such as ["none", "rf"]')


def is_name(value: object) -> bool:
    """Return whether a campaign may be called so."""
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]+", value) is not None


def _check_name(value: object) -> object:
    if is_name(value):
        return value
    raise PydanticCustomError("name", "must be letters, digits, _ and - only, since it names a folder")


def _check_storage(value: object) -> object:
    fault = find_url_fault(value if isinstance(value, str) else "")
    if fault is not None:
        # What stands there is not repeated: it may hold a password.
        raise PydanticCustomError("storage", fault)
    return value


def _one_of(choices: Collection[str]) -> tuple[BeforeValidator, WithJsonSchema]:
    def check(value: object) -> object:
        if value in choices:
            return value
        raise PydanticCustomError("choice", "must be one of {names}", {"names": ", ".join(choices)})

    return BeforeValidator(check), WithJsonSchema({"type": "string", "enum": list(choices)})


#: A number in the column's own unit, or a text that carries its unit.
Quantity = Annotated[float | str, BeforeValidator(_check_quantity)]
Words = Annotated[
    tuple[str, ...],
    BeforeValidator(_check_words),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Name = Annotated[str, BeforeValidator(_check_name)]
Storage = Annotated[str, BeforeValidator(_check_storage)]


class Table(BaseModel):
    """A table of the file: unknown keys are refused, nothing is converted on a guess."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
    )


class CampaignTable(Table):
    """What the campaign is and how it learns."""

    name: Name
    """Names the campaign's folder."""
    description: str = ""
    """What the campaign is after, in the lab's own words."""
    seed: int = Field(default=0, ge=0)
    """The same file, record and seed give the same proposals."""
    surrogate: Annotated[str, *_one_of(SPECIFICATIONS)] = "gaussian_process"
    """The model that learns from the cells."""
    sampler: Annotated[str, *_one_of(SAMPLERS)] = "surrogate"
    """Who chooses the next recipes; all but "surrogate" are Optuna's and learn from complete own cells only."""
    storage: Storage | None = None
    """Where the ledger lies: by default in a file here; for several machines in "postgresql+psycopg://HOST/DATABASE"."""
    evidence: Words = ("reported",)
    """What is known beforehand: "reported" cells of the literature, own tables of cells (CSV files), or "none"."""


class ParameterTable(Table):
    """One setting that is varied: a number (low, high) or a choice (choices)."""

    low: Quantity | None = None
    """Lowest value, included."""
    high: Quantity | None = None
    """Highest value, included."""
    step: Quantity | None = None
    """Only low, low + step, low + 2 step, ... can be set."""
    resolution: Quantity | None = None
    """The finest difference that can be set; recipes are put on its multiples."""
    log: bool = False
    """Whether doubling the value counts the same everywhere."""
    unit: str | None = None
    """Unit of low, high, step and resolution where it is not the vocabulary's."""
    choices: Words | None = None
    """The names to choose from."""
    when: dict[str, Words] | None = None
    """{parent = ["choice", ...]}: the setting exists only under these choices of another one."""
    own: bool = False
    """Says that a name is meant to be the lab's own although it resembles one of the vocabulary."""


class ProtocolTable(Table):
    """The test conditions at which outcomes are compared."""

    current_ua_cm2: Quantity | None = None
    """Discharge current density in uA/cm2; or give c_rate."""
    c_rate: Quantity | None = None
    """Discharge rate in 1/h; or give current_ua_cm2."""
    v_min: Quantity | None = None
    """Lower voltage limit in V."""
    v_max: Quantity | None = None
    """Upper voltage limit in V."""
    cycles: Quantity | None = None
    """Number of cycles after which retention is read."""
    test_temperature_c: Quantity | None = None
    """Temperature of the test in C."""


class ObjectiveTable(Table):
    """One outcome that counts."""

    maximize: bool = False
    """More is better."""
    minimize: bool = False
    """Less is better."""
    threshold: Quantity | None = None
    """The least that is acceptable (the most, where less is better)."""
    unit: str | None = None
    """Unit of the threshold where it is not the vocabulary's."""


class RangeTable(Table):
    """A condition on a number; several ends must hold together."""

    above: Quantity | None = None
    """More than this."""
    below: Quantity | None = None
    """Less than this."""
    from_: Quantity | None = Field(default=None, alias="from")
    """This or more."""
    to: Quantity | None = None
    """This or less."""


def _condition_tag(value: object) -> str:
    return "range" if isinstance(value, (dict, RangeTable)) else "words"


Condition = Annotated[
    Annotated[Words, Tag("words")] | Annotated[RangeTable, Tag("range")],
    Discriminator(_condition_tag),
]


class SumConstraint(Table):
    """A weighted sum of numbers has to stay within bounds; a number that does not apply counts as 0."""

    type: Literal["sum"]
    weights: dict[str, float]
    """{name = weight}."""
    low: float | None = None
    high: float | None = None


class ExcludeConstraint(Table):
    """A combination that may not be made: all conditions at once."""

    type: Literal["exclude"]
    when: dict[str, Condition]
    """{name = ["choice", ...]} or {name = {above = 500}}."""
    why: str = ""
    """Reason shown to whoever asks."""


class LimitConstraint(Table):
    """A number's limit that another choice sets."""

    type: Literal["limit"]
    parameter: str
    """The number that is limited."""
    by: str
    """The choice that decides."""
    at_most: dict[str, Quantity] = {}
    """{choice = highest value}."""
    at_least: dict[str, Quantity] = {}
    """{choice = lowest value}."""
    why: str = ""
    """Reason shown to whoever asks."""


Constraint = Annotated[SumConstraint | ExcludeConstraint | LimitConstraint, Discriminator("type")]


class RunTable(Table):
    """A kind of run that cells share: a deposition, a furnace run, a target that is mounted."""

    shares: Words
    """Settings that all cells of a run have in common."""
    places: int | None = Field(default=None, ge=1)
    """Cells a run takes; left out, it is a set-up that stays until another one is wanted."""
    hours: Quantity
    """How long a run lasts, whatever its cells."""
    hours_per: dict[str, float] = {}
    """{setting = further hours for each unit of it}; the cell that needs a run longest decides."""
    when: dict[str, Words] = {}
    """{setting = ["choice", ...]}: only these cells go through such a run."""


class CostTable(Table):
    """What each cell takes beside the runs it is in."""

    hours: Quantity = 0.5
    """Hours a cell takes by itself."""
    hours_per: dict[str, float] = {}
    """{setting = further hours for each unit of it}."""


class AdviceTable(Table):
    """When going on is worth it."""

    least_gain_per_hour: float | None = Field(default=None, gt=0)
    """Stop where the next batch gains less than this in an hour: in the unit of the one objective with a direction,
    or in percent of the hypervolume achieved, with several."""


class MachineTable(Table):
    """What the laboratory has; what is not mentioned is not limited."""

    methods: Words | None = None
    """Deposition methods there are."""
    bias_supplies: Words | None = None
    """Bias supplies there are: "rf", "dc", both, or [] for none."""
    contacts_film: bool = False
    """Whether film or collector is wired to the holder, so that an insulating substrate can take a dc bias."""
    furnace_max_c: Quantity | None = None
    """Hottest the furnace goes; with rta_max_c alone given there is no furnace."""
    rta_max_c: Quantity | None = None
    """Hottest the rapid thermal annealer goes; with furnace_max_c alone given there is none."""
    substrates: Words | None = None
    """Substrates in stock."""
    steps: dict[str, Quantity] = {}
    """{setting = finest difference the machine can set}."""
    units: dict[str, str] = {}
    """{setting = unit in which the machine shows it}: run sheets are written in it."""


class CathodeOverride(Table):
    """The lab's own figures for a cathode, in place of the table's; or what a cathode is that the table lacks."""

    formula: str | None = None
    """Composition, such as "LiFePO4"; only for a cathode that the table lacks, which needs it."""
    density_g_cm3: float | None = Field(default=None, gt=0)
    """Density, g/cm3; a cathode that the table lacks needs it."""
    li_per_formula: float | None = Field(default=None, gt=0)
    """Lithium exchanged for one formula; a cathode that the table lacks needs it."""
    cathode_class: Annotated[str, *_one_of(CLASSES)] | None = None
    """Chemistry whose behaviour it shares; only for a cathode that the table lacks, "other" by default."""
    lithium_free: bool | None = None
    """Whether the film is made without lithium; only for a cathode that the table lacks."""
    source: str | None = None
    """Where these figures come from."""
    reference_rel_sd: float | None = Field(default=None, ge=0)
    """Relative deviation of the theoretical capacity, for want of a known density or composition."""
    log10_diffusivity: float | None = None
    """Logarithm of the diffusivity in cm2/s, and below its deviation."""
    log10_diffusivity_sd: float | None = Field(default=None, gt=0)
    exponent: float | None = Field(default=None, gt=0)
    """Exponent m of the utilisation curve u(delta^m)."""
    nominal_voltage_v: float | None = Field(default=None, gt=0)
    """Mean voltage against lithium, V."""


class TemperatureOverride(Table):
    """The lab's own temperature limit, in place of the table's."""

    max_temperature_c: Quantity
    """Hottest it stands, C."""


class MaterialsTable(Table):
    """The lab's own figures for materials."""

    cathodes: dict[str, CathodeOverride] = {}
    substrates: dict[str, TemperatureOverride] = {}
    electrolytes: dict[str, TemperatureOverride] = {}


class ConfigFile(Table):
    """A campaign file."""

    campaign: CampaignTable
    parameters: dict[str, ParameterTable]
    fixed: dict[str, Quantity] = {}
    """Settings that are the same in every recipe."""
    protocol: ProtocolTable = ProtocolTable()
    objectives: dict[str, ObjectiveTable]
    constraints: list[Constraint] = []
    runs: dict[str, RunTable] = {}
    cost: CostTable | None = None
    advice: AdviceTable = AdviceTable()
    machine: MachineTable = MachineTable()
    materials: MaterialsTable = MaterialsTable()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a campaign file, for editors; the machine may also be the name of a file."""
    schema = ConfigFile.model_json_schema(by_alias=True)
    machine = schema["properties"]["machine"]
    schema["properties"]["machine"] = {
        "anyOf": [{"$ref": machine["$ref"]}, {"type": "string"}],
        "description": "What the laboratory has, or the name of a TOML file beside this one that says so.",
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
