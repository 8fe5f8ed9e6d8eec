import pickle
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from pfafn.samples import shards as module
from pfafn.samples.shards import ShardError, Shards, ShardWriter

SCHEMA = pa.schema([("number", pa.int64()), ("image", pa.binary())])


def written(folder, count, rows_per_shard=3):
    with ShardWriter(folder, SCHEMA, rows_per_shard) as writer:
        for number in range(count):
            writer.append({"number": number, "image": bytes([number]) * number})
    return folder


@pytest.mark.parametrize("count", [1, 3, 4, 7])
def test_rows_come_back_in_order(tmp_path, count):
    shards = Shards(written(tmp_path / "s", count))
    assert len(shards) == count
    assert [row["number"] for row in shards] == list(range(count))
    assert shards[count - 1]["image"] == bytes([count - 1]) * (count - 1)


def test_no_rows_are_a_readable_folder(tmp_path):
    assert list(Shards(written(tmp_path / "s", 0))) == []


def test_a_row_outside_is_an_index_error(tmp_path):
    shards = Shards(written(tmp_path / "s", 4))
    with pytest.raises(IndexError, match="0..3, asked for 4"):
        shards[4]


def test_files_are_numbered_and_nothing_else_is_left(tmp_path):
    folder = written(tmp_path / "s", 7)
    assert [p.name for p in sorted(folder.iterdir())] == [f"0000{n}.arrow" for n in range(3)]


def test_equal_rows_are_equal_bytes(tmp_path):
    one, two = (written(tmp_path / name, 4) / "00000.arrow" for name in ("a", "b"))
    assert one.read_bytes() == two.read_bytes()


def test_shards_pickle_after_use(tmp_path):
    shards = Shards(written(tmp_path / "s", 4))
    assert shards[2] == pickle.loads(pickle.dumps(shards))[2]


def test_an_error_in_the_body_leaves_no_unfinished_file(tmp_path):
    with pytest.raises(RuntimeError), ShardWriter(tmp_path / "s", SCHEMA, 3) as writer:
        for number in range(4):
            writer.append({"number": number, "image": b""})
        raise RuntimeError
    assert [p.name for p in (tmp_path / "s").iterdir()] == ["00000.arrow"]


def test_a_row_with_other_columns_is_refused(tmp_path):
    with pytest.raises(KeyError, match="image"), ShardWriter(tmp_path / "s", SCHEMA) as writer:
        writer.append({"number": 1})


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(ShardError, match=str(tmp_path)):
        len(Shards(tmp_path))


def test_a_truncated_file_is_named(tmp_path):
    file = written(tmp_path / "s", 2) / "00000.arrow"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(ShardError, match="00000.arrow"):
        Shards(tmp_path / "s")[0]


def test_a_missing_file_in_the_middle_is_an_error(tmp_path):
    folder = written(tmp_path / "s", 7)
    (folder / "00001.arrow").unlink()
    with pytest.raises(ShardError, match="00000.arrow..00001.arrow"):
        len(Shards(folder))


def test_a_changed_byte_names_the_file_and_the_row(tmp_path):
    file = written(tmp_path / "s", 7) / "00001.arrow"
    content = bytearray(file.read_bytes())
    content[content.index(bytes([5]) * 5)] ^= 1
    file.write_bytes(content)
    shards = Shards(tmp_path / "s")
    assert shards[4]["number"] == 4
    with pytest.raises(ShardError, match="00001.arrow: row 2 is damaged.*run the stage"):
        shards[5]


def test_no_changed_bit_is_taken_for_what_was_written(tmp_path):
    """From the first row's bytes to the last one's, with all that Arrow says between them."""
    file = written(tmp_path / "s", 3) / "00000.arrow"
    rows, content = list(Shards(tmp_path / "s")), file.read_bytes()
    refused = 0
    for place in range(content.index(bytes([1])), content.rindex(bytes([2, 2])), 3):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        file.write_bytes(changed)
        try:
            assert list(Shards(tmp_path / "s")) == rows
        except ShardError:
            refused += 1
    assert refused > 10


def test_a_row_without_its_checksum_is_refused(tmp_path):
    (tmp_path / "s").mkdir()
    with pa.ipc.new_file(str(tmp_path / "s" / "00000.arrow"), SCHEMA) as writer:
        writer.write_batch(pa.RecordBatch.from_pylist([{"number": 1, "image": b""}], SCHEMA))
    with pytest.raises(ShardError, match="row 0 is damaged"):
        Shards(tmp_path / "s")[0]


def test_a_folder_with_shards_is_not_written_into(tmp_path):
    written(tmp_path / "s", 1)
    with pytest.raises(ShardError, match="already holds shards"):
        written(tmp_path / "s", 1)


def test_a_shard_has_at_least_one_row(tmp_path):
    with pytest.raises(ValueError, match="at least 1, got 0"):
        ShardWriter(tmp_path / "s", SCHEMA, 0)


def test_only_the_last_shard_may_be_short(tmp_path):
    folder = written(tmp_path / "s", 9)
    short = written(tmp_path / "other", 2)
    (short / "00000.arrow").replace(folder / "00001.arrow")
    shards = Shards(folder)
    assert shards[0]["number"] == 0
    with pytest.raises(ShardError, match=r"00001.arrow: expected 3 rows, found 2"):
        shards[4]


def test_few_files_are_open_and_the_oldest_is_closed_first(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "OPEN_SHARDS", 2)
    folder = written(tmp_path / "s", 12)
    shards = Shards(folder)
    for row in (0, 3, 6, 1, 9, 2):  # the first shard is used again and again
        assert shards[row]["number"] == row
    held = [Path(file.path) for file in psutil.Process().open_files()]
    assert {p.name for p in held if p.parent == folder} == {"00000.arrow", "00003.arrow"}
