"""What one retraining left behind in files: dvc.lock and `artifacts/`. Knows nothing of MLflow.

`dvc.lock` says what was made from what; the artifacts say how it went. Both must agree, or nothing
is read: a registry entry whose lineage is not that of its bytes would be worse than none.
"""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from pfafn.kit.errors import UserError
from pfafn.kit.files import content_key

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, ten times as fast
REGISTER = "register"
MIRRORED = frozenset({".json", ".csv", ".png", ".html"})  # small files worth keeping with a run
SAMPLES = "samples.parquet"  # the per-sample scores, which a later gate needs of a past champion


class RecordError(UserError, RuntimeError):
    """dvc.lock and the artifacts are missing or disagree; the message says what to run."""


def flatten(content: Mapping[str, Any], separator: str) -> dict[str, Any]:
    """Nested mappings as one level: {"a": {"b": 1}} -> {"a.b": 1}."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            nested = flatten(value, separator)
            flat.update({f"{key}{separator}{inner}": v for inner, v in nested.items()})
        else:
            flat[key] = value
    return flat


def is_mirrored(path: str | Path) -> bool:
    """Whether a run keeps this file of a stage."""
    return Path(path).suffix in MIRRORED or Path(path).name == SAMPLES


@dataclass(frozen=True)
class Stage:
    """One stage: its dvc.lock entry and its folder `artifacts/NAME`."""

    name: str
    entry: Mapping[str, Any]
    root: Path
    recorded_end: int | None = None  # known where the files' own times are not

    @property
    def folder(self) -> Path:
        return self.root / "artifacts" / self.name

    @cached_property
    def key(self) -> str:
        """Equal for equal commands, inputs, params and outputs."""
        return content_key(self.entry)

    @property
    def deps(self) -> dict[str, str]:
        """Path -> md5 of what the stage read."""
        return {item["path"]: item["md5"] for item in self.entry.get("deps", [])}

    @property
    def outs(self) -> dict[str, str]:
        """Path -> md5 of what the stage wrote (folders end in ".dir")."""
        return {item["path"]: item["md5"] for item in self.entry.get("outs", [])}

    @property
    def params(self) -> dict[str, Any]:
        """The params it ran with, flat: {"tutor_warp.lr": 0.0005, ...}."""
        return flatten(self.entry.get("params", {}).get("params.yaml", {}), ".")

    @property
    def metrics(self) -> dict[str, float]:
        """The numbers of metrics.json, flat: {"unpaired/student/ssim": 0.9, ...}."""
        flat = flatten(self._json("metrics.json"), "/")
        return {
            name: float(value) for name, value in flat.items() if isinstance(value, int | float)
        }

    @property
    def provenance(self) -> dict[str, Any]:
        return self._json("provenance.json")

    @property
    def protocol(self) -> dict[str, Any]:
        """protocol.json of `evaluate`: what it scored, and how."""
        return flatten(self._json("protocol.json"), ".")

    @property
    def code(self) -> str:
        """Version of the code that made it."""
        return str(self.provenance.get("code") or "")

    @cached_property
    def scored_by(self) -> str:
        """Equal for evaluations whose scores compare: on the same data, by the same code."""
        return content_key([self.protocol, self.code])

    @property
    def started(self) -> int:
        """When it started, in milliseconds since 1970."""
        return self.ended - int(1000 * self.provenance.get("seconds", 0))

    @property
    def files(self) -> list[Path]:
        """The small files a run keeps."""
        files = sorted(path for path in self.folder.iterdir() if path.is_file())
        return [path for path in files if is_mirrored(path)]

    @property
    def ended(self) -> int:
        """When it ended, in milliseconds since 1970: when its last file was written."""
        if self.recorded_end is not None:
            return self.recorded_end
        return int(1000 * max(path.stat().st_mtime for path in self.folder.iterdir()))

    def curve(self) -> Iterator[tuple[str, int, float]]:
        """(name, step, value) of each number in curve.csv; `step` and `epoch` are no curves."""
        path = self.folder / "curve.csv"
        for row in csv.DictReader(path.read_text().splitlines() if path.is_file() else ()):
            for name, value in row.items():
                if value and name not in ("step", "epoch"):
                    yield f"curve/{name}", int(float(row["step"])), float(value)

    def check(self) -> None:
        """Raise RecordError unless each file it wrote is the one dvc.lock recorded."""
        for path, md5 in self.outs.items():
            file = self.root / path
            if not file.exists():
                raise RecordError(
                    f"{path} is missing: `dvc checkout` brings it from DVC's cache, `dvc pull` "
                    "from a remote, and `dvc repro` makes it"
                )
            if file.is_file() and md5_of(file) != md5:
                raise RecordError(f"{path} is not what dvc.lock recorded: run `dvc repro`")

    def _json(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        return json.loads(path.read_text()) if path.is_file() else {}


@dataclass(frozen=True)
class Retraining:
    """All stages of one dvc.lock, in its order, without `register` itself."""

    stages: Mapping[str, Stage]

    @cached_property
    def key(self) -> str:
        return content_key({name: stage.key for name, stage in self.stages.items()})

    @property
    def params(self) -> dict[str, Any]:
        return {k: v for stage in self.stages.values() for k, v in stage.params.items()}

    def lineage(self, of: Stage | None = None) -> dict[str, str]:
        """Tags that say what a stage was made from; of the whole retraining without one."""
        known: dict[str, str] = {}  # what the last of them knows
        for stage in [of] if of else self.stages.values():
            known |= {name: value for name, value in stage.provenance.items() if value}
        prepare = self.stages.get("prepare")
        tags = {
            # Of the raw photos as `prepare` saw them; equals data.dvc's after `dvc repro`.
            "data.md5": prepare.deps.get("data", "") if prepare else "",
            "git.commit": known.get("commit", ""),
            "prefect.flow_run_id": known.get("flow_run", ""),
        }
        return {name: value for name, value in tags.items() if value}

    def check(self) -> None:
        """Raise RecordError unless every stage read what the others wrote, and it is on disk."""
        made = {path: md5 for stage in self.stages.values() for path, md5 in stage.outs.items()}
        for stage in self.stages.values():
            for path, md5 in stage.deps.items():
                if made.get(path, md5) != md5:
                    raise RecordError(
                        f"{stage.name} was made from another {path} than there is now: "
                        "run `dvc repro`"
                    )
            stage.check()


def read(root: Path) -> Retraining:
    """Read root/dvc.lock.

    Raises RecordError if there is none, nothing in it yet, or only half of it.
    """
    path = root / "dvc.lock"
    if not path.is_file():
        raise RecordError(f"no {path}: run `dvc repro` first")
    try:
        entries = (yaml.load(path.read_text(), LOADER) or {}).get("stages", {})
        found = of({name: entry for name, entry in entries.items() if name != REGISTER}, root)
        for stage in found.stages.values():
            _ = stage.deps, stage.outs, stage.params
    except (yaml.YAMLError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise RecordError(
            f"{path} is not whole, as after a kill of DVC or in an unfinished merge: run "
            "`python -m flows.lockfile`, which puts the last whole one back"
        ) from error
    if not found.stages:
        raise RecordError(f"{path} records no finished stage: run `dvc repro` first")
    return found


def params_of(root: Path) -> dict[str, Any]:
    """All params that root/dvc.lock records, flat; none if there is no such file, or half of it."""
    try:
        return read(root).params
    except RecordError:
        return {}


def of(
    entries: Mapping[str, Any], root: Path, ended: Mapping[str, int] | None = None
) -> Retraining:
    """The retraining of these dvc.lock entries; ended: when each stage did, if files cannot say."""
    ends = ended or {}
    return Retraining({name: Stage(name, e, root, ends.get(name)) for name, e in entries.items()})


def md5_of(path: Path) -> str:
    """MD5 of a file, as DVC knows it by."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()
