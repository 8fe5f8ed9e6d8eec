"""Stage evaluate: tutor, student and two baselines on the test split, with numbers and pictures.

reads   artifacts/prepare (with truth/ where there is one), artifacts/annotate,
        artifacts/tutor_tryon, artifacts/student_tryon; the curves of the training stages
writes  artifacts/evaluate/ (metrics.json, samples.parquet, protocol.json, grid.png, curves.png,
        report.html, provenance.json)
"""

from pathlib import Path
from typing import Any

import pandas as pd

from pfafn.evaluation.compare import Evaluated, evaluate, summary
from pfafn.evaluation.figures import Gallery, curve_files, draw_curves
from pfafn.evaluation.report import html, models_of
from pfafn.evaluation.testset import TestSet
from pfafn.fast.deploy import deploy
from pfafn.kit import machine
from pfafn.kit.files import write_json, write_text
from pfafn.params.file import Params
from pfafn.stages import reads
from pfafn.stages.entry import main
from pfafn.stages.output import stage_output
from pfafn.weights import model_file

PARAMS = ("evaluate",)
TRUTH = ("truth.parquet", "truth")
LATER = {"Decision": "comes after; `pfafn report --html FILE` writes this page with it"}
MODELS = {"tutor": "tutor_tryon", "student": "student_tryon"}


def run(params: Params, artifacts: Path) -> dict[str, Any]:
    """Evaluate, write everything below artifacts/evaluate, return the metrics.

    Raises MissingInput naming the stage that has not run, NothingToEvaluate without test persons.
    """
    prepare, annotate = artifacts / "prepare", artifacts / "annotate"
    params = params.only(*PARAMS)
    models = {role: reads.model(artifacts, stage) for role, stage in MODELS.items()}
    known = [prepare / name for name in TRUTH if (prepare / name).exists()]
    curves = curve_files(artifacts)
    read = [*reads.annotated(artifacts), *known, *models.values(), *curves.values()]
    with stage_output(artifacts / "evaluate", read, params, machine.rounding()) as output:
        test = TestSet(prepare, annotate)
        device = machine.device()
        precision = machine.precision(device)
        networks = {
            role: deploy(model_file.load(path, role=role)[0], device, precision)
            for role, path in models.items()
        }
        gallery = Gallery(params.evaluate.grid_rows)
        rows: list[dict[str, Any]] = []
        for evaluated in evaluate(
            networks["tutor"], networks["student"], test, params.evaluate.batch
        ):
            rows += evaluated.rows
            if evaluated.protocol == "unpaired":
                show(gallery, evaluated, test)
        samples = pd.DataFrame(rows)
        metrics = summary(samples)
        samples.to_parquet(output / "samples.parquet", index=False)
        write_json(output / "metrics.json", metrics)
        write_json(output / "protocol.json", test.protocol())
        (output / "grid.png").write_bytes(gallery.png())
        if curves:
            draw_curves(curves, output / "curves.png")
        write_text(output / "report.html", html(output.folder, models_of(output.inputs) | LATER))
        output.samples = len(test.samples)
    return metrics


def show(gallery: Gallery, evaluated: Evaluated, test: TestSet) -> None:
    """Add a batch of unpaired try-ons to the grid."""
    pairs = [test.pair(item, "unpaired") for item in evaluated.batch.item.tolist()]
    names = [f"{test.persons[pair.item]} in {test.garments[pair.garment]}" for pair in pairs]
    gallery.add(evaluated, [test.known(pair).image for pair in pairs], names)


if __name__ == "__main__":
    main(run)
