"""Stage prepare: read, validate, deduplicate, split and pair the photos of a data folder.

reads   data/ (any layout of pfafn.data.layouts)
writes  artifacts/prepare/: manifest.parquet, garments.parquet, persons/, garments/, truth.parquet
        and truth/ (empty where nobody knows it), report.json, metrics.json, provenance.json
"""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from pfafn.data.check import DEDUPLICATION, Garment, Person, Review, review
from pfafn.data.files import number_of_files
from pfafn.data.findings import Reason
from pfafn.data.layouts import SPLITS, detect
from pfafn.data.manifest import tables
from pfafn.data.truth import pairs_of_test, write_truth
from pfafn.kit.errors import UserError
from pfafn.kit.files import write_json
from pfafn.params.file import Params
from pfafn.params.photos import Prepare
from pfafn.photos.entrance import GarmentPhoto, PersonPhoto, stored
from pfafn.photos.fitting import PNG_SHARE
from pfafn.photos.images import encode_png
from pfafn.samples.shards import ShardWriter
from pfafn.stages.entry import main
from pfafn.stages.output import StageOutput, stage_output
from pfafn.stages.workplace import need
from pfafn.workers.pool import expect, ordered_map

PARAMS = ("seed", "image", "prepare", "annotate.source")
PERSONS = pa.schema([("image", pa.binary())])
GARMENTS = pa.schema([("image", pa.binary()), ("mask", pa.binary())])
REASONS_SHOWN = 5

Size = tuple[int, int]


class RejectedError(UserError, ValueError):
    """Too much of the data is damaged or cannot be true; the message says how much and why."""


def run(params: Params, data: Path, out: Path) -> dict[str, float]:
    """Fill `out` from the data folder; return the metrics.

    The result depends on data and params alone, not on the number of processes. Raises
    MissingInput without data, LayoutError for an unknown layout, RejectedError if more than
    params.prepare.max_rejected of the persons are damaged, or if most annotations of one kind
    cannot be true; then nothing is written.
    """
    detect(data)  # says so at once if there is nothing to read
    expect(number_of_files(data))
    params = params.only(*PARAMS)
    with stage_output(out, [data], params) as output:
        estimates = params.annotate.estimates
        reviewed = review(data, params.prepare, params.seed, output.work, annotated=not estimates)
        _refuse_implausible(reviewed)
        _refuse_damaged(reviewed, params.prepare)
        output.samples = reviewed.examined
        _write(output, reviewed, params)
        metrics = _metrics(reviewed)
        write_json(output / "report.json", _report(reviewed, metrics))
        write_json(output / "metrics.json", metrics)
    return metrics


def _refuse_implausible(reviewed: Review) -> None:
    """Stop if most of the annotations of one kind cannot be true."""
    bad = [f for f in reviewed.findings if f.rejects and f.reason is Reason.SYSTEMATIC]
    if bad:
        root = reviewed.catalogue.root
        raise RejectedError(
            "\n".join(f"{root / finding.file}: {finding.value}" for finding in bad)
            + "\nIf they are right all the same, set prepare.implausible to note in params.yaml"
        )


def _refuse_damaged(reviewed: Review, rules: Prepare) -> None:
    """Stop if too many persons have something wrong with their files, or none is left."""
    enough = reviewed.damaged_fraction <= rules.max_rejected
    if enough and any(reviewed.persons.values()):
        return
    bad = [f for f in reviewed.findings if f.rejects and f.reason not in DEDUPLICATION]
    counts = Counter(f.reason for f in bad).most_common(REASONS_SHOWN)
    raise RejectedError(
        f"{reviewed.catalogue.root}: {reviewed.damaged_fraction:.1%} of {reviewed.examined} "
        f"persons are rejected, prepare.max_rejected allows {rules.max_rejected:.1%}. Reasons: "
        + (", ".join(f"{reason} {count}" for reason, count in counts) or "no persons at all")
        + (f"; for example {bad[0].file} ({bad[0].reason}: {bad[0].value})" if bad else "")
        + f". List all with `python -m pfafn check {reviewed.catalogue.root}`"
    )


def _write(output: StageOutput, reviewed: Review, params: Params) -> None:
    """Write the tables and the shards."""
    size, data = params.image.size, reviewed.catalogue.root
    persons = [person for split in SPLITS for person in reviewed.persons[split]]
    listed = [garment for split in SPLITS for garment in reviewed.offered(split)]
    manifest, table = tables(reviewed, params.prepare, params.seed)
    manifest.to_parquet(output / "manifest.parquet", index=False)
    table.to_parquet(output / "garments.parquet", index=False)
    pixels = size[0] * size[1]
    need(output.folder, (3 * len(persons) + 4 * len(listed)) * pixels * PNG_SHARE, "the pictures")
    work = partial(photo_row, size=size)
    known = {"reads": [data], "name": lambda one: one.files.image}
    with (
        ShardWriter(output.work / "persons", PERSONS, resume=True) as pictures,
        ShardWriter(output.work / "garments", GARMENTS, resume=True) as masked,
    ):
        p, g = pictures.rows, masked.rows
        items = [*persons[:p], *listed[:g], *persons[p:], *listed[g:]]  # those first that are done
        for row in ordered_map(work, items, "write photos", p + g, **known):
            (masked if "mask" in row else pictures).append(row)
    output.take("persons", "garments")
    sizes = [garment.report.size for garment in listed]
    write_truth(output.folder, data / "truth", pairs_of_test(manifest, table), sizes, size)


def photo_row(one: Person | Garment, size: Size) -> dict[str, bytes]:
    """The shard row of a photo, by what it shows."""
    return person_row(one, size) if isinstance(one, Person) else garment_row(one, size)


def person_row(person: Person, size: Size) -> dict[str, bytes]:
    """The shard row of a person's picture, fitted to size = (height, width)."""
    return {"image": stored(PersonPhoto.read(person.files.image).fitted(size))}


def garment_row(garment: Garment, size: Size) -> dict[str, bytes]:
    """The shard row of a garment: its picture and its mask {0, 255}, fitted to size."""
    photo = GarmentPhoto.read(garment.files.image, garment.files.mask).fitted(size)
    return {"image": stored(photo), "mask": encode_png(photo.mask)}


def _metrics(reviewed: Review) -> dict[str, float]:
    """Flat numbers of the run."""
    reasons = Counter(finding.reason for finding in reviewed.findings)
    offered = {split: reviewed.offered(split) for split in SPLITS}
    everything = [garment for garments in offered.values() for garment in garments]
    unworn = sum(p.files.garment is None for p in reviewed.persons["test"])
    return {
        "persons_train": len(reviewed.persons["train"]),
        "persons_test": len(reviewed.persons["test"]),
        "persons_without_garment": unworn,
        "garments": len(everything),
        "garments_train": len(offered["train"]),
        "garments_test": len(offered["test"]),
        "masks_estimated": sum(g.report.mask_source != "file" for g in everything),
        "beyond_limit": reviewed.beyond_limit,
        "rejected": reviewed.rejected,
        "rejected_fraction": round(reviewed.rejected / max(1, reviewed.examined), 6),
        "damaged_fraction": round(reviewed.damaged_fraction, 6),
        "duplicates": reasons[Reason.DUPLICATE],
        "leaks": reasons[Reason.LEAK] + reasons[Reason.NEAR_LEAK],
        "garment_leaks": reasons[Reason.GARMENT_LEAK],
    }


def _report(reviewed: Review, metrics: dict[str, float]) -> dict[str, Any]:
    """report.json: counts by reason, every finding, and the leaks between train and test."""
    reasons = Counter(finding.reason.value for finding in reviewed.findings)
    leaks = (Reason.LEAK, Reason.NEAR_LEAK, Reason.GARMENT_LEAK)
    return {
        "layout": reviewed.catalogue.layout.name,
        "counts": metrics,
        "reasons": dict(reasons),
        "rejects": [f.as_json() for f in reviewed.findings if f.rejects],
        "notes": [f.as_json() for f in reviewed.findings if not f.rejects],
        "leaks": [
            {"train": f.file, "test": f.value, "kind": f.reason.value}
            for f in reviewed.findings
            if f.reason in leaks
        ],
    }


if __name__ == "__main__":
    main(lambda params, artifacts: run(params, Path("data"), artifacts / "prepare"))
