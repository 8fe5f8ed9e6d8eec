"""Bring back what MLflow has lost, from `decisions/` and the files in DVC's cache.

The facts are gone through in order, so that later ones win, from the first that lacks something. A
version whose weights are nowhere comes back without them: number, notes and aliases are right, and
whoever uses it is told. Models are stored with today's code, which reads older weights by their
card.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow.entities import Run

from pfafn.registry import aliases, record, reevaluate, versions
from pfafn.registry.decisions import DECISION, EVALUATION, RETRAINING, Fact
from pfafn.registry.mirror import MODELS, Before, Mirrored, mirror, parent_runs
from pfafn.registry.record import Retraining, md5_of
from pfafn.registry.store import Store, local_path
from pfafn.registry.versions import Ref

ORIGIN = ("prefect.flow_run_id", "dvc.experiment")
HELP = "`dvc fetch --all-commits` gets what a remote has; then `pfafn registry sync`"


def keep(store: Store, retraining: Retraining, made: Mirrored) -> None:
    """Write down how a retraining was registered, once."""
    if store.decisions.has(RETRAINING, retraining.key):
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
    store.decisions.add(RETRAINING, retraining.key, content)


def catch_up(store: Store) -> list[str]:
    """Make MLflow have every fact that is kept; returns what could not be brought back, and why."""
    facts, problems = store.decisions.read()
    problems += _Replay(store).go_through(facts)
    done = aliases.enacted(store)
    decided = [fact for fact in facts if fact.kind == DECISION and fact.name > done]
    if decided:
        problems += aliases.enact(store, decided)
    return list(dict.fromkeys(problems))  # retrainings share what they have not trained anew


class _Past:
    """A retraining as it was registered once, and what MLflow should have of it."""

    def __init__(self, fact: Fact) -> None:
        self.content = fact.content
        self.at = f"{fact.at:%Y-%m-%d %H:%M}"
        refs = {name: Ref(**ref) for name, ref in self.content["versions"].items()}
        self.before = Before(fact.at, refs, self.content["registered"])
        self.retraining = self.below(Path())
        self.weights = {
            f"artifacts/{MODELS[name]}/{versions.WEIGHTS}": (name, ref.sha256)
            for name, ref in refs.items()
        }
        self.files = {  # path -> md5 of the small files and the models' weights
            path: md5
            for stage in self.retraining.stages.values()
            for path, md5 in stage.outs.items()
            if path in self.weights or record.is_mirrored(Path(path))
        }

    def below(self, root: Path) -> Retraining:
        return record.of(self.content["stages"], root, self.content["ended"])

    def missing(self, paths: set[str]) -> Iterator[str]:
        """What to say of files that are neither in MLflow, nor in DVC's cache, nor in place."""
        for path in sorted(paths & self.weights.keys()):
            name, _ = self.weights[path]
            yield (
                f"{name} version {self.before.versions[name].version} has no weights: those of "
                f"{self.at} are neither in DVC's cache nor at {path}; {HELP}"
            )
        if small := sorted(paths - self.weights.keys()):
            yield (
                f"the runs of {self.at} lack {len(small)} files that are not in DVC's cache, such "
                f"as {small[0]}; {HELP}"
            )


class _Replay:
    """One going through the facts."""

    def __init__(self, store: Store) -> None:
        self.store = store
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
                past = _Past(fact)
                lost = self._lost(past)
                found = {path for path in lost if self._find(path, past.files[path])}
                yield from past.missing(lost - found)
                redo = redo or bool(found) or self._is_new(past)
                if redo:
                    yield from self._mirror(past)
            elif fact.kind == EVALUATION and (redo or not reevaluate.is_there(self.store, fact)):
                yield from reevaluate.bring_back(self.store, fact)

    def _is_new(self, past: _Past) -> bool:
        known = self.there.keys() >= {*past.weights.values()}
        return past.retraining.key not in self.parents or not known

    def _lost(self, past: _Past) -> set[str]:
        """The files that MLflow should have and has not."""
        lost = {path for path, model in past.weights.items() if not self.there.get(model)}
        parent = self.parents.get(past.retraining.key)
        for stage in past.retraining.stages.values():
            if not (parent and _has_files(parent, stage.name)):
                lost |= stage.outs.keys() - past.weights.keys()
        return lost & past.files.keys()

    @cached_property
    def _cache(self) -> Path:
        """DVC's cache as it is configured; its default place if DVC cannot tell."""
        command = [sys.executable, "-m", "dvc", "cache", "dir"]
        done = subprocess.run(command, cwd=self.store.root, capture_output=True, text=True)
        return self.store.root / (".dvc/cache" if done.returncode else done.stdout.strip())

    def _find(self, path: str, md5: str) -> Path | None:
        """A file with this content: out of the cache, or at its old place; None if there is none.

        path: relative to the root, where it was.
        """
        places = (self._cache / "files" / "md5" / md5[:2] / md5[2:], self.store.root / path)
        return next((p for p in places if p.is_file() and md5_of(p) == md5), None)

    def _mirror(self, past: _Past) -> Iterator[str]:
        work = self.store.root / ".work"
        work.mkdir(exist_ok=True)
        with TemporaryDirectory(prefix="rebuild-", dir=work) as name:
            folder = Path(name)
            for stage in past.retraining.stages:
                (folder / "artifacts" / stage).mkdir(parents=True)
            for path, md5 in past.files.items():
                if found := self._find(path, md5):
                    _link(found, folder / path)
            made = mirror(self.store, past.below(folder), past.content["origin"], past.before)
        for version in made.versions():
            number = past.before.versions[version.name].version
            if str(version.version) != number:
                yield f"{version.name} version {number} came back as version {version.version}"


def _has_files(parent: Run, stage: str) -> bool:
    """Whether the run of a stage has its artifacts, as far as this machine can tell."""
    place = local_path(parent.info.artifact_uri)  # .../RUN/artifacts
    run = parent.data.tags.get(f"run.{stage}")
    return not (place and run) or (place.parents[1] / run / place.name).exists()


def _link(source: Path, target: Path) -> None:
    """The same file once more, without its bytes where the file system can do that."""
    try:
        target.hardlink_to(source)  # MLflow follows no symbolic link out of a folder
    except OSError:
        shutil.copyfile(source, target)
