"""Bring back what MLflow has lost, from `decisions/` and the files in DVC's cache.

The facts are gone through in order, so that later ones win, from the first that lacks something. A
version whose weights are nowhere comes back without them: number, notes and aliases are right, and
whoever uses it is told. Models are stored with today's code, which reads older weights by their
card.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from pfafn.registry import aliases, record, reevaluate, versions
from pfafn.registry.decisions import DECISION, EVALUATION, RETRAINING, Decisions, Fact
from pfafn.registry.mirror import MODELS, Before, Mirrored, mirror, parent_runs
from pfafn.registry.record import Retraining, md5_of
from pfafn.registry.store import Store, local_path
from pfafn.registry.versions import Ref

ORIGIN = ("prefect.flow_run_id", "dvc.experiment")
HELP = "`dvc fetch --all-commits` gets what a remote has; then `pfafn registry sync`"


def keep(kept: Decisions, retraining: Retraining, made: Mirrored) -> None:
    """Write down how a retraining was registered, once."""
    if kept.has(RETRAINING, retraining.key):
        return
    newest = made.student or made.tutor
    tags = newest.tags if newest else {}
    content = {
        "origin": {name: tags[name] for name in ORIGIN if name in tags},
        "versions": {v.name: versions.ref(v)._asdict() for v in made.versions()},
        "registered": {v.name: versions.registered_at(v) for v in made.versions()},
        "ended": {stage.name: stage.ended for stage in retraining.stages.values()},
        "stages": {stage.name: stage.entry for stage in retraining.stages.values()},
    }
    kept.add(RETRAINING, retraining.key, content)


def catch_up(store: Store, kept: Decisions) -> list[str]:
    """Make MLflow have every fact that is kept; returns what could not be brought back, and why."""
    facts, problems = kept.read()
    problems += _Replay(store).go_through(facts)
    done = aliases.enacted(store)
    decided = [fact for fact in facts if fact.kind == DECISION and fact.name > done]
    if decided:
        problems += aliases.enact(store, decided)
    return list(dict.fromkeys(problems))  # retrainings share what they have not trained anew


class Cache:
    """What can still be had of files that dvc.lock recorded once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def folder(self) -> Path:
        """DVC's cache as it is configured; its default place if DVC cannot tell."""
        command = [sys.executable, "-m", "dvc", "cache", "dir"]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True)
        default = self.root / ".dvc" / "cache"
        return (self.root / done.stdout.strip()) if done.returncode == 0 else default

    def find(self, path: str, md5: str) -> Path | None:
        """A file with this content: out of the cache, or at its old place; None if there is none.

        path: relative to the root, where it was.
        """
        places = (self.folder / "files" / "md5" / md5[:2] / md5[2:], self.root / path)
        return next((p for p in places if p.is_file() and md5_of(p) == md5), None)

    @contextmanager
    def workspace(self, files: Mapping[str, str], stages: list[str]) -> Iterator[Path]:
        """A folder with those of the files (path -> md5) that can be had.

        It has artifacts/STAGE for every stage, and is gone afterwards.
        """
        work = self.root / ".work"
        work.mkdir(exist_ok=True)
        with TemporaryDirectory(prefix="rebuild-", dir=work) as name:
            folder = Path(name)
            for stage in stages:
                (folder / "artifacts" / stage).mkdir(parents=True)
            for path, md5 in files.items():
                if found := self.find(path, md5):
                    _link(found, folder / path)
            yield folder


class _Replay:
    """One going through the facts."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.cache = Cache(store.root)
        self.parents = parent_runs(store)
        self.there = {
            (name, version.tags.get(versions.SHA)): versions.files_there(store, version)
            for name in MODELS
            for version in store.client.search_model_versions(f"name='{name}'")
        }

    def go_through(self, facts: list[Fact]) -> Iterator[str]:
        """Bring back what is missing; yields what to say of what could not be."""
        redo = False
        for fact in facts:
            if fact.kind == RETRAINING:
                before = _before(fact)
                retraining = _retraining(fact, self.store.root)
                lost = self._lost(retraining, before)
                found = {path for path, md5 in lost.items() if self.cache.find(path, md5)}
                yield from _missing(lost.keys() - found, fact, before)
                redo = redo or bool(found) or self._is_new(retraining, before)
                if redo:
                    yield from self._mirror(fact, _wanted(retraining, before), before)
            elif fact.kind == EVALUATION and (redo or not reevaluate.is_there(self.store, fact)):
                yield from reevaluate.bring_back(self.store, fact)

    def _is_new(self, retraining: Retraining, before: Before) -> bool:
        known = all((name, ref.sha256) in self.there for name, ref in before.versions.items())
        return retraining.key not in self.parents or not known

    def _lost(self, retraining: Retraining, before: Before) -> dict[str, str]:
        """Path -> md5 of the files that MLflow should have and has not."""
        weights = _weights(before)
        gone = {path for path, ref in weights.items() if not self.there.get(ref)}
        parent = self.parents.get(retraining.key)
        if parent:
            place = local_path(parent.info.artifact_uri)  # .../RUN/artifacts
            of_runs = {name: parent.data.tags.get(f"run.{name}") for name in retraining.stages}
            stages = {
                name
                for name, run in of_runs.items()
                if place and run and not (place.parents[1] / run / place.name).exists()
            }
        else:
            stages = set(retraining.stages)
        files = _wanted(retraining, before)
        of_stage = {path: Path(path).parts[1] for path in files}
        return {
            path: md5
            for path, md5 in files.items()
            if path in gone or (path not in weights and of_stage[path] in stages)
        }

    def _mirror(self, fact: Fact, files: Mapping[str, str], before: Before) -> Iterator[str]:
        with self.cache.workspace(files, list(fact.content["stages"])) as folder:
            there = _retraining(fact, folder)
            made = mirror(self.store, there, fact.content["origin"], before)
        for version in made.versions():
            number = before.versions[version.name].version
            if str(version.version) != number:
                yield f"{version.name} version {number} came back as version {version.version}"


def _before(fact: Fact) -> Before:
    refs = {name: Ref(**ref) for name, ref in fact.content["versions"].items()}
    return Before(fact.at, refs, fact.content["registered"])


def _retraining(fact: Fact, root: Path) -> Retraining:
    return record.of(fact.content["stages"], root, fact.content["ended"])


def _weights(before: Before) -> dict[str, tuple[str, str]]:
    """Path of a model's weights -> its name and SHA-256."""
    return {
        f"artifacts/{MODELS[name]}/{versions.WEIGHTS}": (name, ref.sha256)
        for name, ref in before.versions.items()
    }


def _wanted(retraining: Retraining, before: Before) -> dict[str, str]:
    """Path -> md5 of what MLflow keeps of a retraining: small files and the models' weights."""
    weights = _weights(before)
    return {
        path: md5
        for stage in retraining.stages.values()
        for path, md5 in stage.outs.items()
        if path in weights or record.is_mirrored(Path(path))
    }


def _missing(paths: set[str], fact: Fact, before: Before) -> Iterator[str]:
    """What to say of files that are neither in MLflow, nor in DVC's cache, nor in the project."""
    weights = _weights(before)
    for path in sorted(paths & weights.keys()):
        name, _ = weights[path]
        yield (
            f"{name} version {before.versions[name].version} has no weights: those of "
            f"{fact.at:%Y-%m-%d %H:%M} are neither in DVC's cache nor at {path}; {HELP}"
        )
    if small := sorted(paths - weights.keys()):
        yield (
            f"the runs of {fact.at:%Y-%m-%d %H:%M} lack {len(small)} files that are not in DVC's "
            f"cache, such as {small[0]}; {HELP}"
        )


def _link(source: Path, target: Path) -> None:
    """The same file once more, without its bytes where the file system can do that."""
    try:
        target.hardlink_to(source)  # MLflow follows no symbolic link out of a folder
    except OSError:
        shutil.copyfile(source, target)
