"""What the verbs of the registry hand on, and how they tell what came of it."""

import json
from typing import Any

import pytest
from verbs import done, noted, refused, run

from pfafn import registry
from pfafn.registry.aliases import Change
from pfafn.registry.stamp import Outcome
from pfafn.registry.store import RegistryError

Patch = pytest.MonkeyPatch
STUDENT = "models:/pfafn-student"
CHANGE = Change(champion="3", previous="2", reason="I like it")


def test_a_promotion_needs_no_evaluation_only_if_it_is_forced(monkeypatch: Patch) -> None:
    calls = noted(monkeypatch, "pfafn.registry.promote", CHANGE)
    said = done("registry", "promote", f"{STUDENT}/3", "--reason", "I like it").stdout
    done("registry", "promote", f"{STUDENT}/3", "--force")
    assert [given for given, _ in calls] == [
        (f"{STUDENT}/3", "I like it", False), (f"{STUDENT}/3", "", True),
    ]  # fmt: skip
    assert said == "champion is pfafn-student version 3 (it was version 2): I like it\n"


def test_a_rollback_and_its_reason(monkeypatch: Patch) -> None:
    calls = noted(monkeypatch, "pfafn.registry.rollback", CHANGE._replace(previous=""))
    said = done("registry", "rollback", "--reason", "it was worse").stdout
    assert calls == [(("it was worse",), {})]
    assert "(there was none)" in said
    assert json.loads(done("registry", "rollback", "--json").stdout)["champion"] == "3"


def test_what_a_sync_did_is_said_or_given_as_json(monkeypatch: Patch) -> None:
    outcome = Outcome("2", "1", "1", "it is worse", ["mlartifacts/1"], problems=["a is gone"])
    noted(monkeypatch, "pfafn.registry.sync", outcome)
    assert done("registry", "sync").stdout == f"{outcome}\n"
    assert json.loads(done("registry", "sync", "--json").stdout) == outcome._asdict()


VERSION = {
    "name": "pfafn-student", "version": 12, "uri": f"{STUDENT}/12", "aliases": ["champion"],
    "created": "2026-01-02", "scores": {"unpaired.psnr_clothes": 20.123456},
    "gate": {"reason": "first"}, "choice": {"by": "me"}, "sources": {"run": "r7"},
    "lineage": {"data.md5": "0123456789abcdef" * 2, "git.commit": "fedcba9876543210" * 3},
}  # fmt: skip


def test_versions_are_listed_with_aliases_scores_and_where_they_come_from(
    monkeypatch: Patch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    bare = VERSION | {"version": 11, "aliases": [], "scores": {}, "lineage": {}}
    calls = noted(monkeypatch, "pfafn.registry.listing", [VERSION, bare])
    said = done("registry", "list", "--data", "01", "--commit", "fe").stdout
    assert calls == [(("01", "fe"), {})]
    [line] = [line.split() for line in said.splitlines() if " 12 " in line]
    assert line == ["pfafn-student", "12", "champion", "20.12", "01234567", "fedcba98"]
    assert ["pfafn-student", "11"] in [line.split() for line in said.splitlines()]
    assert json.loads(done("registry", "list", "--json").stdout) == [VERSION, bare]


def test_a_version_is_shown_whole_but_for_long_hashes(monkeypatch: Patch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    calls = noted(monkeypatch, "pfafn.registry.describe", VERSION)
    said = done("registry", "show").stdout
    assert calls == [(("models:/pfafn-student@champion",), {})]
    assert "pfafn-student version 12 (champion)" in said
    lines = (line.replace("│", " ").split() for line in said.splitlines())
    rows = dict(words for words in lines if len(words) == 2)
    assert rows == {
        "created": "2026-01-02", "unpaired.psnr_clothes": "20.12", "reason": "first", "by": "me",
        "run": "r7",
        "data.md5": "0123456789abcdef" * 2, "git.commit": "fedcba987654",
    }  # fmt: skip


def compared(gain: dict[str, float] | None, note: str) -> dict[str, Any]:
    sides = {"a": VERSION, "b": VERSION | {"uri": f"{STUDENT}/11", "aliases": []}}
    scores = {
        "unpaired.ssim": {"a": 0.5, "b": None, "difference": None},
        "unpaired.psnr": {"a": 20.75, "b": 20.5, "difference": 0.25},
    }
    return sides | {
        "scores": scores, "metric": "unpaired.ssim", "gain": gain, "note": note, "differs": {},
    }  # fmt: skip


GAIN = {"level": 0.9, "low": -0.5, "high": 1.5, "mean": 0.5, "pairs": 12}
BETTER = "unpaired.ssim: better by +0.5 over 12 pairs, 90% between -0.5 and +1.5"


@pytest.mark.parametrize(
    ("gain", "note", "sentence"),
    [
        (GAIN, "", BETTER),
        (GAIN, "other data", f"{BETTER}; other data"),
        (None, "no scores", "unpaired.ssim cannot be compared pair by pair: no scores"),
    ],
)
def test_a_comparison_says_in_one_sentence_how_sure_it_is(
    monkeypatch: Patch, gain: dict[str, float] | None, note: str, sentence: str
) -> None:
    calls = noted(monkeypatch, "pfafn.registry.compare", compared(gain, note))
    lines = done("registry", "compare").stdout.splitlines()
    assert calls == [((registry.CHALLENGER, registry.CHAMPION), {})]
    assert sentence in lines
    rows = [line.split() for line in lines]
    assert ["unpaired.ssim", "0.5"] in rows and ["unpaired.psnr", "20.75", "20.5", "+0.25"] in rows
    assert "They were made from the same." in lines


def test_a_users_error_is_one_line_and_any_other_stays_what_it_is(monkeypatch: Patch) -> None:
    def fail(uri: str) -> None:
        raise {"u": RegistryError("no such version"), "k": KeyError(uri)}[uri]

    monkeypatch.setattr(registry, "describe", fail)
    assert refused("registry", "show", "u") == "error: no such version\n"
    assert isinstance(run("registry", "show", "k").exception, KeyError)
