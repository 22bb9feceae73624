"""Reads the blocks of a run file, those that are whole, from where it ended last time.

The container is MCAP (mcap.dev): records of an operation code, a length and a content. Messages
stand in chunks, each compressed and with its checksum; what is not in a chunk is not read.
"""

from __future__ import annotations

import math
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, Header, Message, Metadata
from mcap.writer import MCAP0_MAGIC

from gradwidget.run.format.limits import (
    BLOCK_BYTE_SECONDS,
    BLOCK_BYTES,
    RECORD_SECONDS,
    TURN_SECONDS,
    WINDOW_BYTES,
    patience,
)
from gradwidget.run.format.schemas import PROFILE
from gradwidget.run.run_file_error import RunFileError
from gradwidget.wording import visible

_HEAD = struct.Struct("<BQ")
"""Before each record: its operation code, and the length of its content."""

_DAMAGE = (McapError, ValueError, OverflowError, struct.error, zstandard.ZstdError)
"""What the libraries raise where bytes are not what they should be."""

SIGNPOST_BYTES = 2**16
"""Of metadata that is read."""
LEAST_BLOCK = 100
"""Bytes of the smallest block that a recorder writes."""
MOST_DAMAGE = 20
"""Damaged places that are told one by one."""


class BlockReader:
    """Reads one file on and on.

    Args:
        path: the file.

    Raises:
        OSError: it cannot be opened.
        RunFileError: it is no run file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.finished = False
        """Whether the recorder has closed the file: nothing more will come."""
        self.damage: list[str] = []
        """What could not be read, in words."""
        self._offset = 0
        self._topics: dict[int, str] = {}
        self._size = 0
        self._spent = 0.0
        self._turn_end = math.inf

    def messages(self) -> Iterator[tuple[str, bytes]]:
        """Topic and content of each message of the blocks that have become whole since last time.

        Raises:
            OSError: the file cannot be read.
            RunFileError: it is no run file.
        """
        if self.path.exists() and not self.path.is_file():
            # Opening a pipe would wait for whoever writes into it.
            message = f"{visible(self.path.name)} is no file: give the path of a run file"
            raise RunFileError(message)
        with self.path.open("rb") as file:
            if not self._offset:
                self._begin(file)
            size = self._size = os.fstat(file.fileno()).st_size
            while not (self.finished or self.is_tired) and (found := self._next(file, size)):
                opcode, content = found
                at, self._offset = self._offset, file.tell()
                if opcode == Opcode.CHUNK:
                    yield from self._block(content, at)

    def spend(self, seconds: float) -> None:
        """Counts what reading takes; where it is too much for its size, nothing more is read."""
        self._spent += seconds
        if self._spent > patience(self._size) and not self.finished:
            self.give_up()

    def give_up(self) -> None:
        """Reads nothing more."""
        self.finished = True
        self.damage.append("the rest: reading it would take longer than any such run does")

    def begin_turn(self) -> None:
        """From now on, so much is read that nobody waits long."""
        self._turn_end = self._spent + TURN_SECONDS

    @property
    def is_tired(self) -> bool:
        """Whether that was read, so that the rest is for another turn."""
        return self._spent > self._turn_end

    def signposts(self, name: str) -> Iterator[Mapping[str, str]]:
        """Each metadata of a name, oldest first.

        Raises:
            OSError: the file cannot be read.
        """
        with self.path.open("rb") as file:
            size, offset = os.fstat(file.fileno()).st_size, self._offset
            for _ in range(1 + size // LEAST_BLOCK):
                file.seek(offset)
                head = file.read(_HEAD.size)
                self.spend(RECORD_SECONDS)
                if len(head) < _HEAD.size or self.finished:
                    return
                opcode, length = _HEAD.unpack(head)
                offset += _HEAD.size + length
                if opcode in {0, Opcode.DATA_END} or offset > size:
                    return
                if opcode == Opcode.METADATA and length <= SIGNPOST_BYTES:
                    with suppress(*_DAMAGE):
                        read = Metadata.read(ReadDataStream(BytesIO(file.read(length))))
                        if read.name == name:
                            yield read.metadata

    def messages_of(self, blocks: Iterable[int]) -> Iterator[tuple[str, bytes]]:
        """Topic and content of each message of the blocks that begin at some places.

        Raises:
            OSError: the file cannot be read.
            ValueError: there is no block.
        """
        with self.path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            for at in blocks:
                found = self._record_at(file, at, size)
                if found is None or found[0] != Opcode.CHUNK:
                    message = f"there is no block at byte {at:,}"
                    raise ValueError(message)
                try:
                    yield from self._inside(_decompressed(found[1]))
                except _DAMAGE as error:
                    message = f"the block at byte {at:,}: {error}"
                    raise ValueError(message) from None

    def go_on(self, offset: int) -> None:
        """Reads on from a place further on, where a block begins."""
        self._offset = max(self._offset, offset)

    def damaged(self, what: str) -> None:
        """Notes what could not be read."""
        if len(self.damage) < MOST_DAMAGE:
            self.damage.append(what)

    def _begin(self, file: BinaryIO) -> None:
        name = visible(self.path.name)
        magic = file.read(len(MCAP0_MAGIC))
        if not magic:
            message = f"{name} is empty: nothing has been recorded yet; try again in a while"
            raise RunFileError(message)
        head = file.read(_HEAD.size)
        if magic != MCAP0_MAGIC or len(head) < _HEAD.size:
            message = (
                f"{name} is no run file: it does not begin as one. "
                'A run is recorded with GradMonitor(model, run_file="run.gw").'
            )
            raise RunFileError(message)
        opcode, length = _HEAD.unpack(head)
        content = file.read(length) if opcode == Opcode.HEADER and length < 2**16 else b""
        try:
            profile = Header.read(ReadDataStream(BytesIO(content))).profile
        except _DAMAGE:
            profile = ""
        if profile != PROFILE:
            message = (
                f"{name} is an MCAP file, but not a run of gradwidget: "
                f"its profile is {visible(profile[:50])!r}"
            )
            raise RunFileError(message)
        self._offset = file.tell()

    def _next(self, file: BinaryIO, size: int) -> tuple[int, bytes] | None:
        """The next whole record; only that of a chunk has its content. None where there is none."""
        found = self._record_at(file, self._offset, size)
        if found is not None and found[0] == Opcode.DATA_END:
            self.finished = True
            return None
        return found

    def _record_at(self, file: BinaryIO, offset: int, size: int) -> tuple[int, bytes] | None:
        self.spend(RECORD_SECONDS)
        if offset + _HEAD.size > size:
            return None
        file.seek(offset)
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None
        opcode, length = _HEAD.unpack(head)
        # What is not whole yet may become so. Zeros are a hole, as a crash of the machine leaves.
        if opcode == 0 or length > size - offset - _HEAD.size:
            return None
        content = b""
        if opcode == Opcode.CHUNK and length <= BLOCK_BYTES:
            content = file.read(length)
            if len(content) < length:
                return None
        file.seek(offset + _HEAD.size + length)
        return opcode, content

    def _block(self, content: bytes, at: int) -> Iterator[tuple[str, bytes]]:
        """The messages of a chunk; none where it is damaged."""
        try:
            yield from self._inside(_decompressed(content))
        except _DAMAGE as error:
            self.damaged(f"the block at byte {at:,} of {visible(self.path.name)} ({error})")

    def _inside(self, raw: bytes) -> Iterator[tuple[str, bytes]]:
        place = 0
        self.spend(BLOCK_BYTE_SECONDS * len(raw))
        while place < len(raw) and not self.finished:
            self.spend(RECORD_SECONDS)
            opcode, length = _HEAD.unpack_from(raw, place)
            place += _HEAD.size
            content = raw[place : place + length]
            place += length
            stream = ReadDataStream(BytesIO(content))
            if opcode == Opcode.CHANNEL:
                channel = Channel.read(stream)
                self._topics[channel.id] = channel.topic
            elif opcode == Opcode.MESSAGE:
                message = Message.read(stream, length)
                if message.channel_id in self._topics:
                    yield self._topics[message.channel_id], message.data
            elif self.is_tired:
                yield "", b""  # a moment to stop at: the rest of the block is for another turn


def _decompressed(content: bytes) -> bytes:
    """What a chunk holds.

    Raises:
        ValueError: its checksum or its size is not what it says, or it is too large.
    """
    chunk = Chunk.read(ReadDataStream(BytesIO(content)))
    if chunk.compression != "zstd":
        message = "not compressed as a run is"
        raise ValueError(message)
    if chunk.uncompressed_size > BLOCK_BYTES:
        message = f"{chunk.uncompressed_size:,} bytes where {BLOCK_BYTES:,} are the most"
        raise ValueError(message)
    # Whatever the block says of its size, no more is made of it than that.
    decompressor = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES)
    with decompressor.stream_reader(BytesIO(chunk.data)) as stream:
        raw = stream.read(chunk.uncompressed_size + 1)
    if len(raw) != chunk.uncompressed_size or zlib.crc32(raw) != chunk.uncompressed_crc:
        message = "its checksum is wrong"
        raise ValueError(message)
    return raw
