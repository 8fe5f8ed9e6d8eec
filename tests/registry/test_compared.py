"""Two versions side by side, and all of them in order, without a store."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from pfafn.registry import look, mirror, versions

Patch = pytest.MonkeyPatch
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy)"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]


def scores(folder: Path, name: str, values: dict[str, float]) -> Path:
    """A table of the student's scores by person."""
    rows = [
        {"protocol": "unpaired", "person": p, "garment": "g", "model": "student", "psnr": value}
        for p, value in values.items()
    ]
    pd.DataFrame(rows).to_parquet(folder / name)
    return folder / name


def compared(
    patch: Patch,
    a: Path | None,
    b: Path | None,
    protocol: str = "same",
    metric: str = "unpaired.psnr",
    told: dict[str, Any] | None = None,
) -> Any:
    """What is said of version 3 beside version 7; told: the scores that both have in the list."""
    tables = {"a": a, "b": b}
    bare = dict.fromkeys(("uri", "aliases", "created", "scored"), "")
    bare |= {"scores": told or {}, "lineage": {}, "params": {}}
    runs = {
        name: SimpleNamespace(
            info=SimpleNamespace(run_id=name),
            data=SimpleNamespace(tags={mirror.SCORED_BY: on}, params={}),
        )
        for name, on in (("a", protocol), ("b", "same"))
    }
    pair = {
        number: SimpleNamespace(
            name="pfafn-student", version=number, run_id=run, tags={"evaluation.run": run}
        )
        for number, run in (("3", "a"), ("7", "b"))
    }
    patch.setattr(mirror, "samples", lambda store, run: tables[run.info.run_id])
    patch.setattr(versions, "find", lambda store, uri: pair[uri])
    patch.setattr(look, "summary", lambda store, version: bare)
    store: Any = SimpleNamespace(client=SimpleNamespace(get_run=runs.__getitem__))
    return look.compare(store, "3", "7", metric)


ALL = {"p1": 20.0, "p2": 22.0, "p3": 24.0}
BETTER = {name: value + 1 for name, value in ALL.items()}


def test_a_comparison_over_the_same_pairs_needs_no_word(tmp_path: Path, monkeypatch: Patch) -> None:
    a, b = scores(tmp_path, "a", BETTER), scores(tmp_path, "b", ALL)
    found = compared(monkeypatch, a, b)
    assert (found["metric"], found["note"]) == ("unpaired.psnr", "")
    assert (found["gain"]["mean"], found["gain"]["pairs"], found["gain"]["level"]) == (1, 3, 0.9)
    assert compared(monkeypatch, b, a)["gain"]["mean"] == -1


def test_pairs_that_one_of_them_lacks_are_told(tmp_path: Path, monkeypatch: Patch) -> None:
    some = {name: BETTER[name] for name in ("p1", "p3")}
    found = compared(monkeypatch, scores(tmp_path, "a", some), scores(tmp_path, "b", ALL))
    assert found["note"] == "only 2 pairs have a score from both, of 2 and 3"


def test_another_protocol_is_told(tmp_path: Path, monkeypatch: Patch) -> None:
    a, b = scores(tmp_path, "a", BETTER), scores(tmp_path, "b", ALL)
    assert "over the 3 pairs" in compared(monkeypatch, a, b, "other")["note"]


def test_what_cannot_be_compared_says_why(tmp_path: Path, monkeypatch: Patch) -> None:
    a, one, bare = scores(tmp_path, "a", ALL), scores(tmp_path, "1", {"p1": 2.0}), tmp_path / "bare"
    pd.read_parquet(a).drop(columns="psnr").to_parquet(bare)
    for pair, said in (
        ((a, None), "pfafn-student version 7 has no per-sample scores"),
        ((None, a), "pfafn-student version 3 has no per-sample scores"),
        ((a, one), "they have not two pairs in common"),
        ((bare, a), "register.metric must be auto"),
    ):
        found = compared(monkeypatch, *pair)
        assert found["gain"] is None
        assert found["note"].startswith(said)


def test_a_score_of_nothing_is_a_score(tmp_path: Path, monkeypatch: Patch) -> None:
    a = scores(tmp_path, "a", ALL)
    found = compared(monkeypatch, a, a, told={"unpaired.iou": 0.0})
    assert found["scores"] == {"unpaired.iou": {"a": 0.0, "b": 0.0, "difference": 0.0}}


def test_the_metric_that_the_first_one_is_ranked_by_is_that_of_both(
    tmp_path: Path, monkeypatch: Patch
) -> None:
    """The second one also knows what would come first."""
    paired = pd.read_parquet(scores(tmp_path, "x", ALL)).assign(protocol="paired")
    paired = paired.rename(columns={"psnr": "ssim"})
    more = pd.read_parquet(scores(tmp_path, "y", ALL)).rename(columns={"psnr": "psnr_clothes"})
    paired.to_parquet(tmp_path / "a")
    pd.concat([paired, more]).to_parquet(tmp_path / "b")
    found = compared(monkeypatch, tmp_path / "a", tmp_path / "b", metric="auto")
    assert (found["metric"], found["gain"]["mean"]) == ("paired.ssim", 0)


def test_the_newest_version_comes_first_also_behind_the_ninth(monkeypatch: Patch) -> None:
    def found(wanted: str) -> list[Any]:
        name = wanted.removeprefix("name='").removesuffix("'")
        return [SimpleNamespace(name=name, version=str(n), tags={}) for n in (2, 10, 9)]

    client = SimpleNamespace(
        search_model_versions=found, get_model_version=lambda name, version: f"{name}/{version}"
    )
    monkeypatch.setattr(look, "summary", lambda store, version: version)
    listed = look.list_all(SimpleNamespace(client=client), data="")  # type: ignore[arg-type]
    assert listed == [
        f"pfafn-{role}/{number}" for role in ("student", "tutor") for number in (10, 9, 2)
    ]


def test_params_are_those_of_the_retraining_that_made_a_version() -> None:
    runs = {
        "own": SimpleNamespace(
            data=SimpleNamespace(tags={mirror.PARENT: "all"}, params={"x": "1"})
        ),
        "all": SimpleNamespace(data=SimpleNamespace(tags={}, params={"seed": "7"})),
    }
    store: Any = SimpleNamespace(client=SimpleNamespace(get_run=runs.__getitem__))
    version: Any = SimpleNamespace(run_id="own")
    assert look._parent(store, version).data.params == {"seed": "7"}
