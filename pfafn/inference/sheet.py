"""Contact sheets: many try-ons at a glance, beside the photos that they are made of."""

from collections.abc import Container, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pfafn.inference.folders import Job, TryOnError, checked_format
from pfafn.inference.writing import write_picture
from pfafn.kit.errors import UserError
from pfafn.photos.fitting import fit
from pfafn.photos.images import WHITE, Pixels, read_rgb

CELL = (192, 144)  # height and width of a picture on a sheet
ROWS, COLUMNS = 10, 12  # of try-ons on a sheet, at most
ACROSS = 4  # pairs beside each other, where they are listed
GAP, CAPTION = 6, 16
PAPER, EMPTY, INK = (255, 255, 255), (236, 236, 236), (90, 90, 90)


class Cell(NamedTuple):
    """What stands at a place of a sheet; without a picture: a try-on that failed."""

    picture: Path | None
    caption: str = ""


Sheet = dict[tuple[int, int], Cell]  # by row and column


def check_sheet(path: Path, todo: list[Job]) -> Path:
    """The path itself, if sheets can be written there and it is none of the results.

    Raises TryOnError.
    """
    if path.is_dir():
        raise TryOnError(f"{path} is a folder; name a file for the sheet, such as {path}/sheet.jpg")
    if path in {file for job in todo for file in job}:
        raise TryOnError(f"{path}: is one of the try-ons' own pictures; name another file")
    return checked_format(path)


def write_sheets(path: Path, todo: list[Job], failed: Container[Job]) -> list[Path]:
    """Draw the try-ons that were done, and gaps for those that failed; the files written.

    One file at `path`, or NAME-1, NAME-2 … beside it if one is too small for all; each is at most
    13 pictures wide and 10 or 11 high. In a table, persons down and garments across, or, where that
    takes fewer files, each try-on behind its person and its garment. Raises TryOnError if a file
    cannot be written.
    """
    sheets = min(table(todo, failed), listed(todo, failed), key=len)
    digits = len(str(len(sheets)))
    files = [path] if len(sheets) == 1 else [
        path.with_name(f"{path.stem}-{number:0{digits}}{path.suffix}")
        for number in range(1, len(sheets) + 1)
    ]  # fmt: skip
    for file, sheet in zip(files, sheets, strict=True):
        try:
            write_picture(file, draw_sheet(sheet))
        except OSError as error:
            raise TryOnError(f"{file}: the sheet cannot be written ({error.strerror})") from error
    return files


def table(todo: list[Job], failed: Container[Job]) -> list[Sheet]:
    """Persons down and garments across, their photos first; what was not asked for is empty."""
    sheets = []
    persons = list(dict.fromkeys(job.person for job in todo))
    for some in blocks(persons, ROWS):
        theirs = [job for job in todo if job.person in set(some)]
        for garments in blocks(list(dict.fromkeys(job.garment for job in theirs)), COLUMNS):
            here = [job for job in theirs if job.garment in garments]
            rows = [person for person in some if any(job.person == person for job in here)]
            sheet: Sheet = {(1 + y, 0): Cell(path, path.stem) for y, path in enumerate(rows)}
            sheet |= {(0, 1 + x): Cell(path, path.stem) for x, path in enumerate(garments)}
            for job in here:
                place = 1 + rows.index(job.person), 1 + garments.index(job.garment)
                sheet[place] = result(job, failed)
            sheets.append(sheet)
    return sheets


def listed(todo: list[Job], failed: Container[Job]) -> list[Sheet]:
    """Row by row, each try-on behind its person and its garment."""
    sheets = []
    for some in blocks(todo, ROWS * ACROSS):
        sheet: Sheet = {}
        for number, job in enumerate(some):
            y, x = number // ACROSS, 3 * (number % ACROSS)
            sheet[y, x] = Cell(job.person, job.person.stem)
            sheet[y, x + 1] = Cell(job.garment, job.garment.stem)
            sheet[y, x + 2] = result(job, failed)
        sheets.append(sheet)
    return sheets


def result(job: Job, failed: Container[Job]) -> Cell:
    return Cell(None, "failed") if job in failed else Cell(job.out)


def blocks(items: list, most: int) -> Iterator[list]:
    """The items in order, at most so many at a time."""
    return (items[start : start + most] for start in range(0, len(items), most))


def draw_sheet(sheet: Sheet) -> Pixels:
    """The sheet as a picture, uint8 RGB. A photo that cannot be read is a gap as well."""
    (height, width), (rows, columns) = CELL, (1 + max(at) for at in zip(*sheet, strict=True))
    down, across = height + CAPTION + GAP, width + GAP
    canvas = Image.new("RGB", (GAP + columns * across, GAP + rows * down), PAPER)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(12)
    for (row, column), cell in sheet.items():
        left, top = GAP + column * across, GAP + row * down
        box = Image.new("RGB", (width, height), EMPTY)
        if (photo := shown(cell.picture)) is not None:
            box = Image.fromarray(photo)
        canvas.paste(box, (left, top))
        text = cell.caption
        while font.getlength(text) > width:
            text = f"{text.rstrip('…')[:-1]}…"
        draw.text((left + width // 2, top + height + CAPTION // 2), text, INK, font, anchor="mm")
    return np.asarray(canvas)


def shown(path: Path | None) -> Pixels | None:
    """A photo as it stands on a sheet; None for none, or one that cannot be used."""
    try:
        return path and fit(read_rgb(path), CELL, interpolation="smooth", fill=WHITE)
    except UserError:
        return None
