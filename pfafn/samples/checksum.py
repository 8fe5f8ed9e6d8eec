"""The CRC-32 of a shard's row, kept beside it in the metadata of its record batch."""

import zlib

import pyarrow as pa

NAME = b"crc32"


def checksum(row: pa.RecordBatch) -> dict[bytes, bytes]:
    """Metadata for a row: the CRC-32 of all that its columns hold."""
    crc = 0
    for column in row.columns:
        for buffer in column.buffers():
            if buffer is not None:
                crc = zlib.crc32(buffer, crc)
    return {NAME: b"%08x" % crc}


def is_sound(row: pa.RecordBatch, metadata: pa.KeyValueMetadata | None) -> bool:
    """Whether a row is what was written. Raises ArrowInvalid if it is no row at all."""
    row.validate()  # else what follows might read beyond its end
    return metadata is not None and metadata.get(NAME) == checksum(row)[NAME]
