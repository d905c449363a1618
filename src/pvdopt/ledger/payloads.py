"""What a fact of each kind may say, to the last value: for ledgers and exports that did not come from here.

Facts that pvdopt writes are read with care before they are written, so opening a ledger asks for no more than
:data:`pvdopt.ledger.facts.SHAPES`. Whatever somebody may have altered (an export, a copy, a ledger that is checked) is
held against this. Loads pydantic, hence apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from pvdopt.ledger.facts import OUTCOME_CLASSES, Fact
from pvdopt.ledger.values import Outcome, is_printable, to_plain, to_scalar

#: Texts that can be shown anywhere; see :func:`pvdopt.ledger.values.is_printable`. Lone surrogates pydantic refuses.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Probability = Annotated[float, Field(gt=0, lt=1)]
Scalar = Annotated[Any, AfterValidator(to_scalar)]
Plain = Annotated[Any, AfterValidator(to_plain)]
Settings = dict[Text, Scalar]
Measured = Annotated[Any, AfterValidator(Outcome.parse)]
#: Figures of a fade lie within some units of their priors; far beyond, its law overflows.
Fitted = Annotated[float, Field(ge=-1e3, le=1e3)]
Maybe = Annotated[Any, AfterValidator(lambda raw: raw if raw is None else Outcome.parse(raw))]


def _require_class(word: str) -> str:
    if word not in OUTCOME_CLASSES:
        raise ValueError(f"must be one of {', '.join(OUTCOME_CLASSES)}, got {word!r}")
    return word


OutcomeClass = Annotated[str, AfterValidator(_require_class)]


class _Said(BaseModel):
    """A payload: what is named here has its form, what else it holds can be shown."""

    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, Plain]


class _Predicted(_Said):
    median: Finite
    low: Finite
    high: Finite
    p: Probability

    @model_validator(mode="after")
    def _is_an_interval(self) -> _Predicted:
        if not self.low <= self.median <= self.high:
            ends = f"low {self.low:g}, median {self.median:g}, high {self.high:g}"
            raise ValueError(f"must have its median between low and high, got {ends}")
        return self


class _Standing(_Said):
    ratio: Finite
    low: Finite
    high: Finite
    n: int


class _Advice(_Said):
    sentence: Text
    n_own: int | None = None


class _Alternative(_Said):
    recipe: Annotated[Settings, Field(min_length=1)]
    predicted: dict[Text, Finite]
    why: Text
    gain: Finite | None = None
    usable_chance: Share | None = None
    meets: Share | None = None
    hours: Finite | None = None


class _Recipe(_Said):
    recipe: Annotated[Settings, Field(min_length=1)]
    predicted: dict[Text, _Predicted] = {}
    remark: Text | None = None


class _Proposed(_Recipe):
    purpose: Text | None = None
    reason: Text | None = None
    fingerprint: Text | None = None
    run: Text | None = None
    sample: Text | None = None
    usable_chance: Share | None = None
    batch: Scalar = None
    hours: Finite | None = None
    runs: dict[Text, Text | None] | None = None
    reference: dict[Text, Finite] | None = None
    lab: dict[Text, _Standing] | None = None
    advice: _Advice | None = None
    alternatives: list[_Alternative] | None = None


class _Why(_Said):
    why: Text | None = None


class _Labels(_Said):
    outcome_class: OutcomeClass | None = None
    stage: Text | None = None
    cause: Text | None = None
    run: Text | None = None
    sample: Text | None = None


class _Executed(_Labels):
    settings: Settings


class _Measured(_Labels):
    outcomes: dict[Text, Measured]


class _Failed(_Labels):
    outcome_class: OutcomeClass


class _OutcomeChange(_Said):
    part: Literal["outcome"]
    name: Text
    old: Maybe
    new: Maybe


class _SettingChange(_Said):
    part: Literal["setting"]
    name: Text
    old: Scalar
    new: Scalar


class _LabelChange(_Said):
    part: Literal["label"]
    name: Literal["outcome_class", "stage", "cause", "run", "sample"]
    old: Text | None
    new: Text | None

    @model_validator(mode="after")
    def _names_a_class(self) -> _LabelChange:
        for word in (self.old, self.new):
            if self.name == "outcome_class" and word is not None:
                _require_class(word)
        return self


_Change = Annotated[_OutcomeChange | _SettingChange | _LabelChange, Field(discriminator="part")]


class _Corrected(_Why):
    changes: list[_Change]


class _Discarded(_Why):
    run: Text


class _Retrained(_Why):
    chosen: Text
    previous: Text | None = None
    configured: Text | None = None
    event: Text | None = None
    n_own: dict[Text, int] = {}
    lab: dict[Text, _Standing] | None = None


class _Fade(_Said):
    ln_k: Fitted
    beta: Fitted
    amplitude: Fitted
    var_ln_k: Fitted
    var_beta: Fitted
    covariance: Fitted
    drift_sd: Fitted
    n_cycles: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Series(_Said):
    cycle: list[Finite]
    capacity: list[Finite]
    unit: Text | None = None
    fade: _Fade | None = None

    @model_validator(mode="after")
    def _has_a_capacity_a_cycle(self) -> _Series:
        if len(self.cycle) != len(self.capacity):
            raise ValueError("must have a capacity for each cycle")
        if any(later <= earlier for earlier, later in pairwise(self.cycle)):
            raise ValueError("must have cycles that rise, each once")
        if min(self.capacity, default=0.0) < 0 or (self.capacity and self.capacity[0] == 0):
            raise ValueError("must have capacities of 0 or more, the first above 0")
        return self


class _Note(_Said):
    remark: Text | None = None
    series: _Series | None = None
    event: Text | None = None
    evaluator: Text | None = None
    is_simulated: bool | None = None
    budget: int | None = None
    hours: Finite | None = None

    @model_validator(mode="after")
    def _names_what_measures(self) -> _Note:
        if self.event == "study" and (self.evaluator is None or self.is_simulated is None):
            raise ValueError("must name the evaluator of a study, and say whether it simulates")
        return self


_FORMS: Mapping[str, type[_Said]] = {
    "proposed": _Proposed,
    "vetoed": _Why,
    "edited": _Recipe,
    "added": _Recipe,
    "executed": _Executed,
    "measured": _Measured,
    "failed": _Failed,
    "corrected": _Corrected,
    "run_discarded": _Discarded,
    "retrained": _Retrained,
    "note": _Note,
}


#: Ids as :mod:`pvdopt.ledger.changes` gives them; the next one is counted from the highest.
_ID = re.compile(r"[PC][0-9]{3,18}")


def find_deep_faults(fact: Fact) -> list[str]:
    """Return what is wrong with a fact of a known kind that has all it must have, as sentences; empty if nothing is."""
    faults = [
        f"{name} must be printable text, got {value!r}"
        for name, value in (("author", fact.author), ("version", fact.version))
        if not is_printable(value)
    ]
    if fact.cell is not None and not _ID.fullmatch(fact.cell):
        faults.append(f"cell must be P or C and a number of three digits or more, got {fact.cell!r}")
    try:
        _FORMS[fact.kind].model_validate(fact.payload)
    except RecursionError:
        faults.append("payload is nested beyond all measure")
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            place = ".".join(["payload", *map(str, fault["loc"])])
            faults.append(f"{place}: {_say(fault)}")
    return faults


def _say(fault: Mapping[str, Any]) -> str:
    if fault["type"] == "missing":
        return "must be there"
    shown = repr(fault["input"])
    got = shown if len(shown) < 80 else shown[:77] + "..."
    if fault["type"] in ("string_pattern_mismatch", "string_unicode"):
        return f"must be printable text, got {got}"
    message = fault["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return message if ", got " in message else f"{message[0].lower()}{message[1:]}, got {got}"
