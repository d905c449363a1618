"""What the tests of odd input share: how many inputs they try, folders of their own, and what may come of it."""

from __future__ import annotations

import contextlib
import inspect
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, is_hypothesis_test, settings
from hypothesis import strategies as st

from pvdopt.errors import PvdoptError

tried = settings(
    max_examples=int(os.environ.get("PVDOPT_INPUTS", "20")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@contextlib.contextmanager
def refused_at_most() -> Iterator[None]:
    """Let through what is taken, and what is refused with a sentence that fits on some screens."""
    try:
        yield
    except PvdoptError as error:
        text = str(error)
        assert text.strip()
        assert len(text) < 300_000


@contextlib.contextmanager
def written(name: str, content: bytes) -> Iterator[Path]:
    """Yield a file of this content in a folder of its own: `make fuzz` knows no fixtures, tmp_path neither."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        yield path


def guidable(module: Mapping[str, Any]) -> list[str]:
    """Return the property tests of a module, none of which asks for what HypoFuzz cannot give: it would try nothing."""
    tests = {name: value for name, value in module.items() if is_hypothesis_test(value)}
    for name, test in tests.items():
        assert not inspect.signature(test).parameters, f"{name} asks for a fixture"
    return list(tests)


HEADS = (
    "id capacity retention cycles bias_v thickness_um anneal_kind outcome_class run sample remark capacity_sd "
    "capacity_qualifier electrolyte cathode cycle charge =1+1 ;"
)
VALUES = (
    "P001 C001 P999 52.3 0,93 93% 1e308 1e999 -1e-400 NaN inf 0x10 1_000 ± >= ~50 ok cracked rf none ٣ ½ 2025-03-01 "
    "#DIV/0! =HYPERLINK(1) <script> 1/2/2025 C/2 1,234.5 1.234,5 -0 - ? n/a 0.31mAh/cm2 58.2±1.5 µAh·cm⁻² ٣٫٥"
)
heads = st.text(max_size=8) | st.sampled_from(
    [*HEADS.split(), "thickness_um [nm]", "capacity [mAh/cm2]", "", "\ufeffid", "Test Time / s", "Current / A", "id "]
)
values = st.text(max_size=12) | st.sampled_from(
    [*VALUES.split(), "", " ", "\u00a0", "a\nb", '"', "\x00", "\u2028", "9" * 400]
)
tables = st.builds(
    lambda head, rows, sign, end, bom, quote: (
        bom + end.join(sign.join(f'"{v}"' if quote else v for v in row) for row in [head, *rows])
    ),
    st.lists(heads, max_size=8),
    st.lists(st.lists(values, max_size=9), max_size=6),
    st.sampled_from([",", ";", "\t", "|", ", "]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["", "\ufeff", "sep=;\n", "sep=,\r\n", "# title\n", "|"]),
    st.booleans(),
)
encodings = st.sampled_from(["utf-8", "utf-16", "utf-16-be", "latin-1", "cp1252", "utf-32"])
#: A table in some encoding, or no table.
contents = st.builds(lambda text, name: text.encode(name, "replace"), tables, encodings) | st.binary(max_size=300)

plain_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(heads, inner, max_size=5),
    max_leaves=12,
)
