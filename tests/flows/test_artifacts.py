"""What a retraining shows in the Prefect UI, with known answers."""

import base64
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from flows import artifacts
from pfafn import registry
from pfafn.registry import Outcome
from pfafn.registry.store import PAGES, RegistryError

SECOND = Outcome(student="2", tutor="2", champion="1", reason="it is worse")


def version(number: int, aliases: list[str], psnr: float, protocol: str = "a") -> dict[str, Any]:
    return {
        "name": "pfafn-student",
        "version": number,
        "uri": f"models:/pfafn-student/{number}",
        "aliases": aliases,
        "scores": {"unpaired.psnr": psnr, "unpaired.ssim": 0.5},
        "lineage": {"evaluation.protocol": protocol},
        "sources": {"run": "r7", "experiment": "3"},
    }


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The rows of the table artifact that is made."""
    made: list[dict[str, Any]] = []
    monkeypatch.setattr(artifacts, "create_table_artifact", lambda rows, **_: made.extend(rows))
    return made


def test_the_stages_are_a_table_of_outcomes_and_seconds(table: list[dict[str, Any]]) -> None:
    artifacts.show_stages([("fakes", "ran", 1.5), ("evaluate", "from cache", 0.5)], ["fakes"])
    assert table == [
        {"stage": "fakes", "outcome": "ran", "seconds": 1.5},
        {"stage": "evaluate", "outcome": "from cache", "seconds": 0.5},
    ]


def test_a_stage_that_failed_and_those_it_kept_back_are_in_the_table(
    table: list[dict[str, Any]],
) -> None:
    artifacts.show_stages([("fakes", "ran", 1.5)], ["fakes", "student_warp", "evaluate"])
    assert [row["outcome"] for row in table] == ["ran", "failed or stopped", "not run"]


def test_a_challenger_is_compared_with_the_champion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "describe", lambda uri: uri)
    assert artifacts.rival(SECOND) == "models:/pfafn-student/1"


@pytest.mark.parametrize("champion", [None, "2"])
def test_who_has_no_champion_beside_it_is_compared_with_the_one_before(
    monkeypatch: pytest.MonkeyPatch, champion: str | None
) -> None:
    monkeypatch.setattr(registry, "describe", lambda uri: uri)
    rival = artifacts.rival(SECOND._replace(champion=champion))
    assert rival == "models:/pfafn-student@previous"


def test_only_scores_that_both_have_are_compared() -> None:
    new, old = version(2, [], 12.0), version(1, ["champion", "previous"], 12.5)
    del old["scores"]["unpaired.ssim"]
    old["scores"]["unpaired.other"] = 1.0
    said = artifacts.against(new, old)
    assert "(champion, previous)" in said
    assert [line.split(" | ")[0] for line in said.splitlines()[4:]] == ["| unpaired.psnr"]


@pytest.mark.parametrize("outcome", [None, SECOND._replace(student=None)])
def test_a_result_that_the_registry_does_not_know_has_no_rival(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, outcome: Outcome | None
) -> None:
    monkeypatch.setattr(registry, "describe", pytest.fail)
    monkeypatch.setattr(artifacts, "evaluation", lambda folder, said: f"scores in {folder.name}")
    assert artifacts.result(tmp_path / "evaluate", outcome) == "scores in evaluate"


def test_the_first_champion_has_no_rival(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(uri: str) -> None:
        raise RegistryError(f"the registry has no {uri}")

    monkeypatch.setattr(registry, "describe", nothing)
    assert artifacts.rival(SECOND._replace(champion="2")) is None
    assert "no other champion" in artifacts.against(version(2, ["champion"], 12.0), None)


def test_the_comparison_has_new_old_and_difference() -> None:
    said = artifacts.against(version(2, [], 12.0), version(1, ["champion"], 12.5))
    assert said.splitlines()[0] == "### Against version 1 (champion)"
    assert "| unpaired.psnr | 12.00 | 12.50 | -0.50 |" in said
    assert "different pictures" not in said


def test_scores_on_different_pictures_are_said_to_be_no_fair_comparison() -> None:
    said = artifacts.against(version(2, [], 12.0), version(1, ["champion"], 12.5, protocol="b"))
    assert "different pictures" in said


def test_mlflow_is_linked_where_it_is_known_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PAGES, raising=False)
    assert artifacts.links(version(2, [], 1.0)) == "MLflow: `models:/pfafn-student/2`, run `r7`."
    monkeypatch.setenv(PAGES, "http://localhost:5000/")
    linked = artifacts.links(version(2, [], 1.0))
    assert "(http://localhost:5000/#/models/pfafn-student/versions/2?workflowType=" in linked
    assert "(http://localhost:5000/#/experiments/3/runs/r7?workflowType=" in linked


def test_links_to_mlflow_have_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PAGES, "https://me:s3cr3t@models.example")
    linked = artifacts.links(version(2, [], 1.0))
    assert "(https://models.example/#/experiments/3/runs/r7?workflowType=" in linked
    assert "s3cr3t" not in linked


@pytest.mark.parametrize(("width", "shown"), [(600, 600), (2400, 1200)])
def test_the_grid_is_a_jpeg_inside_its_url_and_not_too_wide(
    tmp_path: Path, width: int, shown: int
) -> None:
    cv2.imwrite(str(tmp_path / "grid.png"), np.full((40, width, 3), 90, np.uint8))
    head, data = artifacts.data_url(tmp_path / "grid.png").split(",")
    image = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert head == "data:image/jpeg;base64"
    assert image.shape[1] == shown
    assert abs(int(image.mean()) - 90) <= 1


def test_a_project_without_an_evaluation_shows_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "create_markdown_artifact", pytest.fail)
    artifacts.show_result(tmp_path, tmp_path)


def test_the_result_says_the_decision_and_shows_the_grid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "artifacts/evaluate"
    folder.mkdir(parents=True)
    metrics = {"unpaired": {"student": {"psnr": 12.0}}, "counts": {"unpaired": {"pairs": 3}}}
    protocol = {"name": "p", "version": 1, "persons": 3, "image": [64, 96], "pairs": "a",
                "pictures": "b"}  # fmt: skip
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "protocol.json").write_text(json.dumps(protocol))
    cv2.imwrite(str(folder / "grid.png"), np.zeros((8, 8, 3), np.uint8))
    shown: dict[str, Any] = {}
    monkeypatch.setattr(artifacts, "standing", lambda *_: SECOND)
    monkeypatch.setattr(registry, "describe", lambda _: version(2, [], 12.0))
    for kind in ("markdown", "image"):
        monkeypatch.setattr(
            artifacts,
            f"create_{kind}_artifact",
            lambda content, key, description: shown.update({key: (content, description)}),
        )
    artifacts.show_result(tmp_path, tmp_path)
    assert shown["result"][1] == "pfafn-student version 2 is not the champion: it is worse"
    assert "| Student (parser-free) | 12.00 |" in shown["result"][0]
    assert shown["grid"][0].startswith("data:image/jpeg")
