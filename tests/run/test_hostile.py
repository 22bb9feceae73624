"""A file that is no run, or was made to do harm, is refused or read as far as it is whole."""

from __future__ import annotations

import json
import os
import random
import resource
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from gradwidget import RunFileError, open_run
from gradwidget.run.format.arrays import packed
from gradwidget.run.format.file_writer import FileWriter
from gradwidget.run.recording import Recording
from tests.support.recording.by_hand import about, frame, layers, made
from tests.support.recording.recorded import steps

SECONDS = 2.0


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return several_blocks(tmp_path_factory.mktemp("runs") / "run.gw")


def several_blocks(path: Path) -> bytes:
    """A run of 60 steps in 12 blocks."""
    file = FileWriter(path, about())
    recording = Recording(file)
    for start in range(0, 60, 5):
        for one in steps(5, start=start):
            recording.add(one, [])
        recording.flush(None)
    file.finish()
    file.close()
    return path.read_bytes()


# ---------------------------------------------------------------- no run at all


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\x89MCAP0", "is no run file"),
        (b"PK\x03\x04" + bytes(100), "is no run file"),
        (b"\x80\x04\x95" + bytes(100), "is no run file"),
        (bytes(1000), "is no run file"),
    ],
)
def test_a_foreign_file_is_refused_in_words(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "run.gw").write_bytes(content)
    with pytest.raises(RunFileError, match=said):
        open_run(tmp_path / "run.gw")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_without_waiting(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / "run.gw")
    with pytest.raises(RunFileError, match="is no file"):
        open_run(tmp_path / "run.gw")


def test_a_recording_of_something_else_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path / "run.gw", ("run", about()), profile="ros2")
    with pytest.raises(RunFileError, match="profile is 'ros2'"):
        open_run(path)


def test_a_later_format_says_what_to_install(tmp_path: Path) -> None:
    path = made(tmp_path / "run.gw", ("run", about() | {"format": 2}))
    with pytest.raises(RunFileError, match="pip install --upgrade gradwidget"):
        open_run(path)


@pytest.mark.parametrize("missing", ["model", "start_step", "versions", "thresholds", "format"])
def test_a_file_that_does_not_say_what_it_is_is_refused(missing: str, tmp_path: Path) -> None:
    said = about()
    del said[missing]
    with pytest.raises(RunFileError, match="does not say"):
        open_run(made(tmp_path / "run.gw", ("run", said)))


# ---------------------------------------------------------------- messages that are wrong

WRONG: dict[str, tuple[str, Any]] = {
    "no JSON": ("frame", b"\xff\xfe"),
    "nested too deep": ("frame", b"[" * 900_000),
    "a huge number": ("frame", b'{"step": ' + b"9" * 10_000 + b"}"),
    "a list": ("frame", []),
    "nothing": ("frame", {}),
    "a step below 0": frame(-1),
    "a step beyond all": frame(2**60),
    "a step in words": frame("1"),
    "a step that is true": frame(step=True),
    "layers that nobody knows": frame(0, layers=7),
    "too few values": frame(0, metrics={"grad_rms": packed(np.ones(1, np.float32), "<f4")}),
    "half a value": frame(0, metrics={"grad_rms": "AAAA"}),
    "values that are no text": frame(0, metrics={"grad_rms": [1, 2]}),
    "too many scalars": frame(
        0,
        scalars={"names": [str(i) for i in range(300)], "values": packed(np.ones(300), "<f8")},
    ),
    "an origin that is none": frame(0, origin={"phase": "nowhere", "layer": None}),
    "reasons without end": frame(0, reasons={str(i): "x" for i in range(10_000)}),
    "profiles without end": frame(
        0,
        recurrent=[
            {"layer": "", "quantity": "", "norms": "", "depth": 0, "reverse": False}
            for _ in range(2_000)
        ],
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_message_that_is_wrong_is_left_out_and_told(kind: str, tmp_path: Path) -> None:
    path = made(tmp_path / "run.gw", ("run", about()), layers(), WRONG[kind], frame(3))
    run = open_run(path)
    assert [one.step for one in run.history.recent_frames(9)] == [3]
    assert len(run.damage) == 1


def test_what_a_later_version_adds_is_left_out(tmp_path: Path) -> None:
    metrics = {"grad_rms": packed(np.ones(2, np.float32), "<f4"), "new_metric": "AAAA"}
    path = made(
        tmp_path / "run.gw",
        ("run", about() | {"more": 1}),
        layers(),
        ("unknown", {"a": 1}),
        frame(0, metrics=metrics, more=[1]),
        ("findings", {"step": 0, "findings": [{"symptom": "new_symptom"}]}),
    )
    run = open_run(path)
    assert run.damage == []
    assert run.findings == []
    assert run.history.version == 1


def test_steps_that_go_back_are_left_out(tmp_path: Path) -> None:
    path = made(tmp_path / "run.gw", ("run", about()), layers(), frame(5), frame(5), frame(4))
    assert open_run(path).history.version == 1


def test_a_layer_may_have_the_name_of_another(tmp_path: Path) -> None:
    one = {"name": "x", "kind": "", "shapes": {}, "trainable": True, "activation": None}
    twins = "layers", {"id": 1, "layers": [one, one]}
    path = made(tmp_path / "run.gw", ("run", about()), twins, frame(0), frame(1))
    assert open_run(path).history.version == 2


# ---------------------------------------------------------------- blocks that are wrong


def chunk(
    raw: bytes,
    *,
    size: int | None = None,
    data: bytes | None = None,
    data_length: int | None = None,
) -> bytes:
    """A chunk record with a correct checksum of ``raw``."""
    data = zstandard.compress(raw) if data is None else data
    size = len(raw) if size is None else size
    content = struct.pack("<QQQI", 0, 0, size, zlib.crc32(raw)) + struct.pack("<I", 4) + b"zstd"
    content += struct.pack("<Q", len(data) if data_length is None else data_length) + data
    return struct.pack("<BQ", 6, len(content)) + content


BOMBS: dict[str, Callable[[], bytes]] = {
    "says its size": lambda: chunk(bytes(2**28)),
    "lies about its size": lambda: chunk(bytes(2**28), size=1000),
    "says more than there is": lambda: chunk(b"", size=2**63),
    "a window of two gigabytes": lambda: chunk(
        b"", size=2**24, data=b"\x28\xb5\x2f\xfd\x00\xa8" + bytes(100)
    ),
    "a length of its data beyond all": lambda: chunk(b"", data_length=2**63),
    "a length beyond the file": lambda: struct.pack("<BQ", 6, 2**63) + bytes(100),
    "a hole": lambda: bytes(100_000),
    "records without content": lambda: struct.pack("<BQ", 5, 0) * 20_000,
    "a message longer than its block": lambda: chunk(struct.pack("<BQ", 5, 2**62)),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_block_made_to_explode_does_not(kind: str, whole: bytes, tmp_path: Path) -> None:
    (tmp_path / "run.gw").write_bytes(whole[: data_end(whole)] + BOMBS[kind]())
    started = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run = open_run(tmp_path / "run.gw")
    assert time.monotonic() - started < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**18  # kB
    assert run.history.version == 60
    assert not run.closed


def data_end(content: bytes) -> int:
    """Where the blocks of a run file end."""
    place = 8
    while True:
        opcode, length = struct.unpack_from("<BQ", content, place)
        if opcode == 0x0F:
            return place
        place += 9 + length


def mutated(content: bytes, draw: random.Random) -> bytes:
    """A file with a few of its bytes changed, left out, doubled or taken from elsewhere."""
    data = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 5, 30))):
        place = draw.randrange(len(data))
        kind = draw.randrange(6)
        if kind == 0:
            data[place] ^= 1 << draw.randrange(8)
        elif kind == 1:
            data[place] = draw.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif kind == 2:
            del data[place : place + draw.randrange(1, 40)]
        elif kind == 3:
            data[place:place] = data[place : place + draw.randrange(1, 40)]
        elif kind == 4:
            data[place : place + 8] = struct.pack("<Q", draw.choice((0, 2**31, 2**63, len(data))))
        else:
            del data[place:]
        if not data:
            return b""
    return bytes(data)


def try_mutated(content: bytes, folder: Path, count: int, seed: int) -> dict[str, float]:
    """Opens so many mutated files; how many could be read, and the longest time."""
    draw = random.Random(seed)  # noqa: S311  # the same every time
    told: dict[str, float] = {"read": 0, "refused": 0, "seconds": 0.0}
    for _ in range(count):
        path = folder / "run.gw"
        path.write_bytes(mutated(content, draw))
        started = time.monotonic()
        try:
            run = open_run(path)
            run.report(full=True)
            told["read"] += 1
        except RunFileError:
            told["refused"] += 1
        told["seconds"] = max(told["seconds"], time.monotonic() - started)
    return told


@pytest.mark.slow
def test_mutated_files_are_read_or_refused(whole: bytes, tmp_path: Path) -> None:
    told = try_mutated(whole, tmp_path, 300, seed=0)
    assert told["read"] > 30
    assert told["refused"] > 30
    assert told["seconds"] < SECONDS


def test_contents_mutated_behind_their_checksum_are_read_or_refused(
    tmp_path: Path,
) -> None:
    draw = random.Random(0)  # noqa: S311  # the same every time
    good = [json.dumps(data).encode() for _, data in (("run", about()), layers(), frame(0))]
    for _ in range(300):
        bad = [mutated(one, draw) if draw.random() < 0.5 else one for one in good]
        path = made(tmp_path / "run.gw", *zip(("run", "layers", "frame"), bad, strict=True))
        with suppress(RunFileError):
            open_run(path).report(full=True)


LARGEST = """
import sys
from pathlib import Path
from gradwidget import open_run
open_run(sys.argv[1])
# Not getrusage: that begins with what the parent had.
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


@pytest.mark.slow
def test_no_file_takes_more_memory_than_half_a_gigabyte(tmp_path: Path) -> None:
    count = 40_000
    ones = packed(np.ones(count, np.float32), "<f4")
    fat = [
        frame(step, metrics=dict.fromkeys(("grad_rms", "act_rms", "grad_norm"), ones))
        for step in range(20)
    ]
    files = {
        "layers": [layers(1, count), *fat],
        "reasons": [
            layers(1, 1000),
            *(
                frame(step, metrics={}, reasons={f"{i}" * 50: "y" * 900 for i in range(1000)})
                for step in range(70)
            ),
        ],
        "parts": [("frame", b'{"a":[' + b"{}," * 2_000_000 + b"{}]}")] * 3,
        "wirings": [
            layers(1, 1000),
            *(
                one
                for step in range(70)
                for one in (
                    (
                        "wiring",
                        {
                            "id": step,
                            "feeds": {str(i): [str(j) for j in range(100)] for i in range(1000)},
                            "loss_path": [],
                            "unregistered": [],
                            "precision": "",
                            "optimizers": [],
                            "unused": [],
                            "obstacles": {},
                        },
                    ),
                    frame(step, metrics={}, wiring=step),
                )
            ),
        ],
    }
    taken = {}
    for name, messages in files.items():
        path = made(tmp_path / f"{name}.gw", ("run", about()), *messages)
        told = subprocess.run(
            [sys.executable, "-c", LARGEST, str(path)], capture_output=True, text=True, check=True
        ).stdout
        taken[name] = int(told)
    assert max(taken.values()) < 2**19, taken  # kB
