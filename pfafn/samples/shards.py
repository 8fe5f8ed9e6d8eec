"""Rows in Arrow IPC files: written once in order, read at random.

A folder holds 00000.arrow, 00001.arrow, ... with equally many rows each (the last may have fewer).
Every row is its own record batch, so writing holds one row in memory and reading touches one row.
Its CRC-32 lies beside it: a row that was changed on its way is never taken for what was written.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property, lru_cache
from itertools import count
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from pfafn.kit.errors import UserError
from pfafn.kit.files import file_hash, publish, scratch_of
from pfafn.samples.checksum import checksum, is_sound

ROWS_PER_SHARD = 256
OPEN_SHARDS = 64
FORMAT = b"ARROW1\0\0"  # how an Arrow file begins
REMAKE = "bring it back with `dvc checkout --force`, or run the stage that writes it again"


class ShardError(UserError, ValueError):
    """A shard folder is missing, empty or broken; the message names it."""


class ShardWriter:
    """Append rows to a new folder of shards; each file appears only when it is complete.

    Use as a context manager. If the body raises, the unfinished shard is removed.

    With resume, rows that an earlier writer left in the folder are kept, also when it was killed in
    the middle of a shard: `rows` says how many there are, and what is appended comes after them.
    most: take no more than so many of them. The folder's files are then the same as if nothing had
    happened.
    """

    def __init__(
        self,
        folder: Path,
        schema: pa.Schema,
        rows_per_shard: int = ROWS_PER_SHARD,
        *,
        resume: bool = False,
        most: int | None = None,
    ) -> None:
        if rows_per_shard < 1:
            raise ValueError(f"rows_per_shard must be at least 1, got {rows_per_shard}")
        self.folder = folder
        self.schema = schema
        self.rows_per_shard = rows_per_shard
        self.rows = 0
        self._resume, self._most = resume, most
        self._writer: pa.ipc.RecordBatchFileWriter | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._resume:
            self._go_on()
        elif any(self.folder.glob("*.arrow")):
            raise ShardError(f"{self.folder} already holds shards; write into a new folder")
        return self

    def _go_on(self) -> None:
        """Keep the whole shards, read the rows of the one after them back and write them again."""
        left = Unfinished(self.folder, self.schema, self.rows_per_shard)
        rows = left.rows if self._most is None else min(left.rows, self._most)
        self.rows = rows - rows % self.rows_per_shard
        again = left.rows_of(self._shard_at(rows))[: rows % self.rows_per_shard]
        for path in left.files:
            if path.name >= self._shard_at(rows).name or path.name.startswith("."):
                path.unlink()
        for row in again:
            self.append(row)

    def _shard_at(self, row: int) -> Path:
        return self.folder / f"{row // self.rows_per_shard:05d}.arrow"

    @property
    def _shard(self) -> Path:
        return self._shard_at(max(0, self.rows - 1))

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one row; its keys must be the schema's names (KeyError otherwise)."""
        if row.keys() != set(self.schema.names):
            raise KeyError(f"a row must have {self.schema.names}, got {sorted(row)}")
        batch = pa.RecordBatch.from_pylist([row], schema=self.schema)
        self.rows += 1
        if self._writer is None:
            self._writer = pa.ipc.new_file(str(scratch_of(self._shard)), self.schema)
        self._writer.write_batch(batch, checksum(batch))
        if self.rows % self.rows_per_shard == 0:
            self._finish()

    def _finish(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            if self._resume:
                with sums(self.folder).open("a") as file:
                    file.write(f"{self._shard.name} {file_hash(scratch_of(self._shard))}\n")
            publish(scratch_of(self._shard), self._shard)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            if self.rows == 0:  # an empty shard tells "no rows" from "not written"
                self._writer = pa.ipc.new_file(str(scratch_of(self._shard)), self.schema)
            self._finish()
        elif self._writer is not None:
            self._writer.close()
            if not self._resume:
                scratch_of(self._shard).unlink()


class Unfinished:
    """What a writer left in a folder: whole shards, and rows of the one after them.

    files: all that is there. rows: how many there are to be had, without a gap. A whole shard that
    does not fit its hash counts for nothing.
    """

    def __init__(
        self, folder: Path, schema: pa.Schema, rows_per_shard: int = ROWS_PER_SHARD
    ) -> None:
        self.schema = schema
        self.files = sorted(folder.glob("*.arrow")) + sorted(folder.glob(".*.partial"))
        told = sums(folder)
        lines = told.read_text().splitlines() if told.is_file() else []
        self._hashes = dict(line.split() for line in lines if line.count(" ") == 1)
        self.rows = 0
        for number in count():
            shard = folder / f"{number:05d}.arrow"
            sound = shard in self.files and file_hash(shard) == self._hashes.get(shard.name)
            found = _opened(shard).num_record_batches if sound else 0
            if found != rows_per_shard:
                found = len(self.rows_of(shard))
            self.rows += min(found, rows_per_shard)
            if found < rows_per_shard:
                break

    def rows_of(self, shard: Path) -> list[dict[str, Any]]:
        """The rows of a shard that are whole, be it finished or not; none if it is of no use."""
        if shard in self.files and file_hash(shard) != self._hashes.get(shard.name):
            return []
        path = shard if shard in self.files else scratch_of(shard)
        rows: list[dict[str, Any]] = []
        if path not in self.files:
            return rows
        with pa.memory_map(str(path)) as file, suppress(pa.ArrowException, OSError, EOFError):
            # A file without its end is still a readable stream, after the format's name.
            file.seek(len(FORMAT))
            stream = pa.ipc.open_stream(file)
            found = stream.iter_batches_with_custom_metadata()
            for batch, metadata in found if stream.schema.equals(self.schema) else ():
                if not is_sound(batch, metadata):
                    break
                rows += batch.to_pylist()
        return rows


def sums(folder: Path) -> Path:
    """The file with the hashes of the shards that a resumable writer has finished."""
    return folder.with_name(f"{folder.name}.sha256")


def _opened(shard: Path) -> pa.ipc.RecordBatchFileReader:
    try:
        # Not mapped: each page ever read would count as memory of this process.
        return pa.ipc.open_file(pa.OSFile(str(shard)))
    except (pa.ArrowException, OSError) as error:
        raise ShardError(f"{shard}: not a complete Arrow file ({error}); remake it") from error


class Shards:
    """Random access to the rows of a shard folder.

    Opens files when first needed and keeps at most OPEN_SHARDS of them open; pickles as the
    folder's name, so loader workers open their own. Raises ShardError if the folder is unusable, or
    a row is not what was written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._opened = lru_cache(OPEN_SHARDS)(_opened)

    def __reduce__(self) -> tuple[type[Self], tuple[Path]]:
        return type(self), (self.folder,)

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, row: int) -> dict[str, Any]:
        if not 0 <= row < len(self):
            raise IndexError(f"{self.folder} has rows 0..{len(self) - 1}, asked for {row}")
        shard, offset = divmod(row, self._per_shard)
        reader = self._reader(shard)
        name = f"{self._files[shard]}: row {offset}"
        try:
            found, metadata = reader.get_batch_with_custom_metadata(offset)
            if is_sound(found, metadata):
                return found.to_pylist()[0]
        except (pa.ArrowException, OSError, ValueError, IndexError) as error:
            raise ShardError(f"{name} cannot be read: {error}; {REMAKE}") from error
        raise ShardError(f"{name} is damaged: its checksum does not fit; {REMAKE}")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[row] for row in range(len(self)))

    @cached_property
    def _files(self) -> list[Path]:
        files = sorted(self.folder.glob("*.arrow"))
        if not files:
            raise ShardError(f"{self.folder}: no *.arrow shards; run the stage that writes it")
        expected = [f"{number:05d}.arrow" for number in range(len(files))]
        if [file.name for file in files] != expected:
            raise ShardError(
                f"{self.folder}: shards must be {expected[0]}..{expected[-1]}, "
                f"found {[file.name for file in files][:5]}..."
            )
        return files

    @cached_property
    def _per_shard(self) -> int:
        """The first shard's rows decide; the last may have fewer."""
        return self._reader(0).num_record_batches

    @cached_property
    def _rows(self) -> int:
        last = len(self._files) - 1
        return last * self._per_shard + self._reader(last).num_record_batches

    def _reader(self, shard: int) -> pa.ipc.RecordBatchFileReader:
        reader = self._opened(self._files[shard])
        rows, inner = reader.num_record_batches, 0 < shard < len(self._files) - 1
        if inner and rows != self._per_shard:
            raise ShardError(
                f"{self._files[shard]}: expected {self._per_shard} rows, found {rows}; "
                "remake the folder"
            )
        return reader
