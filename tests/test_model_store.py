"""The cache of models: what this machine wrote comes back, and nothing else does."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from pvdopt.model_store import N_KEPT, ModelStore


class Bomb:
    """Tells whether it was unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


def make_store(tmp_path: Path, machine: str = "one") -> ModelStore:
    return ModelStore(tmp_path / "models", home=tmp_path / machine)


def test_a_model_comes_back_with_the_functions_it_is_made_of(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    shift = 3.0
    assert store.load("a") is None
    assert store.save("a", {"mean": lambda x: x + shift})
    found = make_store(tmp_path).load("a")
    assert isinstance(found, dict)
    assert found["mean"](1.0) == 4.0


@pytest.mark.parametrize("change", ["payload", "hash", "magic", "short", "empty", "name", "other machine"])
def test_a_file_that_this_machine_did_not_write_is_never_read(tmp_path: Path, change: str) -> None:
    mark = tmp_path / "exploded"
    writer = make_store(tmp_path, "another" if change == "other machine" else "one")
    make_store(tmp_path).save("key", "made so that there is a key")
    writer.save("a", Bomb(mark))
    path = writer.path("a")
    content = bytearray(path.read_bytes())
    if change == "payload":
        content[-3] ^= 1
    elif change == "hash":
        content[20] ^= 1
    elif change == "magic":
        content[0] ^= 1
    elif change == "short":
        content = content[:30]
    elif change == "empty":
        content = bytearray()
    path.write_bytes(content)
    store = make_store(tmp_path)
    if change == "name":
        path.rename(store.path("b"))
        assert store.load("b") is None
    else:
        assert store.load("a") is None
    assert not mark.exists()


def test_the_bomb_does_go_off_when_a_file_is_trusted(tmp_path: Path) -> None:
    mark = tmp_path / "exploded"
    store = make_store(tmp_path)
    store.save("a", Bomb(mark))
    store.load("a")
    assert mark.exists()


def test_what_another_version_wrote_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store(tmp_path)
    store.save("a", 1)

    def fail(_: bytes) -> object:
        raise AttributeError("no such class any more")

    monkeypatch.setattr(pickle, "loads", fail)
    assert store.load("a") is None


def test_only_the_newest_models_are_kept(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    for k in range(N_KEPT + 3):
        store.save(f"m{k}", k)
    assert len(list(store.folder.glob("*.model"))) == N_KEPT
    assert store.load(f"m{N_KEPT + 2}") == N_KEPT + 2


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("in the way")
    assert not make_store(tmp_path).save("a", 1)
    (tmp_path / "blocked").write_text("in the way")
    assert not ModelStore(tmp_path / "elsewhere", home=tmp_path / "blocked").save("a", 1)


def test_the_key_lies_outside_the_campaign_and_is_its_owners_alone(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    store.save("a", 1)
    key = tmp_path / "one" / "model_key"
    assert key.stat().st_size == 32
    assert key.read_bytes() not in store.path("a").read_bytes()
    assert key.stat().st_mode & 0o077 == 0 or key.drive
