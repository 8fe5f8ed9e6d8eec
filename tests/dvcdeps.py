"""What dvc.yaml should list of the package: `python tests/dvcdeps.py` writes it there."""

import re
import textwrap
from pathlib import Path

import yaml

from pfafn.kit.imports import ROOT
from pfafn.stages.reads import deciding_code, files_below

FILE = ROOT / "dvc.yaml"
DEPS = r"(  {name}:\n(?:    .*\n)*?    deps: )\[[^\]]*\]"


def is_code(dep: str) -> bool:
    return dep.startswith("pfafn/")


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
