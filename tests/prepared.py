"""Running the prepare stage on a small photo set and reading what it wrote."""

import json
from pathlib import Path

import pandas as pd

from pfafn.params.file import Params
from pfafn.stages import prepare

PARAMS = Params.load(Path(__file__).parents[1] / "params.yaml")
SIZE = PARAMS.image.size


def run(data: Path, out: Path | None = None, **changes: object) -> Path:
    """Run the stage with `changes` to its section; the folder it wrote."""
    out = out or data.parent / "prepare"
    section = PARAMS.prepare.model_copy(update=changes)
    prepare.run(PARAMS.model_copy(update={"prepare": section}), data, out)
    return out


def manifest(out: Path) -> pd.DataFrame:
    return pd.read_parquet(out / "manifest.parquet")


def report(out: Path) -> dict:
    return json.loads((out / "report.json").read_text())


def reasons(out: Path) -> dict:
    return {r["file"]: r["reason"] for r in report(out)["rejects"]}


def copy(data: Path, source: str, target: str) -> None:
    (data / target).write_bytes((data / source).read_bytes())
