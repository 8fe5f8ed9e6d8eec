"""What the verbs of the registry hand on, and how they tell what came of it."""

import json
from typing import Any

import pytest
from verbs import done, noted, refused, run

from pfafn import registry
from pfafn.chronicle.standing import Outcome
from pfafn.registry.aliases import Change
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
    outcome = Outcome("2", "1", "1", "it is worse", problems=["a is gone"])
    noted(monkeypatch, "pfafn.registry.sync", outcome)
    assert done("registry", "sync").stdout == f"{outcome}\n"
    assert json.loads(done("registry", "sync", "--json").stdout) == outcome._asdict()


VERSION = {
    "name": "pfafn-student", "version": 12, "uri": f"{STUDENT}/12", "aliases": ["champion"],
    "created": "2026-01-02T03:04:05+00:00", "scores": {"unpaired.psnr_clothes": 20.123456},
    "lost": False, "scored": {"at": "2026-01-02T04:00:00+00:00", "on": "0d15ea5e", "code": "c0de",
                              "persons": 40, "image": [128, 96], "pairs": "feedbeef"},
    "gate": {"outcome": "champion", "reason": "it won", "at": "2026-01-02T03:05:00+00:00"},
    "choice": {"by": "ana", "reason": "sleeves", "at": "2026-01-03T03:05:00+00:00"},
    "sources": {"run": "r7"},
    "lineage": {"data.md5": "0123456789abcdef" * 2, "git.commit": "fedcba9876543210" * 3,
                "profile": "smoke"},
}  # fmt: skip
ON = "40 persons, 128x96, pairs feedbe, by code c0de"


def test_versions_are_listed_with_date_aliases_scores_and_what_they_were_scored_on(
    monkeypatch: Patch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    bare = VERSION | {"version": 11, "aliases": [], "scores": {}, "lineage": {}, "scored": {}}
    lost = bare | {"version": 10, "lost": True}
    calls = noted(monkeypatch, "pfafn.registry.listing", [VERSION, bare, lost])
    said = done("registry", "list", "--data", "01", "--commit", "fe").stdout
    assert calls == [(("01", "fe"), {})]
    lines = [line.split() for line in said.splitlines()]
    assert ["student", "12", "2026-01-02", "champion", "20.12", "0d15", "smoke", "fedcba9"] in lines
    assert ["student", "11", "2026-01-02"] in lines
    assert ["student", "10", "2026-01-02", "lost"] in lines
    assert f"  0d15  {ON}" in said.splitlines()
    assert max(map(len, said.splitlines())) <= 80
    shown = json.loads(done("registry", "list", "--json").stdout)
    assert shown == [VERSION, bare, lost]


def test_a_version_is_shown_with_scores_first_and_what_was_decided(monkeypatch: Patch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    calls = noted(monkeypatch, "pfafn.registry.describe", VERSION)
    said = done("registry", "show", "challenger").stdout
    assert calls == [(("challenger",), {})]
    lines = [line.strip() for line in said.splitlines()]
    assert lines[:4] == [
        "pfafn-student version 12 (champion)", "registered 2026-01-02 03:04",
        "2026-01-02 03:05 the gate: champion: it won", "2026-01-03 03:05 ana: sleeves",
    ]  # fmt: skip
    rows = [tuple(line.split(maxsplit=1)) for line in lines[4:] if len(line.split()) > 1]
    assert rows == [
        ("unpaired.psnr_clothes", "20.12"), ("on", ON), ("made", "of"),
        ("data.md5", "0123456789ab"), ("git.commit", "fedcba987654"), ("profile", "smoke"),
        ("run", "r7"),
    ]  # fmt: skip


def test_of_a_lost_version_no_more_is_said(monkeypatch: Patch) -> None:
    noted(monkeypatch, "pfafn.registry.describe", VERSION | {"lost": True, "aliases": []})
    assert done("registry", "show", "12").stdout.splitlines() == [
        "pfafn-student version 12 (no alias)",
        "Lost: no file in decisions/ says how it was made.",
    ]


def compared(gain: dict[str, float] | None, note: str, **changes: Any) -> dict[str, Any]:
    sides = {"a": VERSION, "b": VERSION | {"uri": f"{STUDENT}/11", "aliases": []}}
    scores = {
        "unpaired.ssim": {"a": 0.5, "b": None, "difference": None},
        "unpaired.psnr": {"a": 20.5, "b": 20.75, "difference": -0.25},
        "unpaired.epe": {"a": 2.0, "b": 3.0, "difference": -1.0},
        "paired.ssim": {"a": 0.50001, "b": 0.5, "difference": 0.00001},
    }
    return sides | {
        "scores": scores, "metric": "unpaired.ssim", "gain": gain, "note": note, "differs": {},
    } | changes  # fmt: skip


GAIN = {"level": 0.9, "low": -0.5, "high": 1.5, "mean": 0.5, "pairs": 12}
EITHER = ("unpaired.ssim: better by 0.5 over 12 pairs, with 90% certainty anything from 0.5 worse "
          "to 1.5 better")  # fmt: skip
WORSE = "unpaired.ssim: worse by 2 over 12 pairs, with 90% certainty 1 to 3 worse"


@pytest.mark.parametrize(
    ("gain", "note", "sentence"),
    [
        (GAIN, "", EITHER),
        (GAIN | {"mean": -2, "low": -3, "high": -1}, "", WORSE),
        (GAIN, "other data", f"{EITHER}; other data"),
        (None, "no scores", "unpaired.ssim cannot be compared pair by pair: no scores"),
    ],
)
def test_a_comparison_says_in_one_sentence_how_sure_it_is(
    monkeypatch: Patch, gain: dict[str, float] | None, note: str, sentence: str
) -> None:
    calls = noted(monkeypatch, "pfafn.registry.compare", compared(gain, note))
    said = done("registry", "compare").stdout
    assert calls == [((registry.CHALLENGER, registry.CHAMPION), {})]
    assert sentence in " ".join(said.split())
    assert "They were made from the same." in said


def test_each_score_says_by_how_much_it_is_better_or_worse(monkeypatch: Patch) -> None:
    noted(monkeypatch, "pfafn.registry.compare", compared(GAIN, ""))
    rows = [line.split() for line in done("registry", "compare").stdout.splitlines()]
    for row in (
        ["unpaired.ssim", "0.500"], ["unpaired.psnr", "20.50", "20.75", "worse", "by", "0.25"],
        ["unpaired.epe", "2.00", "3.00", "better", "by", "1.00"],
        ["paired.ssim", "0.500", "0.500", "the", "same"],
    ):  # fmt: skip
        assert row in rows


def test_params_that_differ_stand_before_hashes_and_other_photos_are_told(
    monkeypatch: Patch,
) -> None:
    other = VERSION | {"scored": VERSION["scored"] | {"persons": 12}}
    differs = {
        "params.seed": {"a": "1", "b": "2"}, "data.md5": {"a": "0" * 32, "b": "1" * 32},
    }  # fmt: skip
    noted(monkeypatch, "pfafn.registry.compare", compared(GAIN, "", b=other, differs=differs))
    said = done("registry", "compare").stdout
    assert "scored on" in said and "not the same" in said
    rows = [line.split() for line in said.splitlines()]
    seed, data = rows.index(["seed", "1", "2"]), rows.index(["data.md5", "0" * 12, "1" * 12])
    assert seed < data


def test_a_users_error_is_one_line_and_any_other_stays_what_it_is(monkeypatch: Patch) -> None:
    def fail(uri: str) -> None:
        raise {"u": RegistryError("no such version"), "k": KeyError(uri)}[uri]

    monkeypatch.setattr(registry, "describe", fail)
    assert refused("registry", "show", "u") == "error: no such version\n"
    assert isinstance(run("registry", "show", "k").exception, KeyError)
