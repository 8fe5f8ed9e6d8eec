"""The evaluation as a page and as Markdown, with known answers."""

import json
import re
from pathlib import Path

import pytest
from verbs import done, refused

from pfafn.chronicle.standing import Outcome, decision
from pfafn.evaluation.report import html, markdown

STUDENT = {"psnr": 12.345, "ssim": 0.5}
WON = Outcome(student="2", tutor="1", champion="2", reason="it is better")


@pytest.fixture
def evaluation(tmp_path: Path) -> Path:
    folder = tmp_path / "artifacts/evaluate"
    folder.mkdir(parents=True)
    metrics = {
        "unpaired": {"student": STUDENT, "person": {"ssim": 0.25}},
        "paired": {},
        "counts": {"unpaired": {"pairs": 3, "student": 2}, "paired": {"pairs": 2}},
    }
    protocol = {"name": "pfafn-test", "version": 1, "persons": 3, "image": [64, 96],
                "pairs": "a" * 64, "pictures": "b" * 64}  # fmt: skip
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "protocol.json").write_text(json.dumps(protocol))
    for name in ("grid.png", "report.html"):
        (folder / name).touch()
    return folder


def test_the_scores_are_a_table_with_a_row_per_model(evaluation):
    lines = markdown(evaluation, "").splitlines()
    first = lines.index("### Unpaired, 3 pairs") + 2
    assert lines[first : first + 6] == [
        "| Model | SSIM ↑ | PSNR ↑ (dB) |",
        "| --- | ---: | ---: |",
        "| Tutor (parser-based) | – | – |",
        "| Student (parser-free) | 0.500 | 12.35 |",
        "| Untouched person | 0.250 | – |",
        "| Garment on the torso box | – | – |",
    ]


def test_a_protocol_that_nobody_was_scored_under_has_no_table(evaluation):
    metrics = json.loads((evaluation / "metrics.json").read_text())
    del metrics["paired"], metrics["counts"]["paired"]
    (evaluation / "metrics.json").write_text(json.dumps(metrics))
    said = markdown(evaluation, "")
    assert "### Unpaired, 3 pairs" in said and "### Paired" not in said


def test_the_page_has_the_same_scores_and_how_many_pairs_they_are_of(evaluation):
    page = html(evaluation, {})
    assert "<th>SSIM ↑</th><th>PSNR ↑ (dB)</th>" in page
    assert "<td>Student (parser-free)</td>" in page and "<td>2</td></tr>" in page
    assert "<dt>Flow error</dt><dd>mean distance in pixels" in page


def test_who_is_best_stands_out_in_each_column_and_nobody_else(evaluation):
    metrics = json.loads((evaluation / "metrics.json").read_text())
    metrics["unpaired"] |= {"tutor": {"ssim": 0.5, "epe": 3.0}, "torso_box": {"epe": 2.0}}
    (evaluation / "metrics.json").write_text(json.dumps(metrics))
    best = re.findall('class="best">([^<]*)<', html(evaluation, {}))
    assert best == ["0.500", "0.500", "12.35", "2.00"]


def test_at_its_head_stand_the_models_the_commit_the_date_and_the_decision(evaluation):
    models = {f"artifacts/{of}_tryon/model.safetensors": of[0] * 64 for of in ("tutor", "student")}
    told = {"inputs": models | {"artifacts/prepare/persons": "p"}, "commit": "c0ffee+dirty",
            "ended": "2026-11-27T02:00:00+00:00"}  # fmt: skip
    (evaluation / "provenance.json").write_text(json.dumps(told))
    page = evaluation / "page.html"
    done("report", evaluation.parent, "--html", page)
    assert re.findall("<dt>(.*)</dt><dd>(.*)</dd>", page.read_text())[:5] == [
        ("Student", f"artifacts/student_tryon/model.safetensors, SHA-256 {'s' * 12}"),
        ("Tutor", f"artifacts/tutor_tryon/model.safetensors, SHA-256 {'t' * 12}"),
        ("Commit", "c0ffee+dirty"),
        ("Evaluated", "2026-11-27T02:00:00+00:00"),
        ("Decision", decision(None)),
    ]


def test_what_the_page_shows_is_text_whatever_stands_in_it(evaluation):
    protocol = json.loads((evaluation / "protocol.json").read_text())
    (evaluation / "protocol.json").write_text(json.dumps(protocol | {"name": "<b>mine</b>"}))
    assert "Protocol &lt;b&gt;mine&lt;/b&gt; version 1" in html(evaluation, {})


def test_it_says_on_what_was_evaluated(evaluation):
    said = markdown(evaluation, "")
    assert "3 test persons at 64×96, protocol pfafn-test version 1" in said
    assert f"pair list `{'a' * 12}`" in said


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (WON, "pfafn-student version 2 is champion: it is better"),
        (WON._replace(champion="1", reason="it is worse"),
         "pfafn-student version 2 is not the champion: it is worse"),
        (WON._replace(student=""), "there is no student yet"),
        (None, "not known; `pfafn registry sync` makes the registry agree with these files"),
    ],
)  # fmt: skip
def test_the_decision_comes_with_its_reason(evaluation, outcome, said):
    assert decision(outcome) == said
    assert f"**Decision:** {said}\n" in markdown(evaluation, said)


def test_only_pictures_that_are_there_are_shown(evaluation):
    said = markdown(evaluation, "")
    assert said.count("![") == 1
    assert f"![Try-ons, unpaired]({(evaluation / 'grid.png').as_posix()})" in said
    assert f"\n[The whole report]({(evaluation / 'report.html').as_posix()})" in said


def test_uploaded_pictures_are_one_link(evaluation):
    said = markdown(evaluation, "", link="https://ci.example/7")
    assert said.endswith("\n[grid.png, report.html](https://ci.example/7)\n")
    assert "![" not in said


def test_the_verb_prints_it(evaluation):
    said = markdown(evaluation, decision(None))
    assert done("report", evaluation.parent).stdout == f"{said}\n\nMade with unknown.\n"


def test_it_says_with_which_params_all_was_made(evaluation):
    root = evaluation.parents[1]
    (root / "params.yaml").write_text("{seed: 7}")
    stage = {"cmd": "evaluate", "params": {"params.yaml": {"seed": 8}}}
    (root / "dvc.lock").write_text(json.dumps({"stages": {"evaluate": stage}}) + "\n")
    assert done("report", evaluation.parent).stdout.endswith("Made with params.yaml, but seed=8.\n")


def test_without_an_evaluation_the_stage_to_run_is_named(tmp_path):
    assert "dvc repro evaluate" in refused("report", tmp_path)
