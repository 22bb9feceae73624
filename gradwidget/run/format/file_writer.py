"""Writes messages into a run file, in compressed blocks with a checksum each."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

from mcap.writer import CompressionType, IndexType, Writer

from gradwidget.run.format.limits import MESSAGE_BYTES
from gradwidget.run.format.schemas import PROFILE, SCHEMAS, schema_text


class _Sink:
    """A new file that each write reaches at once: a forked child must not inherit a buffer."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(path, flags, 0o666)
        self.written = 0

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        while rest:
            done = os.write(self._descriptor, rest)
            self.written += done
            rest = rest[done:]
        return len(data)

    def tell(self) -> int:
        return self.written

    def flush(self) -> None:
        """Nothing is kept back."""

    def is_gone(self) -> bool:
        """Whether the file was deleted."""
        return os.fstat(self._descriptor).st_nlink == 0

    def close(self) -> None:
        os.close(self._descriptor)


class FileWriter:
    """A run file that is being written.

    Args:
        path: of the file, which must not exist yet.
        about: what it says first: what is recorded, and by whom.

    Raises:
        OSError: it cannot be made or written.
    """

    def __init__(self, path: Path, about: Mapping[str, object]) -> None:
        self._sink = _Sink(path)
        try:
            self._begin(about)
        except BaseException:
            self._sink.close()
            raise

    def _begin(self, about: Mapping[str, object]) -> None:
        # It takes any object that can write, but declares fewer.
        self._writer = Writer(
            self._sink,  # type: ignore[arg-type]  # see above
            compression=CompressionType.ZSTD,
            index_types=IndexType.CHUNK | IndexType.METADATA,
        )
        self._writer.start(profile=PROFILE)
        self._channels = {
            topic: self._writer.register_channel(
                topic, "json", self._writer.register_schema(topic, "jsonschema", schema_text(topic))
            )
            for topic in SCHEMAS
        }
        self.add("run", about)
        self.flush()

    @property
    def written(self) -> int:
        """Bytes in the file."""
        return self._sink.written

    def add(self, topic: str, data: Mapping[str, object], most: int = MESSAGE_BYTES) -> None:
        """Adds a message to the block under way; writes the block where it is full.

        Raises:
            OSError: it cannot be written.
            ValueError: the message is larger than a reader takes.
        """
        content = json.dumps(data, separators=(",", ":")).encode()
        if len(content) > most:
            message = f"{topic} would take {len(content):,} bytes, where {most:,} are the most"
            raise ValueError(message)
        now = time.time_ns()
        self._writer.add_message(self._channels[topic], now, content, now)

    def flush(self) -> None:
        """Writes the block under way.

        Raises:
            OSError: it cannot be written, or somebody has deleted the file.
        """
        self._writer.flush()
        if self._sink.is_gone():
            message = "the file was deleted"
            raise OSError(message)

    def point_to(self, name: str, **where: str) -> None:
        """Writes metadata, which a reader finds without reading the blocks.

        To be called between two blocks.

        Raises:
            OSError: it cannot be written.
        """
        self._writer.add_metadata(name, where)

    def finish(self) -> None:
        """Writes what is left, and the index that ends the file.

        Raises:
            OSError: it cannot be written.
        """
        self._writer.finish()

    def close(self) -> None:
        """Closes the file as it is."""
        self._sink.close()
