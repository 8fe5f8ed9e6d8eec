"""Rows in Arrow IPC files: written once in order, read at random through memory maps.

A folder holds 00000.arrow, 00001.arrow, ... with equally many rows each (the last may have fewer).
Every row is its own record batch, so writing holds one row in memory and reading touches one row.
"""

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from pfafn.errors import UserError

ROWS_PER_SHARD = 256
OPEN_SHARDS = 64


class ShardError(UserError, ValueError):
    """A shard folder is missing, empty or broken; the message names it."""


class ShardWriter:
    """Append rows to a new folder of shards; each file appears only when it is complete.

    Use as a context manager. If the body raises, the unfinished shard is removed.
    """

    def __init__(
        self, folder: Path, schema: pa.Schema, rows_per_shard: int = ROWS_PER_SHARD
    ) -> None:
        if rows_per_shard < 1:
            raise ValueError(f"rows_per_shard must be at least 1, got {rows_per_shard}")
        self.folder = folder
        self.schema = schema
        self.rows_per_shard = rows_per_shard
        self.rows = 0
        self._writer: pa.ipc.RecordBatchFileWriter | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        if any(self.folder.glob("*.arrow")):
            raise ShardError(f"{self.folder} already holds shards; write into a new folder")
        return self

    @property
    def _shard(self) -> Path:
        return self.folder / f"{max(0, self.rows - 1) // self.rows_per_shard:05d}.arrow"

    @property
    def _scratch(self) -> Path:
        return self._shard.with_name(f".{self._shard.name}.{os.getpid()}")

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one row; its keys must be the schema's names (KeyError otherwise)."""
        if row.keys() != set(self.schema.names):
            raise KeyError(f"a row must have {self.schema.names}, got {sorted(row)}")
        batch = pa.RecordBatch.from_pylist([dict(row)], schema=self.schema)
        self.rows += 1
        if self._writer is None:
            self._writer = pa.ipc.new_file(str(self._scratch), self.schema)
        self._writer.write_batch(batch)
        if self.rows % self.rows_per_shard == 0:
            self._finish()

    def _finish(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._scratch.replace(self._shard)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            if self.rows == 0:  # an empty shard tells "no rows" from "not written"
                self._writer = pa.ipc.new_file(str(self._scratch), self.schema)
            self._finish()
        elif self._writer is not None:
            self._writer.close()
            self._scratch.unlink()


class Shards:
    """Random access to the rows of a shard folder.

    Opens files when first needed and keeps at most OPEN_SHARDS of them mapped; pickles as the
    folder's name, so loader workers open their own. Raises ShardError if the folder is unusable.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: list[Path] = []
        self._per_shard = 0
        self._rows = 0
        self._open: OrderedDict[int, pa.ipc.RecordBatchFileReader] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["folder"])

    def __len__(self) -> int:
        self._index()
        return self._rows

    def __getitem__(self, row: int) -> dict[str, Any]:
        if not 0 <= row < len(self):
            raise IndexError(f"{self.folder} has rows 0..{len(self) - 1}, asked for {row}")
        shard, offset = divmod(row, self._per_shard)
        reader = self._reader(shard)
        try:
            return reader.get_batch(offset).to_pylist()[0]
        except (pa.ArrowException, OSError, IndexError) as error:
            raise ShardError(
                f"{self._files[shard]}: row {offset} cannot be read: {error}"
            ) from error

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[row] for row in range(len(self)))

    def _index(self) -> None:
        """Find the files and the row counts: the first shard's decides, the last may be short."""
        if self._files:
            return
        files = sorted(self.folder.glob("*.arrow"))
        if not files:
            raise ShardError(f"{self.folder}: no *.arrow shards; run the stage that writes it")
        expected = [f"{number:05d}.arrow" for number in range(len(files))]
        if [file.name for file in files] != expected:
            raise ShardError(
                f"{self.folder}: shards must be {expected[0]}..{expected[-1]}, "
                f"found {[file.name for file in files][:5]}..."
            )
        self._files = files
        try:
            self._per_shard = self._reader(0).num_record_batches
            last = self._reader(len(files) - 1).num_record_batches
        except ShardError:
            self._files = []
            raise
        self._rows = (len(files) - 1) * self._per_shard + last

    def _reader(self, shard: int) -> pa.ipc.RecordBatchFileReader:
        if shard in self._open:
            self._open.move_to_end(shard)
            return self._open[shard]
        path = self._files[shard]
        try:
            reader = pa.ipc.open_file(pa.memory_map(str(path)))
        except (pa.ArrowException, OSError) as error:
            raise ShardError(f"{path}: not a complete Arrow file ({error}); remake it") from error
        inner = shard < len(self._files) - 1
        if inner and self._per_shard and reader.num_record_batches != self._per_shard:
            raise ShardError(
                f"{path}: expected {self._per_shard} rows, found "
                f"{reader.num_record_batches}; remake the folder"
            )
        self._open[shard] = reader
        if len(self._open) > OPEN_SHARDS:
            self._open.popitem(last=False)
        return reader
