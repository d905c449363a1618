"""Files that pvdopt wrote and that something damaged since: read, or refused in one clear sentence.

As in test_hostile.py, PVDOPT_INPUTS says how many inputs each test tries, and `make fuzz` lets coverage guide them.
"""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from campaigns import make_lco, propose
from odd_input import contents, guidable, plain_json, refused_at_most, tried, written
from pvdopt.backtest.pools import read_pool
from pvdopt.backtest.running import RUNS_FOLDER, SETTINGS_FILE, Store
from pvdopt.campaign import Campaign
from pvdopt.campaign.exchange import CONFIG_FILE, FACTS_FILE
from pvdopt.campaign.folder import LEDGER_FILE
from pvdopt.lab_tables.column_mapping import MAPPINGS_FILE, find_mapping
from pvdopt.ledger import Ledger
from pvdopt.ledger.copies import back_up, check_copy, restore
from pvdopt.model_store import ModelStore
from pvdopt.objectives import Objective

#: Places, and what is written over what stands there.
damage = st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6)), min_size=1, max_size=5)


def hit(content: bytes, hits: list[tuple[float, bytes]], left: float = 1.0) -> bytes:
    """Return what was written, written over at some places and cut off somewhere."""
    data = bytearray(content)
    for share, new in hits:
        place = int(share * (len(data) - 1))
        data[place : place + len(new)] = new
    return bytes(data[: int(left * len(data))])


#: What lets a campaign propose within some hundredths of a second: no model is fitted.
QUICK = {'surrogate = "gaussian_process"': 'surrogate = "climatology"', 'sampler = "surrogate"': 'sampler = "random"'}


@functools.cache
def exported() -> tuple[bytes, bytes, bytes]:
    """Return a campaign's file, its facts as exported, and its ledger."""
    with tempfile.TemporaryDirectory() as folder, make_lco(Path(folder, "lco"), **QUICK) as campaign:
        first, second = propose(campaign), propose(campaign, thickness_um=2.0)
        campaign.record({"id": first, "capacity": 52.0, "retention": 0.9, "cycles": 100, "run": "R1"}, confirm=True)
        campaign.fail(second, "cracked", "after deposition", "lifted off")
        out = Path(folder, "out")
        campaign.export(out)
        copy = Path(folder, "copy.db")
        back_up(Path(folder, "lco", LEDGER_FILE), copy)
        return (out / CONFIG_FILE).read_bytes(), (out / FACTS_FILE).read_bytes(), copy.read_bytes()


def begin_again(config: bytes, facts: bytes) -> None:
    """Begin a campaign from an export, and read it as every command would."""
    with written(FACTS_FILE, facts) as path, refused_at_most():
        (path.parent / CONFIG_FILE).write_bytes(config)
        with Campaign.from_export(path.parent, path.parent / "again") as campaign:
            assert campaign.ledger is not None
            assert not campaign.ledger.check()
            campaign.status()
            campaign.history()
            campaign.export(path.parent / "out")
            campaign.suggest(1, dry_run=True)


@tried
@given(damage, st.floats(0.5, 1), st.booleans())
def test_exports(hits: list[tuple[float, bytes]], left: float, in_the_facts: bool) -> None:
    config, facts, _ = exported()
    if in_the_facts:
        begin_again(config, hit(facts, hits, left))
    else:
        begin_again(hit(config, hits, left), facts)


def like(value: Any) -> st.SearchStrategy[Any]:
    """Return values of the same kind, which a look at the kind alone lets through."""
    if isinstance(value, bool) or value is None:
        return plain_json
    if isinstance(value, int | float):
        return st.floats() | st.integers() | st.sampled_from([0, -1, 1e308, 10**400])
    return st.sampled_from(["", "P002", "ok", "cracked", "R9", "capacity", "\x1b[31m", "\ud800", "<b>"]) | st.text()


@st.composite
def altered_facts(draw: st.DrawFn) -> Any:
    """Facts of which something is something else, left out or there twice."""
    facts = json.loads(exported()[1])
    for _ in range(draw(st.integers(1, 3))):
        node: Any = draw(st.sampled_from(facts))
        if draw(st.integers(0, 4)):
            node = node["payload"] if isinstance(node, dict) and "payload" in node else facts
        while node and isinstance(node, dict | list):
            at = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
            if not isinstance(node[at], dict | list) or not node[at] or draw(st.integers(0, 3)) == 0:
                deed = draw(st.sampled_from(["like", "like", "like", "other", "gone", "added"]))
                if deed == "gone":
                    del node[at]
                elif deed == "added" and isinstance(node, dict):
                    node[draw(st.text(max_size=5) | st.sampled_from(["series", "runs", "lab", "advice", "hours"]))] = (
                        draw(plain_json)
                    )
                else:
                    node[at] = draw(
                        like(node[at]) if deed == "like" and not isinstance(node[at], dict | list) else plain_json
                    )
                break
            node = node[at]
    for number, fact in enumerate(facts, start=1):
        # Without this most would be refused for a gap, and nothing else of them be read.
        if isinstance(fact, dict) and draw(st.integers(0, 9)):
            fact["seq"] = number
    return facts


@tried
@given(altered_facts())
def test_facts_nobody_recorded(facts: Any) -> None:
    begin_again(exported()[0], json.dumps(facts).encode())


@tried
@given(damage, st.floats(0.2, 1))
def test_ledgers(hits: list[tuple[float, bytes]], left: float) -> None:
    with written("copy.db", hit(exported()[2], hits, left)) as path:
        with refused_at_most(), Ledger.open(path) as ledger:
            ledger.state()
        with refused_at_most(), Ledger.open(path) as ledger:
            ledger.check()
        with refused_at_most():
            restore(path, path.with_name("ledger.db"))
            assert check_copy(path.with_name("ledger.db"))


kept_mappings = plain_json.map(lambda v: json.dumps(v).encode()) | st.builds(
    lambda columns, more: json.dumps([{"columns": columns, **more}]).encode(),
    st.dictionaries(st.sampled_from(["id", "capacity"]), st.lists(st.text(max_size=3) | plain_json, max_size=3)),
    st.dictionaries(st.sampled_from(["words", "constants", "ignored"]), plain_json),
)


@tried
@given(kept_mappings | st.binary(max_size=60), contents)
def test_kept_mappings_of_columns(mappings: bytes, table: bytes) -> None:
    with written(MAPPINGS_FILE, mappings) as path, refused_at_most():
        (path.parent / "x.csv").write_bytes(table)
        found = find_mapping(path.parent, path.parent / "x.csv")
        if found is not None:
            mapping, raw = found
            mapping.apply(raw, {})


@tried
@given(contents)
def test_tables_of_measured_recipes(table: bytes) -> None:
    with written("pool.csv", table) as path, refused_at_most():
        read_pool(path, [Objective("capacity", maximize=True)])


SETTINGS = {"pool": "x", "budget": 9}
RUNS = b"seed,made,refused,seconds_per_ask,progress\n0,3,0,0.1000,0.5 0.7 1\n1,3,1,0.2000,0.5 0.5 0.5\n"


@tried
@given(damage, st.binary(max_size=40) | plain_json.map(lambda v: json.dumps(v).encode()), st.booleans())
def test_folders_of_runs(hits: list[tuple[float, bytes]], settings: bytes, is_of_another: bool) -> None:
    with written(SETTINGS_FILE, settings if is_of_another else json.dumps(SETTINGS).encode()) as path:
        (path.parent / RUNS_FOLDER).mkdir()
        (path.parent / RUNS_FOLDER / "gp.csv").write_bytes(hit(RUNS, hits))
        with refused_at_most():
            Store(path.parent, SETTINGS).read()


@tried
@given(damage, st.floats(0, 1), st.booleans())
def test_kept_models(hits: list[tuple[float, bytes]], left: float, has_this_key: bool) -> None:
    """No byte of a model that this machine did not write is run: it is the same model, or none."""
    with tempfile.TemporaryDirectory() as folder:
        store = ModelStore(Path(folder, "models"), Path(folder, "home"))
        assert store.save("f", {"a": 1.5})
        path = store.path("f")
        whole = path.read_bytes()
        path.write_bytes(hit(whole, hits, left))
        expected = {"a": 1.5} if path.read_bytes() == whole and has_this_key else None
        home = "home" if has_this_key else "elsewhere"
        assert ModelStore(Path(folder, "models"), Path(folder, home)).load("f") == expected


def test_coverage_can_guide_each_of_these_tests() -> None:
    assert len(guidable(globals())) == 7
