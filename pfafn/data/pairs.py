"""Pairs files, who tries on what: one reader for every door that takes one.

A line names a person's and a garment's picture, and perhaps a category, which the folders tell
already. Tabs, commas or spaces lie between; a name with spaces needs a tab or quotes. Empty lines,
those that begin with # and a table's first line of titles say nothing.
"""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pfafn.kit.spelling import composed
from pfafn.photos.opening import is_picture_name

# How Windows' programs begin a text; without such a mark it is UTF-8.
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
WORD = re.compile(r'"([^"]*)"|\'([^\']*)\'|([^\s,;]+)')
# What the columns of a table are called.
TITLE = re.compile(r"(im|image|person|model|c|cloth|clothes|garment|name|file|path|[_ ])+")
UNREADABLE = "\N{REPLACEMENT CHARACTER}"
EXPECTED = "expected a person's and a garment's file name (names with spaces: a tab between)"


class Line(NamedTuple):
    """One line that says something. problem: why it is no pair; None if it is one.

    The names are of composed letters, with / between folders.
    """

    number: int
    text: str
    person: str = ""
    garment: str = ""
    problem: str | None = None


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of a pairs file that say something, in order."""
    content = path.read_bytes()
    coding = next((MARKS[mark] for mark in MARKS if content.startswith(mark)), "utf-8")
    for number, text in enumerate(re.split(r"\r\n|\r|\n", content.decode(coding, "replace")), 1):
        text = text.strip()
        titles = number == 1 and all(map(TITLE.fullmatch, map(str.lower, _names(text))))
        if text and not titles and not text.startswith("#"):
            yield _line(number, text)


def _line(number: int, text: str) -> Line:
    """A pair, or what is wrong with it."""
    if UNREADABLE in text or "\0" in text:
        return Line(number, text, problem="not readable as text: save the file as UTF-8")
    names = [name.replace("\\", "/") for name in _names(text)]
    pair = len(names) == 2 or (len(names) == 3 and not is_picture_name(names[2]))
    if not pair or not all(PurePosixPath(name).name for name in names[:2]):
        return Line(number, text, problem=f"{EXPECTED}, got {text!r:.80}")
    return Line(number, text, composed(names[0]), composed(names[1]))


def _names(text: str) -> list[str]:
    """The columns of a line."""
    if "\t" not in text:
        return ["".join(groups) for groups in WORD.findall(text)]
    columns = (column.strip().strip("\"'").strip() for column in text.split("\t"))
    return [column for column in columns if column]
