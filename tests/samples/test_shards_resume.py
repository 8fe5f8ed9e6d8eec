"""A writer that was killed: what it wrote is kept, and the folder ends as if it had not been."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from fuzz import examples
from hypothesis import given
from hypothesis import strategies as st

from pfafn.kit.files import scratch_of
from pfafn.samples.shards import Shards, ShardWriter, Unfinished, sums

SCHEMA = pa.schema([("number", pa.int64()), ("image", pa.binary())])
PER_SHARD, ROWS = 3, 8


def row(number: int) -> dict[str, object]:
    return {"number": number, "image": bytes([number]) * number}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def killed(folder: Path, rows: int) -> Path:
    """A folder as a writer leaves it that is killed after so many rows."""
    writer = ShardWriter(folder, SCHEMA, PER_SHARD, resume=True).__enter__()
    for number in range(rows):
        writer.append(row(number))
    return folder


def finished(folder: Path, most: int | None = None) -> int:
    """Write the rest; how many rows were kept."""
    with ShardWriter(folder, SCHEMA, PER_SHARD, resume=True, most=most) as writer:
        kept = writer.rows
        for number in range(kept, ROWS):
            writer.append(row(number))
    return kept


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed") / "s"
    finished(folder)
    return contents(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "s"


@pytest.mark.parametrize("rows", range(ROWS + 1))
def test_every_whole_row_is_kept(folder: Path, rows: int, undisturbed: dict[str, bytes]) -> None:
    assert finished(killed(folder, rows)) == rows
    assert contents(folder) == undisturbed


@pytest.mark.parametrize("most", range(ROWS))
def test_fewer_rows_can_be_taken(folder: Path, most: int, undisturbed: dict[str, bytes]) -> None:
    assert finished(killed(folder, 7), most) == min(most, 7)
    assert contents(folder) == undisturbed


@examples(60)
@given(rows=st.integers(0, ROWS), share=st.floats(0, 1), again=st.integers(0, ROWS))
def test_a_file_cut_anywhere_costs_only_what_was_cut(
    folder: Path, rows: int, share: float, again: int, undisturbed: dict[str, bytes]
) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    sums(folder).unlink(missing_ok=True)
    killed(folder, rows)
    last = scratch_of(folder / f"{rows // PER_SHARD:05d}.arrow")
    if last.exists():
        content = last.read_bytes()
        last.write_bytes(content[: int(share * len(content))])
    kept = Unfinished(folder, SCHEMA, PER_SHARD).rows
    assert rows - rows % PER_SHARD <= kept <= rows
    assert finished(folder, most=again) == min(kept, again)
    assert contents(folder) == undisturbed


def test_a_whole_shard_that_was_damaged_is_made_again(
    folder: Path, undisturbed: dict[str, bytes]
) -> None:
    shard = killed(folder, 7) / "00001.arrow"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    assert finished(folder) == PER_SHARD
    assert contents(folder) == undisturbed


def test_rows_of_another_kind_are_not_taken(folder: Path, undisturbed: dict[str, bytes]) -> None:
    other = pa.schema([("number", pa.string())])
    writer = ShardWriter(folder, other, PER_SHARD, resume=True).__enter__()
    writer.append({"number": "1"})
    assert finished(folder) == 0
    assert contents(folder) == undisturbed


def test_an_error_in_the_body_keeps_the_rows(folder: Path, undisturbed: dict[str, bytes]) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        ShardWriter(folder, SCHEMA, PER_SHARD, resume=True) as writer,
    ):
        for number in range(5):
            writer.append(row(number))
        raise ZeroDivisionError
    assert finished(folder) == 5
    assert contents(folder) == undisturbed


def test_a_finished_folder_needs_nothing_more(folder: Path, undisturbed: dict[str, bytes]) -> None:
    finished(folder)
    assert finished(folder) == ROWS
    assert contents(folder) == undisturbed
    assert len(Shards(folder)) == ROWS


def test_a_damaged_row_and_those_after_it_are_written_again(
    folder: Path, undisturbed: dict[str, bytes]
) -> None:
    unfinished = scratch_of(killed(folder, 6) / "00001.arrow")
    if not unfinished.is_file():
        unfinished = next(folder.glob("*1.arrow"))
    content = bytearray(unfinished.read_bytes())
    content[content.index(bytes([4]) * 4)] ^= 1
    unfinished.write_bytes(content)
    assert finished(folder) == 3
    assert contents(folder) == undisturbed


def test_in_an_unfinished_shard_nothing_counts_from_a_damaged_row_on(
    folder: Path, undisturbed: dict[str, bytes]
) -> None:
    unfinished = scratch_of(killed(folder, 5) / "00001.arrow")
    content = bytearray(unfinished.read_bytes())
    content[content.index(bytes([3]) * 3)] ^= 1
    unfinished.write_bytes(content)
    assert finished(folder) == 3
    assert contents(folder) == undisturbed


@pytest.mark.parametrize("most", [0, 1, 3, 4])
def test_of_rows_that_are_not_taken_nothing_stays(folder: Path, most: int) -> None:
    with ShardWriter(killed(folder, 8), SCHEMA, PER_SHARD, resume=True, most=most):
        pass
    assert [row["number"] for row in Shards(folder)] == list(range(most))
    assert not list(folder.glob(".*"))
