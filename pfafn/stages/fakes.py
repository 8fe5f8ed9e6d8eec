"""Stage fakes: the frozen tutor redresses every training person in other garments.

reads   artifacts/prepare, artifacts/annotate, artifacts/tutor_tryon
writes  artifacts/fakes/ (fakes.parquet, shards/, fakes.png, metrics.json, provenance.json)
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pfafn.kit import machine
from pfafn.kit.errors import UserError
from pfafn.kit.files import write_json
from pfafn.learning.fakes import make
from pfafn.params.file import Params
from pfafn.params.sections import Fakes
from pfafn.photos.images import PACKED_SHARE, encode_png, unpack
from pfafn.samples.shards import Shards, ShardWriter, Unfinished
from pfafn.stages import reads
from pfafn.stages.entry import main
from pfafn.stages.output import StageOutput, stage_output
from pfafn.stages.workplace import need

PARAMS = ("image", "fakes")
SHOWN = 8  # fakes in a row of the picture
SCHEMA = pa.schema([("image", pa.binary()), ("mask", pa.binary())])
SCORES = pa.schema(
    [("item", pa.int64()), ("k", pa.int64()), ("garment", pa.int64())]
    + [(name, pa.float64()) for name in ("finite", "area", "agreement")]
)


class NoUsableFake(UserError, RuntimeError):
    """Every fake was rejected; the message gives the scores and the limits."""


def run(params: Params, artifacts: Path) -> dict[str, Any]:
    """Make fakes.per_person fakes of each training person; return the metrics."""
    params = params.only(*PARAMS)
    read = [*reads.annotated(artifacts), reads.model(artifacts, "tutor_tryon")]
    with stage_output(artifacts / "fakes", read, params, machine.rounding()) as output:
        table = make_all(params, artifacts, read, output)
        table["accepted"] = accepted(table, params.fakes)
        metrics = summary(table, params.fakes)
        table.to_parquet(output / "fakes.parquet")
        (output / "fakes.png").write_bytes(
            picture(Shards(output / "shards"), table, params.image.size)
        )
        write_json(output / "metrics.json", metrics)
        output.samples = len(table)
    return metrics


def make_all(
    params: Params, artifacts: Path, read: list[Path], output: StageOutput
) -> pd.DataFrame:
    """Write the shards; the table of scores, row by row. Goes on after the last whole batch."""
    places = {output.work / "shards": SCHEMA, output.work / "scores": SCORES}
    whole = params.fakes.batch * params.fakes.per_person
    found = min(Unfinished(place, schema).rows for place, schema in places.items())
    start = found - found % whole
    room_for(params, artifacts, output, start)
    shards, scores = (
        ShardWriter(place, schema, resume=True, most=start) for place, schema in places.items()
    )
    with shards, scores:
        for fake in make(params, artifacts, read, output.work.name, start):
            shards.append(fake.pictures)
            scores.append(fake.scores)
    output.take("shards")
    return pd.DataFrame(list(Shards(output.work / "scores")))


def room_for(params: Params, artifacts: Path, output: StageOutput, start: int) -> None:
    """NoSpace unless there is room for all fakes but the first `start`."""
    split = pd.read_parquet(artifacts / "prepare" / "manifest.parquet", columns=["split"])["split"]
    left = int((split == "train").sum()) * params.fakes.per_person - start
    pixels = params.image.height * params.image.width
    need(output.work, left * 4 * pixels * PACKED_SHARE, "the fakes")


def accepted(table: pd.DataFrame, limits: Fakes) -> pd.Series:
    """bool per row: finite, and area and agreement at least the limits."""
    return (
        (table["finite"] == 1)
        & (table["area"] >= limits.min_area)
        & (table["agreement"] >= limits.min_agreement)
    )


def summary(table: pd.DataFrame, limits: Fakes) -> dict[str, Any]:
    """Counts and mean scores. Raises NoUsableFake if nothing was accepted."""
    good = table[table["accepted"]]
    if good.empty:
        raise NoUsableFake(
            f"all {len(table)} fakes were rejected (median area {table['area'].median():.3f}, "
            f"limit {limits.min_area}; median agreement {table['agreement'].median():.3f}, limit "
            f"{limits.min_agreement}): the tutor is not trained enough, or the limits too strict"
        )
    return {
        "fakes": len(table),
        "rejected": len(table) - len(good),
        "rejected_not_finite": int((table["finite"] != 1).sum()),
        "rejected_area": int((table["area"] < limits.min_area).sum()),
        "rejected_agreement": int((table["agreement"] < limits.min_agreement).sum()),
        "persons_without_fake": int(table["item"].nunique() - good["item"].nunique()),
        "area": float(good["area"].mean()),
        "agreement": float(good["agreement"].mean()),
    }


def picture(shards: Shards, table: pd.DataFrame, size: tuple[int, int]) -> bytes:
    """PNG of three rows of fakes: the worst, the middle and the best by agreement."""
    ranked = table["agreement"].sort_values().index.to_numpy()
    shown = min(SHOWN, len(ranked))
    starts = (0, (len(ranked) - shown) // 2, len(ranked) - shown)
    chosen = [ranked[start : start + shown] for start in starts]
    rows = [[unpack(shards[int(row)]["image"], (*size, 3)) for row in rows] for rows in chosen]
    return encode_png(np.vstack([np.hstack(row) for row in rows]))


if __name__ == "__main__":
    main(run)
