"""Words become settings and folders, or a sentence that says what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from pvdopt.cli.arguments import find_folder, split_words, take_folder
from pvdopt.errors import UsageError


def make_campaigns(*names: str) -> None:
    for name in names:
        folder = Path("studies") / name
        folder.mkdir(parents=True)
        (folder / "campaign.toml").touch()


@pytest.mark.parametrize(
    ("words", "plain", "values"),
    [
        (["P001"], ["P001"], {}),
        (["P001", "a=1", "b = 2 um"], ["P001"], {"a": "1", "b": "2 um"}),
        (["retention=>=0.9"], [], {"retention": ">=0.9"}),
        (["capacity="], [], {"capacity": ""}),
    ],
)
def test_words_are_told_apart(words: list[str], plain: list[str], values: dict[str, str]) -> None:
    assert split_words(words) == (plain, values)


@pytest.mark.parametrize("words", [["=5"], ["a=1", "a=2"], [" =5"]])
def test_nameless_and_repeated_values_are_refused(words: list[str]) -> None:
    with pytest.raises(UsageError):
        split_words(words)


def test_a_folder_may_be_left_out_where_it_can_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no campaign here"):
        find_folder(None)
    make_campaigns("lco")
    assert find_folder(None) == Path("studies/lco")
    make_campaigns("nmc")
    with pytest.raises(UsageError, match=r"studies/lco, studies/nmc"):
        find_folder(None)
    monkeypatch.chdir(tmp_path / "studies" / "nmc")
    assert find_folder(None) == Path()


def test_a_campaign_may_be_called_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_campaigns("lco")
    assert find_folder("lco") == Path("studies/lco")
    assert find_folder("studies/lco") == Path("studies/lco")
    (tmp_path / "lco").mkdir()
    assert find_folder("lco") == Path("lco")


def test_the_folder_stands_before_the_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_campaigns("lco")
    assert take_folder(["P001"], 1, "") == (Path("studies/lco"), ["P001"])
    assert take_folder(["elsewhere/x", "P001"], 1, "") == (Path("elsewhere/x"), ["P001"])
    for words in ([], ["a", "b", "c"]):
        with pytest.raises(UsageError, match=r"\[FOLDER\] ID"):
            take_folder(words, 1, "[FOLDER] ID")
