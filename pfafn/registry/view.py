"""MLflow made to show what the facts in `decisions/` tell, from the files in DVC's cache.

What it has stays; what it lacks comes, or comes back, a version whose weights are nowhere without
them. Models are stored with today's code, which reads older weights by their card.
"""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from pfafn.chronicle import record
from pfafn.chronicle.cache import Files, link
from pfafn.chronicle.decisions import EVALUATION, RETRAINING, Fact
from pfafn.chronicle.history import MODELS, History
from pfafn.kit.files import MODEL
from pfafn.registry import reevaluate, versions
from pfafn.registry.mirror import TOLD, all_runs, holds, mirror
from pfafn.registry.store import Store

WEIGHTS = {name: f"artifacts/{stage}/{MODEL}" for name, stage in MODELS.items()}
HELP = "`dvc fetch --all-commits` gets what a remote has; then run `pfafn registry sync`"


class View:
    """MLflow as a view of one project's history.

    workspace: where the present retraining's files are, the project or a copy of it.
    """

    def __init__(self, store: Store, history: History, workspace: Path) -> None:
        self.store, self.history = store, history
        self.files = Files(store.root, workspace)
        self.lacking: Counter[str] = Counter()  # files that runs lack, by the time of these
        self.unscored: set[str] = set()
        self.runs = all_runs(store)
        self.there = {
            (name, version.tags.get(versions.SHA)): versions.files_there(store, version)
            for name in MODELS
            for version in versions.all_of(store, name)
        }

    def refresh(self) -> None:
        """Make MLflow have every retraining and every evaluation that was written down."""
        for fact in self.history.facts:
            if fact.kind == RETRAINING:
                self._retraining(fact)
            elif fact.kind == EVALUATION and not reevaluate.bring_back(self.store, fact):
                self.unscored.add(f"{fact.at:%Y-%m-%d %H:%M}")

    def problems(self) -> list[str]:
        """What MLflow cannot show as it was: files that may still come, and other numbers."""
        known = self.history.versions
        models = [str(known[key]) for key in known if not self.there[key]]
        said = [f"weights of {', '.join(sorted(models))}"] if models else []
        if files := +self.lacking:
            said.append(f"{files.total()} files of {len(files)} retrainings ({', '.join(files)})")
        told = [f"not in DVC's cache: {' and '.join(said)}; {HELP}"] if said else []
        if times := ", ".join(sorted(self.unscored)):
            told.append(f"evaluated again ({times}), and gone from {reevaluate.FOLDER}")
        shown = [(known.get((name, version.tags.get(versions.SHA, ""))), version)
                 for name in MODELS for version in versions.all_of(self.store, name)]  # fmt: skip
        told += [f"{fact} is number {version.version} in MLflow" for fact, version in shown
                 if fact and fact.number != int(version.version)]  # fmt: skip
        if lost := [f"{v.name} {v.version}" for fact, v in shown if fact is None]:
            told.append(f"no file in decisions/ tells of {', '.join(lost)}")
        return told

    def _retraining(self, fact: Fact) -> None:
        """Mirror a retraining unless it is there whole, with all its files that can be found."""
        stages, refs = fact.content["stages"], fact.content["versions"]
        shown = record.of(stages, Path())
        models = {(name, ref["sha256"]) for name, ref in refs.items()}
        runs = {shown.key: [TOLD], **{stage.key: stage.outs for stage in shown.stages.values()}}
        whole = all(holds(self.runs.get(key), files) for key, files in runs.items())
        if whole and all(map(self.there.get, models)):
            return
        work = self.store.root / ".work"
        work.mkdir(exist_ok=True)
        with TemporaryDirectory(prefix="mirror-", dir=work) as name:
            lost = self._lay_out(Path(name), shown)
            found = record.of(stages, Path(name), fact.content["ended"])
            mirror(self.store, self.history, fact, found)
        for model in models:
            self.there[model] = WEIGHTS[model[0]] not in lost or self.there.get(model, False)
        self.lacking[f"{fact.at:%Y-%m-%d %H:%M}"] += len(lost - {*WEIGHTS.values()})

    def _lay_out(self, folder: Path, shown: record.Retraining) -> set[str]:
        """Put weights and small files of a retraining into a folder; returns those not found."""
        lost = set()
        for stage in shown.stages.values():
            (folder / stage.folder).mkdir(parents=True)
            for path, md5 in stage.outs.items():
                if record.is_mirrored(path) or path in WEIGHTS.values():
                    if found := self.files.find(path, md5):
                        link(found, folder / path)
                    else:
                        lost.add(path)
        return lost
