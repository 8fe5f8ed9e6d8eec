"""Contact sheets: who stands where, what is a gap, and that they do not grow without bounds."""

from pathlib import Path

import numpy as np
import pytest

from pfafn.inference.folders import Job, TryOnError
from pfafn.inference.sheet import (
    ACROSS,
    CAPTION,
    CELL,
    COLUMNS,
    EMPTY,
    GAP,
    PAPER,
    ROWS,
    Cell,
    check_sheet,
    draw_sheet,
    listed,
    table,
    write_sheets,
)
from pfafn.photos.images import encode_png, read_rgb

HEIGHT, WIDTH = CELL


def job(person: object, garment: object) -> Job:
    p, g = (Path(f"{name}.jpg") for name in (f"p{person}", f"g{garment}"))
    return Job(p, g, None, Path(f"out/{p.stem}__{g.stem}.png"))


def everybody(persons: int, garments: int) -> list[Job]:
    return [job(p, g) for p in range(persons) for g in range(garments)]


def of_colour(path: Path, colour: tuple[int, int, int]) -> Path:
    path.write_bytes(encode_png(np.full((HEIGHT // 2, WIDTH // 2, 3), colour, np.uint8)))
    return path


def at(sheet: np.ndarray, row: int, column: int) -> tuple[int, ...]:
    """The colour in the middle of a cell."""
    y = GAP + row * (HEIGHT + CAPTION + GAP) + HEIGHT // 2
    return tuple(sheet[y, GAP + column * (WIDTH + GAP) + WIDTH // 2].tolist())


def test_persons_stand_down_and_garments_across_with_the_try_ons_between() -> None:
    [sheet] = table(everybody(2, 3), ())
    assert sheet[2, 0] == Cell(Path("p1.jpg"), "p1")
    assert sheet[0, 3] == Cell(Path("g2.jpg"), "g2")
    assert sheet[2, 3] == Cell(Path("out/p1__g2.png"))
    assert len(sheet) == 2 + 3 + 6 and (0, 0) not in sheet


def test_what_failed_is_said_and_what_was_not_asked_for_is_left_empty() -> None:
    todo = [job(0, 0), job(1, 1)]
    [sheet] = table(todo, {todo[1]})
    assert sheet[2, 2] == Cell(None, "failed")
    assert not {(1, 2), (2, 1)} & set(sheet)


@pytest.mark.parametrize(
    ("persons", "garments", "sheets"),
    [(ROWS, COLUMNS, 1), (ROWS + 1, COLUMNS, 2), (ROWS, COLUMNS + 1, 2), (25, 30, 9)],
)
def test_of_many_a_table_takes_several_sheets(persons: int, garments: int, sheets: int) -> None:
    todo = everybody(persons, garments)
    made = table(todo, ())
    assert len(made) == sheets
    assert all(row <= ROWS and column <= COLUMNS for sheet in made for row, column in sheet)
    drawn = [cell.picture for sheet in made for at, cell in sheet.items() if 0 not in at]
    assert sorted(drawn) == sorted(job.out for job in todo)


def test_a_sheet_of_a_table_shows_nobody_who_tries_on_nothing_there() -> None:
    todo = [*(job(0, g) for g in range(COLUMNS + 1)), job(1, 0)]
    first, second = table(todo, ())
    assert (2, 0) in first and (2, 0) not in second


def test_a_list_shows_each_try_on_behind_its_photos() -> None:
    todo = [job(n, n) for n in range(ACROSS + 1)]
    [sheet] = listed(todo, {todo[0]})
    assert [sheet[1, x].picture for x in range(3)] == [todo[-1].person, todo[-1].garment,
                                                       todo[-1].out]  # fmt: skip
    assert sheet[0, 2] == Cell(None, "failed")
    assert max(column for _, column in sheet) == 3 * ACROSS - 1


@pytest.mark.parametrize(
    ("todo", "across"),
    [
        (everybody(ROWS, COLUMNS), 1 + COLUMNS),
        ([job(n, n) for n in range(ROWS)], 1 + ROWS),
        ([job(n, n) for n in range(ROWS + 1)], 3 * ACROSS),
    ],
)
def test_it_is_the_table_unless_a_list_takes_fewer_sheets(
    todo: list[Job], across: int, tmp_path: Path
) -> None:
    [file] = write_sheets(tmp_path / "s.png", todo, todo)
    assert read_rgb(file).shape[1] == GAP + across * (WIDTH + GAP)


def test_several_sheets_are_numbered_so_that_they_sort(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("pfafn.inference.sheet.ROWS", 1)
    files = write_sheets(tmp_path / "new/s.jpg", [job(n, n) for n in range(ACROSS * 10)], ())
    assert [file.name for file in files] == [f"s-{n:02}.jpg" for n in range(1, 11)]
    assert sorted(tmp_path.glob("new/*")) == files


def test_a_picture_keeps_its_shape_and_a_gap_is_told_from_paper(tmp_path: Path) -> None:
    """A square photo in an upright cell: white above and below it."""
    red, blue = (200, 0, 0), (0, 0, 200)
    square = tmp_path / "square.png"
    square.write_bytes(encode_png(np.full((40, 40, 3), blue, np.uint8)))
    sheet = draw_sheet({
        (0, 1): Cell(of_colour(tmp_path / "red.png", red), "x" * 99),
        (1, 1): Cell(square),
        (2, 0): Cell(None, "failed"),
        (2, 1): Cell(tmp_path / "gone.png"),
    })  # fmt: skip
    assert sheet.shape == (GAP + 3 * (HEIGHT + CAPTION + GAP), GAP + 2 * (WIDTH + GAP), 3)
    assert (at(sheet, 0, 0), at(sheet, 0, 1), at(sheet, 1, 1)) == (PAPER, red, blue)
    assert at(sheet, 2, 0) == at(sheet, 2, 1) == EMPTY
    below = GAP + HEIGHT + CAPTION + GAP
    assert tuple(sheet[below + 2, GAP + WIDTH + GAP + WIDTH // 2]) == PAPER
    assert (sheet[:, : WIDTH // 2][: HEIGHT + CAPTION] == PAPER).all()  # the long caption is cut


def test_where_no_sheet_can_be_written_is_told_before(tmp_path: Path) -> None:
    todo = [Job(tmp_path / "p.png", tmp_path / "g.png", None, tmp_path / "w.png")]
    for path, said in (
        (tmp_path, "is a folder; name a file"),
        (tmp_path / "w.png", "is one of the try-ons' own pictures"),
        (tmp_path / "p.png", "is one of the try-ons' own pictures"),
        (tmp_path / "s.gif", "written as .png or .jpg"),
    ):
        with pytest.raises(TryOnError, match=said):
            check_sheet(path, todo)
    assert check_sheet(tmp_path / "s.JPG", todo) == tmp_path / "s.JPG"


def test_a_sheet_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TryOnError, match=r"file/s.png: the sheet cannot be written"):
        write_sheets(tmp_path / "file/s.png", [job(0, 0)], ())
