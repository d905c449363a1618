"""How numbers, units and names are shown to people, on a terminal as on a page. Pure texts; knows no data."""

from __future__ import annotations

import difflib
import math
import re
import shlex
from collections.abc import Collection, Iterable
from pathlib import PurePath

#: Stands where a setting does not apply or nothing is known.
NOTHING = "-"

#: Units as they are set in print; what is not listed is shown as it is written.
_PRINTED = {
    "uAh/cm2/um": "µAh cm⁻² µm⁻¹",
    "uAh/cm2": "µAh cm⁻²",
    "uA/cm2": "µA cm⁻²",
    "mAh/g": "mAh g⁻¹",
    "g/cm3": "g cm⁻³",
    "um": "µm",
    "C": "°C",
    "1": "",
}
#: Names that are words of their own.
_WORDS = {"v_min": "lower voltage limit", "v_max": "upper voltage limit", "c_rate": "C-rate"}
#: Ends of names that only say the unit.
_UNIT_ENDS = (
    *("_ua_cm2", "_mg_cm2", "_g_cm3", "_s_cm", "_cm2", "_um", "_nm", "_mm", "_cm"),
    *("_v", "_w", "_c", "_h", "_min", "_pa", "_sccm", "_percent"),
)

#: How alike two words must be (0 to 1) before one is taken for a slip of the other.
_ALIKE = 0.75
#: The same of a word of fewer letters than tell which is meant.
_ALIKE_SHORT = 0.8
#: Letters of a word's beginning that tell which word is meant, if only one begins so.
_TELLING = 4
#: Of more names than this a message lists only those that may be meant, and where all of them stand.
_LISTED = 8
#: Symbols of the elements, and M for a metal of several kinds.
_SYMBOLS = """
H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru
Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At
Rn Fr Ra Ac Th Pa U M
"""
_SYMBOL = re.compile("|".join(sorted(_SYMBOLS.split(), key=len, reverse=True)))
#: Materials are told apart by single letters: LiFePO4 is no misspelt FePO4.
_FORMULA = re.compile(rf"(?=.*[a-z0-9])(?:(?:{_SYMBOL.pattern})x?[0-9.]*){{2,}}")
#: What looks like one, whether or not there are such elements.
_FORMULA_LIKE = re.compile(r"(?=.*[a-z0-9])(?:[A-Z][a-z]?x?[0-9.]*){2,}")


def as_word(name: str, value: object) -> str:
    """Return ``name=value`` as it is typed into a command: in quotes where a shell would break it.

    Examples
    --------
    >>> as_word("capacity", 52.3), as_word("retention", ">= 92 %")
    ('capacity=52.3', '"retention=>= 92 %"')
    """
    return as_typed(f"{name}={value}")


def as_typed(word: str | PurePath) -> str:
    """Return a word of a command, such as a folder, in quotes where a shell would break it.

    Examples
    --------
    >>> as_typed(PurePath("studies/lco")), as_typed("my lab/lco")
    ('studies/lco', '"my lab/lco"')
    >>> print(as_typed('cause=a "bad" pump'))
    'cause=a "bad" pump'
    """
    text = word.as_posix() if isinstance(word, PurePath) else word
    if re.fullmatch(r"[\w.,:/\\=%+~@-]*", text):
        return text
    # Double quotes are understood everywhere, but not around these signs.
    return shlex.quote(text) if re.search(r'["$`!]', text) else f'"{text}"'


def is_formula(word: str) -> bool:
    """Return whether a word looks like a chemical formula.

    Examples
    --------
    >>> [is_formula(word) for word in ("LiNi0.5Mn1.5O4", "LiFe(WO4)2", "LixMnO2", "NMC111")]
    [True, True, True, True]
    >>> [is_formula(word) for word in ("thickness_um", "THICKNESS", "Lipon", "mica", "LiBORN")]
    [False, False, False, False, False]
    """
    return _FORMULA.fullmatch(word.replace("(", "").replace(")", "")) is not None


def closest(word: object, known: Iterable[str], alike: float = _ALIKE) -> str:
    """Return "Did you mean X?" for the likeliest of the known words, or an empty string.

    Likely is a word of the same letters, the only one that begins so, or one that is much alike. A formula is only
    taken for another one where they differ in capitals, or in an O written as a zero; what would be a formula if there
    were such an element, for one that holds all its other elements.

    Examples
    --------
    >>> closest("thicknes", ["thickness_um", "bias_v"]), closest("tep", ["tpe"]), closest("licoO2", ["LiCoO2"])
    ('Did you mean thickness_um?', 'Did you mean tpe?', 'Did you mean LiCoO2?')
    >>> closest("LiFePO4", ["FePO4", "LiCoPO4"]), closest("LiFeQPO4", ["FePO4", "LiCoPO4"])
    ('', '')
    >>> closest("LPO", ["Lipon"])
    ''
    >>> closest("LiBORN", ["LiBPON", "LiBON", "Lipon"])
    'Did you mean LiBON?'
    """
    found = find_closest(word, known, alike)
    return f"Did you mean {found}?" if found else ""


def find_closest(word: object, known: Iterable[str], alike: float = _ALIKE) -> str:
    """Return the likeliest of the known words, as :func:`closest` looks for it, or an empty string."""
    written = str(word)
    folded = {_fold(k): k for k in known}
    if _fold(written) in folded:
        return folded[_fold(written)]
    if is_formula(written):
        return ""
    if _FORMULA_LIKE.fullmatch(written):
        elements = set(_SYMBOL.findall(written))
        near = [k for k in folded.values() if is_formula(k) and elements <= set(_SYMBOL.findall(k))]
        found = difflib.get_close_matches(written, near, n=1, cutoff=alike)
        return found[0] if found else ""
    words = {k.lower(): k for k in folded.values() if not is_formula(k)}
    word = written.lower()
    slips = [k for k in words if sorted(k) == sorted(word)]
    longer = [k for k in words if min(len(word), len(k)) >= _TELLING and (k.startswith(word) or word.startswith(k))]
    # Of an abbreviation too little is left to tell: LPO is no misspelt Lipon.
    cutoff = alike if len(word) >= _TELLING else max(alike, _ALIKE_SHORT)
    alikes = difflib.get_close_matches(word, words, n=1, cutoff=cutoff)
    hits = slips or (longer if len(longer) == 1 else alikes)
    return words[hits[0]] if hits else ""


def miss_choice(word: object, known: Collection[str], listing: str = "") -> tuple[str, str]:
    """Return what a word must be that is none of the known ones, and what to do, for a message.

    Parameters
    ----------
    listing : str
        Where all of them are listed: of many names the message then holds only the one that may be meant.

    Examples
    --------
    >>> miss_choice("ovn", ["oven", "rta"], "`list`"), miss_choice("x", "abcdefghij", "`list`")
    (('must be one of oven, rta', 'Did you mean oven?'), ('must be one of a, b, c, d, e, f, g, h, i, j', ''))
    >>> miss_choice("thicknes", ["thickness_um", *"abcdefghij"], "`list`")
    ('must be one of the 11 known', 'Did you mean thickness_um? All of them: `list`')
    """
    close = closest(word, known)
    if close and listing and len(known) > _LISTED:
        return f"must be one of the {len(known)} known", f"{close} All of them: {listing}"
    return f"must be one of {', '.join(known)}", close


def _fold(word: str) -> str:
    return word.lower().replace("0", "o")


def is_nothing(value: object) -> bool:
    """Return whether a value stands for "not known" or "does not apply"."""
    return value is None or value != value


def show(value: object, unit: str | None = "", digits: int = 4) -> str:
    """Return a value as people read it, to four significant digits, with its unit.

    Examples
    --------
    >>> show(57.123456, "uAh/cm2/um"), show(0.93, "1"), show(None, "V"), show(12345.6)
    ('57.12 uAh/cm2/um', '0.93', '-', '12346')
    """
    if is_nothing(value):
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    # Beyond its digits a whole number is cut, not written as a power of ten.
    text = f"{value:.0f}" if abs(value) >= 10**digits and abs(value) < 1e9 else f"{value:.{digits}g}"
    return f"{text} {unit}" if unit and unit != "1" else text


def show_measured(value: object, qualifier: str | None, unit: str | None = "", digits: int = 4) -> str:
    """Return a measured value; of a bound, or a rough value, with its sign.

    Examples
    --------
    >>> show_measured(0.92, ">="), show_measured(26.3, "=", "uAh"), show_measured(0.9, None), show_measured(None, ">=")
    ('>=0.92', '26.3 uAh', '0.9', '-')
    """
    sign = "" if qualifier in (None, "=") or is_nothing(qualifier) or is_nothing(value) else qualifier
    return f"{sign}{show(value, unit, digits)}"


def show_interval(low: float | None, high: float | None) -> str:
    """Return an interval with no more decimals than its width deserves.

    Examples
    --------
    >>> show_interval(20.13, 94.2), show_interval(0.461, 0.998), show_interval(101.23, 103.31)
    ('20 to 94', '0.46 to 1.00', '101.2 to 103.3')
    >>> show_interval(1.53, 1204)
    '1.5 to 1204'
    """
    if low is None or high is None or is_nothing(low) or is_nothing(high):
        return NOTHING
    width = high - low
    decimals = max(0, -math.floor(math.log10(width / 20))) if width > 0 else 3
    texts = []
    for end in (low, high):
        is_coarse = 0 < abs(end) < 10 ** (1 - decimals)
        texts.append(show(end, digits=2) if is_coarse else f"{end:.{decimals}f}")
    return " to ".join(texts)


def count(n: int, word: str) -> str:
    """Return a number of things.

    Examples
    --------
    >>> count(1, "cell"), count(3, "cell")
    ('1 cell', '3 cells')
    """
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def print_unit(unit: str | None) -> str:
    """Return a unit as it is set in print, nothing for a share.

    Examples
    --------
    >>> print_unit("uAh/cm2/um"), print_unit("C"), print_unit("1"), print_unit("Torr")
    ('µAh cm⁻² µm⁻¹', '°C', '', 'Torr')
    """
    return _PRINTED.get(unit or "", unit or "")


def print_units(text: str) -> str:
    """Return a sentence with the units in it as they are set in print.

    Examples
    --------
    >>> print_units("capacity 57.9 uAh/cm2/um achieved, 28 uAh/cm2")
    'capacity 57.9 µAh cm⁻² µm⁻¹ achieved, 28 µAh cm⁻²'
    """
    # Longer ones first, since they begin with shorter ones.
    for unit in sorted((u for u in _PRINTED if "/" in u), key=len, reverse=True):
        text = text.replace(f" {unit}", f" {_PRINTED[unit]}")
    return text


def spell(name: str) -> str:
    """Return a column's name as words, without the unit at its end.

    Examples
    --------
    >>> spell("anneal_temperature_c"), spell("bias_v"), spell("areal_capacity"), spell("speed")
    ('anneal temperature', 'bias', 'areal capacity', 'speed')
    """
    if name in _WORDS:
        return _WORDS[name]
    for end in _UNIT_ENDS:
        if name.endswith(end) and len(name) > len(end):
            name = name.removesuffix(end)
            break
    return name.replace("_", " ")
