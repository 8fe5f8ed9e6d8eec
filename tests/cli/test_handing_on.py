"""What a verb hands on of what is typed, and how it tells what came of it."""

import json
from pathlib import Path

import pytest
from verbs import done, noted, run

from pfafn import registry
from pfafn.adoption.adopt import Adopted
from pfafn.data.findings import Finding, Reason
from pfafn.kit import threads

Patch = pytest.MonkeyPatch


def test_a_set_is_drawn_as_typed(monkeypatch: Patch, tmp_path: Path) -> None:
    calls = noted(monkeypatch, "pfafn.studio.dataset.synthesise")
    words = "--train 3 --test 2 --height 64 --width 96 --seed 5 --parsing-noise 0.25 --workers 2"
    said = done("synth", tmp_path / "out", *words.split()).stdout
    [((out,), options)] = calls
    del options["progress"]
    assert out == tmp_path / "out"
    assert options == {
        "train": 3, "test": 2, "size": (64, 96), "seed": 5, "parsing_noise": 0.25, "workers": 2,
    }  # fmt: skip
    assert said == f"{out}: 3 people to train on, 2 to test\n"


def test_a_set_is_clean_and_drawn_by_one_process_unless_told_otherwise(monkeypatch: Patch) -> None:
    calls = noted(monkeypatch, "pfafn.studio.dataset.synthesise")
    done("synth")
    [((out,), options)] = calls
    del options["progress"]
    assert out == Path("data")
    assert options == {
        "train": 600, "test": 40, "size": (128, 96), "seed": 7, "parsing_noise": 0.0, "workers": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    "words", ["--train -1", "--test -1", "--seed -1", "--parsing-noise 1.5", "--workers 0"]
)
def test_what_no_set_can_have_is_refused(monkeypatch: Patch, words: str) -> None:
    monkeypatch.setattr("pfafn.studio.dataset.synthesise", pytest.fail)
    assert run("synth", *words.split()).exit_code == 2


def test_what_was_adopted_is_counted_by_split(monkeypatch: Patch, tmp_path: Path) -> None:
    taken = Adopted(
        "viton", 12, {"notes": 3}, 99, {}, {"train": 4, "test": 2}, {"train": 5, "test": 1}
    )
    calls = noted(monkeypatch, "pfafn.adoption.adopt.adopt", taken)
    said = done("adopt", "auto", tmp_path / "a", tmp_path / "b", "--out", "new").stdout
    assert calls[0][0][:3] == ("auto", [tmp_path / "a", tmp_path / "b"], Path("new"))
    assert said.splitlines() == [
        "new: train: 4 persons, 5 garments",
        "new: test: 2 persons, 1 garments",
        "12 files of layout viton; 3 others left out: notes (3)",
    ]


def test_of_what_was_left_out_twenty_folders_are_named_and_all_files_counted(
    monkeypatch: Patch, tmp_path: Path
) -> None:
    ignored = {f"f{number:02d}": 2 for number in range(23)}
    none = {"train": 0, "test": 0}
    noted(
        monkeypatch, "pfafn.adoption.adopt.adopt", Adopted("viton", 1, ignored, 9, {}, none, none)
    )
    said = done("adopt", "auto", tmp_path / "a").stdout.splitlines()[-1]
    assert said.startswith("1 files of layout viton; 46 others left out: f00 (2), ")
    assert said.endswith("f19 (2), and 3 more folders")


def test_findings_say_file_reason_and_value_and_are_counted(monkeypatch: Patch) -> None:
    found = [
        Finding("a.jpg", Reason.DUPLICATE, "b.jpg", "train", "a"),
        Finding("c.jpg", Reason.MASK_EMPTY, 0, "train", "c"),
        Finding("notes.txt", Reason.STRAY_FILE, None, "train", None, rejects=False),
    ]
    noted(monkeypatch, "pfafn.data.check.check", found)
    told = run("check", "photos")
    assert told.exit_code == 1
    assert told.stdout.splitlines() == [
        f"rejected: a.jpg: {Reason.DUPLICATE} (b.jpg)",
        f"rejected: c.jpg: {Reason.MASK_EMPTY} (0)",
        f"note: notes.txt: {Reason.STRAY_FILE}",
    ]
    assert told.stderr == "photos: 2 findings to reject, 1 notes\n"
    lines = [json.loads(line) for line in run("check", "photos", "--json").stdout.splitlines()]
    assert lines == [finding.as_json() for finding in found]


def test_official_checkpoints_are_of_the_papers_size_unless_told_otherwise(
    monkeypatch: Patch,
) -> None:
    calls = noted(monkeypatch, "pfafn.weights.official_files.import_files", {"role": "tutor"})
    words = ["import-official", "--warp", "w", "--gen", "g", "--out", "m"]
    assert done(*words).stdout == "m: tutor, for 256x192 pictures\n"
    done(*words, "--height", 64, "--width", 96)
    sizes = [given[3] for given, _ in calls]
    assert calls[0][0][:3] == (Path("w"), Path("g"), Path("m"))
    assert sizes == [(256, 192), (64, 96)]


def test_whoever_names_no_model_tries_on_with_the_champion(
    monkeypatch: Patch, tmp_path: Path
) -> None:
    for name in ("p.jpg", "g.jpg"):
        (tmp_path / name).touch()
    calls = noted(monkeypatch, "pfafn.inference.TryOn.load")
    noted(monkeypatch, "pfafn.inference.folders.dress_all", {})
    words = ["tryon", "--person", tmp_path / "p.jpg", "--garment", tmp_path / "g.jpg"]
    assert done(*words, "--out", "w.png").stdout == "1 of 1 written to w.png\n"
    done(*words, "--out", "w.png", "--model", "m.safetensors")
    assert [given for given, _ in calls] == [(registry.CHAMPION,), ("m.safetensors",)]


@pytest.mark.parametrize(("garments", "looked"), [(9, False), (10, True)])
def test_before_many_pictures_it_is_looked_who_else_computes(
    garments: int, looked: bool, monkeypatch: Patch, tmp_path: Path
) -> None:
    (tmp_path / "p.jpg").touch()
    for number in range(garments):
        (tmp_path / "all" / f"{number}.jpg").parent.mkdir(exist_ok=True)
        (tmp_path / "all" / f"{number}.jpg").touch()
    noted(monkeypatch, "pfafn.inference.TryOn.load")
    noted(monkeypatch, "pfafn.inference.folders.dress_all", {})
    asked: list[bool] = []
    monkeypatch.setattr(threads, "settle", lambda begun: asked.append(threads._choosing))
    done("tryon", "--person", tmp_path / "p.jpg", "--garment", tmp_path / "all", "--out", "o")
    assert asked == [True] * looked


def test_a_report_tells_what_was_decided_in_the_project_of_its_artifacts(
    monkeypatch: Patch, tmp_path: Path
) -> None:
    calls = noted(monkeypatch, "pfafn.chronicle.standing.standing")
    told = noted(monkeypatch, "pfafn.evaluation.report.markdown", "all of it")
    said = done("report", tmp_path / "mine/artifacts", "--link", "url").stdout
    assert said == "all of it\n\nMade with unknown.\n"
    assert calls == [((tmp_path / "mine",), {})]
    [((folder, _, link), _)] = told
    assert (folder, link) == (tmp_path / "mine/artifacts/evaluate", "url")


def test_the_port_of_each_page_is_its_own(monkeypatch: Patch) -> None:
    calls = noted(monkeypatch, "flows.ui.run")
    done("ui", "--prefect-port", 4201, "--mlflow-port", 5001)
    done("ui")
    assert [given[1:] for given, _ in calls] == [(4201, 5001), (None, None)]
