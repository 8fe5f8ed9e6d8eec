"""What dvc.yaml should list of the package: `python tests/dvcdeps.py` writes it there."""

import re
import textwrap
from functools import cache
from pathlib import Path

import yaml
from importgraph import ROOT, path_of, reached

from pfafn.stages.reads import code_below, is_code

FILE = ROOT / "dvc.yaml"
DEPS = r"(  {name}:\n(?:    .*\n)*?    deps: )\[[^\]]*\]"


# dvc.yaml does not list it, and what is half done goes on after it has changed.
DECIDES_NOTHING = {
    "pfafn.workers": "who works: the bytes are the same for any number of workers, and in order",
    "pfafn.kit.errors": "what is said",
    "pfafn.kit.files": "how files appear and are hashed, not what is in them",
    "pfafn.kit.heap": "speed",
    "pfafn.kit.impostors": "what is said of a file that is refused all the same",
    "pfafn.kit.lock": "who waits for whom",
    "pfafn.kit.machine": "where to compute: what rounds otherwise is in the fingerprint",
    "pfafn.kit.progress": "what is shown",
    "pfafn.kit.signals": "when to stop; what resumes goes on bit for bit",
    "pfafn.kit.threads": "how many compute: their number is in the fingerprint",
    "pfafn.kit.versions": "what provenance.json tells",
    "pfafn.params": "the values themselves stand in params.yaml, none is a default",
    "pfafn.stages.entry": "how a stage starts and what is said of errors",
    "pfafn.stages.output": "how results appear, and provenance.json, which no stage reads",
    "pfafn.stages.reads": "what is found here; the files themselves are inputs",
    "pfafn.stages.workplace": "where unfinished work lies",
    "pfafn.training.health": "whether a training stops; what it is stopped for is not written",
    "pfafn.training.pace": "an estimate for standard error",
    "pfafn.training.saver": "when resume points are written",
}


@cache
def deciding_code(stage: str) -> frozenset[Path]:
    """The files of the package, relative to the root, that decide a byte of a stage's result.

    The modules it leads to, and what lies beside them in their folders and is no code.
    """
    modules = reached(f"pfafn.stages.{stage}", without=DECIDES_NOTHING)
    code = {
        file for module in modules if (file := path_of(module)) and (ROOT / file).stat().st_size
    }
    beside = {file for folder in {file.parent for file in code} for file in files_below(folder)}
    return frozenset(code | {file for file in beside if file.suffix != ".py"})


def files_below(folder: Path) -> set[Path]:
    return {file.relative_to(ROOT) for file in code_below(ROOT / folder)}


def files_of(dep: str) -> set[Path]:
    """The files that an entry of dvc.yaml stands for."""
    return files_below(Path(dep)) if (ROOT / dep).is_dir() else {Path(dep)}


def code_of(stage: str) -> list[str]:
    """A folder where the stage needs all that is in it, files elsewhere."""
    needed = deciding_code(stage)
    entries = {
        next((folder for folder in _folders(file) if files_below(folder) <= needed), file)
        for file in needed
    }
    return sorted(entry.as_posix() for entry in entries)


def _folders(file: Path) -> list[Path]:
    """The folders that a file lies in, the outermost first, without the whole package."""
    return [folder for folder in reversed(file.parents) if len(folder.parts) > 1]


def rewritten(text: str) -> str:
    """dvc.yaml with each stage's list of code as it should be; nothing else of it changes."""
    for name, stage in yaml.safe_load(text)["stages"].items():
        if any(map(is_code, stage["deps"])):
            others = [dep for dep in stage["deps"] if not is_code(dep)]
            listed = "\n".join(_wrapped(entries) for entries in (others, code_of(name)))
            text = re.sub(DEPS.format(name=name), rf"\1[\n{listed}\n    ]", text)
    return text


def _wrapped(entries: list[str]) -> str:
    indent = " " * 6
    return textwrap.fill(
        ", ".join(entries) + ",",
        width=100,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


if __name__ == "__main__":
    FILE.write_text(rewritten(FILE.read_text()))
