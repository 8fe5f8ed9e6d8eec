"""A virtual environment goes on where it was moved or copied to: `python -m pfafn.kit.venv`.

Its programs, the scripts that activate it and the project that is installed in it name the folder
that they were made in. `make install` asks each time, with the Python of the environment.
"""

import re
import sys
import venv
from pathlib import Path

from pfafn.kit.progress import tell

# How pip begins a program; the longer form is for paths that the kernel cannot take.
HEADER = re.compile(
    rb"""\A#!(?:/bin/sh\n'''exec' "?)?(/[^"\n]*/bin)/(python[\d.]*)(?:"? "\$0" "\$@"\n' ''')?\n"""
)
LONGEST = 127  # bytes of a first line for the kernel


def settle(environment: Path) -> list[Path]:
    """Lead all that names another place of the environment to this one.

    Returns the files that were changed; none if it is where it was made.
    """
    changed = []
    places = set()
    for file in sorted((environment / "bin").iterdir()):
        if file.is_symlink() or not (found := HEADER.match(content := file.read_bytes())):
            continue
        old = Path(found[1].decode()).parent
        if old == environment or old.name != environment.name:
            continue
        places.add(old.parent)
        python = environment / "bin" / found[2].decode()
        file.write_bytes(header(python) + content[found.end() :])
        changed.append(file)
    for old in sorted(places):
        changed += lead_project(environment, old)
    if changed:  # writes anew what activates it and says how it was made
        shared = "system-site-packages = true" in (environment / "pyvenv.cfg").read_text()
        venv.EnvBuilder(system_site_packages=shared, symlinks=True).create(environment)
    return changed


def header(python: Path) -> bytes:
    """The beginning of a program of this interpreter."""
    line = b"#!" + bytes(python) + b"\n"
    if b" " in line or len(line) > LONGEST:
        return b"#!/bin/sh\n'''exec' \"" + bytes(python) + b'" "$0" "$@"\n\' \'\'\'\n'
    return line


def lead_project(environment: Path, old: Path) -> list[Path]:
    """Of what is installed to be edited in the project at `old`, the project around this one."""
    changed = []
    for file in sorted(environment.glob("lib/python*/site-packages/__editable__*")):
        if file.suffix in (".py", ".pth") and f"{old}/" in (text := file.read_text()):
            file.write_text(text.replace(f"{old}/", f"{environment.parent}/"))
            changed.append(file)
    return changed


if __name__ == "__main__":
    place = Path(sys.prefix).resolve()
    if moved := settle(place):
        tell(f"{place} was made in another folder: {len(moved)} of its files now lead here")
