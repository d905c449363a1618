"""Read a campaign file: find it, parse it, tell where in it each key stands, and say what is wrong with its shape.

Knows TOML, files and pydantic's errors; what values mean is judged in :mod:`pvdopt.config.meaning`.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from pydantic import BaseModel, ValidationError

from pvdopt.config.schema import ConfigFile, ExcludeConstraint, LimitConstraint, RangeTable, SumConstraint
from pvdopt.errors import ConfigInvalid, DataInvalid, Problem, what_the_system_says
from pvdopt.input_files import MAX_CONFIG, read_file
from pvdopt.wording import closest, find_closest

Key = tuple[str | int, ...]


@dataclass
class Findings:
    """Everything wrong with a campaign file so far, each problem with its file, line and key.

    Attributes
    ----------
    lines : dict
        ``{key: (file, line)}`` of what the files hold.
    faulty : set of keys
        What could not be read and is left out of further checks; and what a misspelt key or name was to be, which so
        is missing.
    misshapen : set of keys
        What of this was found faulty before anything was asked of its meaning.
    """

    file: str
    lines: dict[Key, tuple[str, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    doubts: list[Problem] = field(default_factory=list)
    faulty: set[Key] = field(default_factory=set)
    misshapen: frozenset[Key] = frozenset()

    def add(self, key: Key, must: str, value: object = None, todo: str = "", *, is_doubt: bool = False) -> None:
        """Note a problem with the value at a key, once."""
        # A key that is not in the file (a missing one) stands where its table does.
        known = next((self.lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in self.lines), None)
        file, line = known or (self.file, 0)
        if isinstance(value, float) and math.isfinite(value):
            value = int(value) if value.is_integer() else float(f"{value:.6g}")
        problem = Problem(
            must,
            value,
            todo,
            file=file,
            row=f"line {line}" if line else None,
            column=dotted(key) or None,
            grade="doubt" if is_doubt else "error",
        )
        kind = self.doubts if is_doubt else self.problems
        if problem not in kind:
            kind.append(problem)
        if not is_doubt:
            self.faulty.add(key)

    def is_faulty(self, *key: str | int) -> bool:
        """Return whether something at or under a key is already known to be wrong."""
        return any(found[: len(key)] == key for found in self.faulty)

    def is_unsure(self, setting: str) -> bool:
        """Return whether it is known already that what a setting may be is told wrongly, or under a wrong name.

        What seems wrong of another entry for the sake of that is no news: it may be right as it stands.
        """
        tables = ("parameters", "fixed")
        return any((table,) in self.faulty or self.is_faulty(table, setting) for table in tables)

    def raise_if_any(self) -> None:
        """Raise all problems at once, in the order of the file."""
        if self.problems:
            order = {p: i for i, p in enumerate(self.problems)}
            raise ConfigInvalid(sorted(self.problems, key=lambda p: (_line_of(p), order[p])))


def _line_of(problem: Problem) -> int:
    return int(str(problem.row).removeprefix("line ")) if problem.row else 1_000_000


def dotted(key: Key) -> str:
    """Return a key as people write it: ``constraints[1].why``, counting from 1."""
    text = ""
    for part in key:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


# -- files -------------------------------------------------------------------------------------------------------


def shipped_folder() -> Path:
    """Return the folder of the shipped campaign files: in the installed package, else in the source tree."""
    package = Path(str(resources.files("pvdopt")))
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent.parent / "configs"


def shipped_names() -> list[str]:
    """Return the names of the shipped campaign files."""
    return sorted(path.name for path in shipped_folder().glob("*.toml"))


def shipped_config(name: str) -> Path:
    """Return the path of a shipped campaign file.

    Parameters
    ----------
    name : str
        Such as ``lco_lipon.toml`` or ``lco_lipon``.

    Raises
    ------
    ConfigInvalid
        If none of that name is shipped.
    """
    wanted = name if name.endswith(".toml") else f"{name}.toml"
    if wanted in shipped_names():
        return shipped_folder() / wanted
    # By what tells them apart: the ending is alike in all.
    close = closest(wanted.removesuffix(".toml"), [n.removesuffix(".toml") for n in shipped_names()])
    todo = close.replace("?", ".toml?") or f"Shipped are {', '.join(shipped_names())}"
    raise ConfigInvalid(Problem("there is no such campaign file", todo=todo, file=name))


def find_config(path: str | Path) -> Path:
    """Return a file that is there, else the shipped one of that bare name.

    Raises
    ------
    ConfigInvalid
        If there is neither.
    """
    given = Path(path)
    if given.is_file():
        return given
    if given.is_dir():
        raise ConfigInvalid(Problem("is a folder, not a campaign file", file=str(path)))
    if given.name != str(path):
        raise ConfigInvalid(Problem("there is no such campaign file", file=str(path)))
    return shipped_config(given.name)


def read_config_text(path: Path) -> str:
    """Return the text of a campaign or machine file, its line ends as Unix has them.

    Raises
    ------
    ConfigInvalid
        If the file cannot be read, is too large, or is no text in UTF-8.
    """
    try:
        return read_file(path, MAX_CONFIG).decode("utf-8-sig").replace("\r\n", "\n")
    except DataInvalid as error:
        raise ConfigInvalid(error.problems) from error
    except OSError as error:
        raise ConfigInvalid(Problem(f"cannot be read ({what_the_system_says(error)})", file=path.name)) from error
    except UnicodeDecodeError as error:
        todo = "Save the file as UTF-8"
        raise ConfigInvalid(Problem("must be text in UTF-8", todo=todo, file=path.name)) from error


def read_toml(path: Path) -> tuple[dict[str, Any], dict[Key, tuple[str, int]]]:
    """Return what a TOML file holds, and file and line of each of its keys.

    Raises
    ------
    ConfigInvalid
        If the file cannot be read or is not TOML.
    """
    text = read_config_text(path)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        todo = "Texts stand in quotes, tables in [brackets], decimals have a point"
        raise ConfigInvalid(Problem(f"must be TOML; {error}", todo=todo, file=path.name)) from error
    except (RecursionError, ValueError) as error:
        # A number of thousands of digits, or lists within lists within lists.
        raise ConfigInvalid(Problem("holds a number or a nesting beyond all measure", file=path.name)) from error
    return raw, {key: (path.name, line) for key, line in find_lines(text)}


_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_ENTRY = re.compile(r"\s*([A-Za-z0-9_.\-\"' ]+?)\s*=")


def find_lines(text: str) -> Iterator[tuple[Key, int]]:
    """Yield each key and the line it stands on (from 1), as far as a glance at each line tells.

    Keys within inline tables are not looked for, so that they are reported at their table's line.
    """
    table: Key = ()
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _split_key(header[2])
            if header[1] == "[[":
                counts[header[2]] = counts.get(header[2], -1) + 1
                table = (*table, counts[header[2]])
            yield table, number
        elif entry := _ENTRY.match(line):
            yield (*table, *_split_key(entry[1])), number


def _split_key(text: str) -> Key:
    return tuple(part.strip().strip("\"'") for part in text.split("."))


def read_machine(name: object, folder: Path, findings: Findings) -> dict[str, Any]:
    """Return the machine's table from the file a campaign names, and note where its keys stand.

    The file lies beside the campaign file or below it, so that a campaign can be copied with all it needs.
    """
    parts = (*PurePosixPath(str(name)).parts, *PureWindowsPath(str(name)).parts)
    is_outside = ".." in parts or PurePosixPath(str(name)).is_absolute() or PureWindowsPath(str(name)).anchor
    if is_outside or not (folder / str(name)).resolve().is_relative_to(folder.resolve()):
        findings.add(("machine",), "must name a file in the campaign file's folder or below it", name)
        return {}
    path = folder / str(name)
    if not path.is_file():
        findings.add(("machine",), "there is no such file beside the campaign file", name)
        return {}
    try:
        raw, lines = read_toml(path)
    except ConfigInvalid as error:
        findings.problems.extend(error.problems)
        findings.faulty.add(("machine",))
        return {}
    findings.lines |= {("machine", *key): place for key, place in lines.items()}
    return raw


# -- shape -------------------------------------------------------------------------------------------------------

_WORDS = {
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "list_type": "must be a list of tables: [[constraints]]",
}
#: What a file must have, however little; puts in what a file lacks, so that its other faults are found too.
_LEAST: Mapping[str, Any] = {"campaign": {"name": "unnamed"}, "parameters": {}, "objectives": {}}


def read_shape(raw: Mapping[str, Any], findings: Findings) -> ConfigFile:
    """Return the file's content, without what is misshapen, which goes to the findings."""
    left = _copy(raw)
    while True:
        try:
            content = ConfigFile.model_validate(left)
            findings.misshapen = frozenset(findings.faulty)
            return content
        except ValidationError as error:
            faults = [(_key_in(left, fault), fault) for fault in error.errors(include_url=False)]
            # An unknown key first: what it was to be is no news where it is missing.
            faults.sort(key=lambda found: found[1]["type"] != "extra_forbidden")
            for key, fault in faults:
                is_missing = fault["type"] == "missing"
                # What was taken out for a fault of its own is missing in the next round, which is no news.
                if fault["type"] == "extra_forbidden":
                    _report_unknown(key, fault, faults, left, findings)
                elif not (is_missing and key in findings.faulty):
                    _report(key, fault, findings)
                _remove(left, key, is_missing=is_missing)
            left = {**_copy(_LEAST), **left}


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _copy(v) for k, v in value.items()}
    return [_copy(v) for v in value] if isinstance(value, (list, tuple)) else value


def _key_in(raw: Any, fault: Mapping[str, Any]) -> Key:
    """Return the key an error is about: pydantic's location without the names of union members."""
    key: Key = ()
    place = raw
    for part in fault["loc"]:
        if (isinstance(place, dict) and part in place) or (isinstance(place, list) and isinstance(part, int)):
            place = place[part]
            key = (*key, part)
    return (*key, fault["loc"][-1]) if fault["type"] == "missing" else key


def _report_unknown(
    key: Key,
    fault: Mapping[str, Any],
    others: Sequence[tuple[Key, Mapping[str, Any]]],
    raw: Mapping[str, Any],
    findings: Findings,
) -> None:
    """Note a key that is not known, and that the one it was to be is not there."""
    known = _known_keys(fault["loc"][:-1])
    absent = [k[-1] for k, other in others if other["type"] == "missing" and k[:-1] == key[:-1]]
    strange = [k for k, other in others if other["type"] == "extra_forbidden" and k[:-1] == key[:-1]]
    # Where one key is too many and one too few it is the same, however little alike.
    meant = find_closest(key[-1], known) or (str(absent[0]) if len(absent) == len(strange) == 1 else "")
    todo = f"Did you mean {meant}?" if meant else f"Known here are {', '.join(known)}"
    findings.add(key, "is not a known key", todo=todo)
    table: Any = raw
    for part in key[:-1]:
        table = table[part]
    if meant and meant not in table:
        findings.faulty.add((*key[:-1], meant))


def _report(key: Key, fault: Mapping[str, Any], findings: Findings) -> None:
    kind, context, value = fault["type"], fault.get("ctx", {}), fault["input"]
    shown = value if isinstance(value, (str, int, float, bool)) else None
    if kind == "missing":
        findings.add(key, "is missing")
    elif kind == "storage":
        # What stands there is not repeated: it may hold a password.
        findings.add(key, fault["msg"])
    elif kind == "choice":
        findings.add(key, fault["msg"], shown, closest(value, context["names"].split(", ")))
    elif kind.startswith("union_tag"):
        names = [name.strip("' ") for name in context.get("expected_tags", "'sum', 'exclude', 'limit'").split(",")]
        given = context.get("tag")
        findings.add((*key, "type"), f"must be one of {', '.join(names)}", given, closest(given, names))
        findings.faulty.add(key)
    elif kind in ("greater_than", "greater_than_equal"):
        sign = "above" if kind == "greater_than" else "at least"
        findings.add(key, f"must be {sign} {next(iter(context.values())):g}", shown)
    else:
        findings.add(key, _WORDS.get(kind, fault["msg"]), shown)


#: The union members that locations name, and the table each stands for.
_TAGS: Mapping[str | int, type[BaseModel]] = {
    "sum": SumConstraint,
    "exclude": ExcludeConstraint,
    "limit": LimitConstraint,
    "range": RangeTable,
}


def _known_keys(location: Sequence[str | int]) -> list[str]:
    """Return the keys of the table at a location of the schema."""
    model: type[BaseModel] = ConfigFile
    for part in location:
        if location[0] == "constraints" and part in _TAGS:
            model = _TAGS[part]
        elif info := model.model_fields.get(str(part)):
            model = next(_models_in(info.annotation), model)
    return [info.alias or name for name, info in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models_in(inner)


def _remove(raw: dict[str, Any], key: Key, *, is_missing: bool) -> None:
    """Take out what is at a key, or the table that lacks it.

    A constraint is emptied instead, so that those after it keep their numbers.
    """
    if key[0] == "constraints" and len(key) > 1:
        raw["constraints"][key[1]] = {"type": "exclude", "when": {}}
        return
    *path, last = key[:-1] if is_missing and len(key) > 1 else key
    place: Any = raw
    for part in path:
        place = place.get(part, {})
    place.pop(last, None)
