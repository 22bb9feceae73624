"""The command `gradwidget`: what it prints, and how it ends."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # ships no type information
import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # likewise
import pytest

from gradwidget.frame import Frame
from gradwidget.record.history import History
from gradwidget.terminal import watch
from gradwidget.terminal.main import main
from tests.support.frames import chain, frame, healthy
from tests.support.recording.by_hand import about, layers, made
from tests.support.recording.by_hand import frame as measured
from tests.support.recording.recorded import Recorded, steps

ODD = "\x1b[2J\x1b]0;owned\x07\ud800[red]<b>" + "x" * 3_000
"""A name that would clear a screen and change its title."""


def vanishing(count: int = 40) -> list[Frame]:
    sizes = 10.0 ** np.arange(-12, 0, 2)
    names = ("act_grad_rms", "act_grad_norm", "grad_rms", "grad_norm")
    values = healthy(6, **dict.fromkeys(names, sizes), scalars={"loss": 2.0, ODD: 1.0})
    first, *rest = chain(6)
    layers = (first.__class__(ODD, ODD, first.shapes), *rest)
    return [frame(step, layers, values) for step in range(count)]


@pytest.fixture(scope="module")
def sick(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("sick") / "sick.gw"
    Recorded(path).take(vanishing()).close()
    return str(path)


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("well") / "well.gw"
    Recorded(path).take(steps(40, 6)).close()
    return str(path)


def test_the_report_says_what_is_wrong_and_ends_with_1(
    sick: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", sick]) == 1
    said = capsys.readouterr().out
    assert "Vanishing gradients" in said
    assert said.startswith("sick.gw · Net · gradwidget ")
    assert max(map(len, said.split("\n\n")[0].splitlines())) <= 100


def test_the_report_of_a_healthy_run_ends_with_0(
    well: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", well, "--full"]) == 0
    assert main(["report", well, "--again"]) == 0
    assert "CRITICAL" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["report"], ["report", "--full"], ["report", "--json"], ["watch"], ["compare"]],
)
def test_nothing_in_a_file_reaches_the_terminal_raw(
    arguments: list[str], sick: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command, *options = arguments
    main([command, sick, *([sick] if command == "compare" else []), *options])
    said = capsys.readouterr().out
    assert said
    assert not {char for char in said if not char.isprintable()} - {"\n"}
    said.encode()


def test_json_follows_its_schema_and_says_what_it_left_out(
    sick: str, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = json.loads((root / "docs" / "report.schema.json").read_text(encoding="utf-8"))
    assert main(["report", sick, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, schema)
    assert told["findings"][0]["symptom"] == "vanishing_gradients"
    assert told["layers_left_out"] == 0
    many = chain(3_000)
    live = Recorded(tmp_path / "many.gw")
    live.take([frame(0, many, healthy(3_000))]).close()
    assert main(["report", str(tmp_path / "many.gw"), "--json"]) == 0
    text = capsys.readouterr().out
    told = json.loads(text)
    jsonschema.validate(told, schema)
    assert told["layers_left_out"] == 2_900
    assert len(text) < 200_000


@pytest.mark.parametrize("command", ["report", "watch", "export", "compare"])
def test_a_file_that_is_no_run_ends_with_2(
    command: str, well: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.gw").write_bytes(b"nothing")
    more = {"export": ["--csv", str(tmp_path / "x")], "compare": [well]}.get(command, [])
    for path, said in ((tmp_path / "bad.gw", "is no run file"), (tmp_path / "no.gw", "No such")):
        assert main([command, str(path), *more]) == 2
        streams = capsys.readouterr()
        assert said in streams.err
        assert streams.out == ""


@pytest.mark.parametrize("named", [".", "..", "folder", ""])
def test_of_a_directory_its_runs_are_named(
    named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder" / "folder").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "folder", tmp_path / "folder" / "folder"):
        (folder / "a.gw").touch()
    monkeypatch.chdir(tmp_path / "folder")
    assert main(["report", named]) == 2
    said = capsys.readouterr().err
    assert "is no file but a directory" in said
    assert said.endswith("in it is a.gw\n")


def test_export_says_what_it_could_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = made(tmp_path / "run.gw", ("run", about()), layers(), ("frame", []), measured(3))
    assert main(["export", str(path), "--csv", str(tmp_path / "x")]) == 0
    assert "gradwidget: could not be read: a message of frame" in capsys.readouterr().err


def test_export_as_csv_and_json_has_what_the_history_has(well: str, tmp_path: Path) -> None:
    assert main(["export", well, "--csv", str(tmp_path / "t.csv")]) == 0
    assert main(["export", well, "--json", str(tmp_path / "t.json")]) == 0
    with (tmp_path / "t.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    table = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    live = [2.0 * 0.99**step for step in range(40)]
    assert [float(row["scalar:loss"]) for row in rows] == live
    assert table["columns"]["scalar:loss"] == live
    assert [int(row["step"]) for row in rows] == table["steps"] == list(range(40))
    assert {float(row["act_rms:fc0"]) for row in rows} == {1.0}


def test_what_was_not_measured_is_empty_and_a_nan_is_a_nan(tmp_path: Path) -> None:
    layers = chain(2)
    given = [
        frame(
            0, layers, {"act_rms": [1.0, np.nan], "measured": {"act_rms": np.array([True, False])}}
        ),
        frame(1, layers, {"act_rms": [np.nan, 1.0]}),
    ]
    Recorded(tmp_path / "run.gw").take(given).close()
    for form in ("csv", "json"):
        main(["export", str(tmp_path / "run.gw"), f"--{form}", str(tmp_path / form)])
    with (tmp_path / "csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["act_rms:fc0"] for row in rows] == ["1.0", "nan"]
    assert [row["act_rms:fc1"] for row in rows] == ["", "1.0"]
    columns = json.loads((tmp_path / "json").read_text(encoding="utf-8"))["columns"]
    assert columns == {"act_rms:fc0": [1.0, "NaN"], "act_rms:fc1": [None, 1.0]}


def test_export_as_a_page_and_as_an_image(sick: str, tmp_path: Path) -> None:
    assert main(["export", sick, "--html", str(tmp_path / "run.html")]) == 0
    assert main(["export", sick, "--svg", str(tmp_path / "run.svg")]) == 0
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "<title>gradwidget: Net</title>" in page
    assert "vanishing" in (tmp_path / "run.svg").read_text(encoding="utf-8")


def test_there_is_no_image_of_nothing(
    well: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Recorded(tmp_path / "run.gw").close()
    for kind in ("--svg", "--png"):
        assert main(["export", str(tmp_path / "run.gw"), kind, str(tmp_path / "x")]) == 2
        assert "nothing was measured yet" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
    assert main(["export", well, "--png", str(tmp_path / "x")]) == 0
    assert (tmp_path / "x").read_bytes().startswith(b"\x89PNG")


def test_a_table_has_the_loss_of_steps_that_were_not_sampled(tmp_path: Path) -> None:
    live = Recorded(tmp_path / "run.gw")
    for one in steps(30)[::10]:
        live.take([one]).take_losses([(one.step + more, 0.5) for more in range(1, 10)])
    live.close()
    assert main(["export", str(tmp_path / "run.gw"), "--csv", str(tmp_path / "t.csv")]) == 0
    with (tmp_path / "t.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(30))
    assert [row["scalar:loss"] for row in rows[:3]] == ["2.0", "0.5", "0.5"]
    assert [bool(row["act_rms:fc0"]) for row in rows[:3]] == [True, False, False]


def test_parquet_goes_through_pandas_or_says_what_to_install(
    well: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tables: list[pd.DataFrame] = []
    monkeypatch.setattr(pd.DataFrame, "to_parquet", lambda self, _path: tables.append(self))
    assert main(["export", well, "--parquet", str(tmp_path / "t")]) == 0
    assert tables[0]["scalar:loss"].tolist() == [2.0 * 0.99**step for step in range(40)]
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert main(["export", well, "--parquet", str(tmp_path / "t")]) == 2
    assert "pip install pandas pyarrow" in capsys.readouterr().err


def test_watch_tells_what_is_new_until_the_run_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(watch, "EVERY", 0.01)
    monkeypatch.setattr("gradwidget.run.recorder.FLUSH_SECONDS", 0.01)
    live = Recorded(tmp_path / "run.gw")
    ended: list[int] = []
    watching = threading.Thread(
        target=lambda: ended.append(main(["watch", str(tmp_path / "run.gw")]))
    )
    watching.start()
    for one in vanishing():
        live.take([one])
        time.sleep(0.005)
    live.close()
    watching.join(30)
    assert ended == [1]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("no step yet") or "step" in lines[0]
    assert "Vanishing gradients" in lines[-1]


def test_on_a_terminal_watch_draws_a_table(
    sick: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["watch", sick]) == 1
    said = capsys.readouterr().out
    assert "▼ vanishing" in said
    assert "owned" in said
    assert "\x1b]0" not in said
    assert "\x1b[2J" not in said


@pytest.mark.parametrize(("width", "has_bars"), [(80, True), (40, False)])
def test_a_narrow_terminal_has_names_and_no_bars(
    width: int,
    *,
    has_bars: bool,
    sick: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    main(["watch", sick])
    lines = capsys.readouterr().out.splitlines()
    (row,) = [line for line in lines if "fc3" in line][-1:]
    assert "vanishing" in row or "ok" in row
    assert ("█" in row) == has_bars


COMPLETED: dict[str, list[str]] = {
    "": ["report", "watch", "export", "compare", "completion", "demo"],
    "re": ["report"],
    "report ": ["long name.gw", "run.gw", "folder"],
    "report r": ["run.gw"],
    "report --": ["--full", "--json", "--again"],
    "report --f": ["--full"],
    "export run.gw --h": ["--html"],
    "export run.gw --html ": [],
    "compare run.gw l": ["long name.gw"],
    "demo --": [],
}


@pytest.mark.parametrize("typed", COMPLETED)
def test_bash_completes_commands_options_and_run_files(
    typed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion"]) == 0
    (tmp_path / "complete.sh").write_text(capsys.readouterr().out, encoding="utf-8")
    for name in ("run.gw", "long name.gw", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    words = ["gradwidget", *typed.split(" ")]
    script = (
        'source ./complete.sh; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _gradwidget; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    told = subprocess.run(
        ["/bin/bash", "-c", script, "bash", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert sorted(told.split("\n")[:-1]) == sorted(COMPLETED[typed] or [""])


def test_a_report_does_not_load_torch_or_a_widget_library(well: str) -> None:
    script = (
        "import sys; from gradwidget.terminal.main import main; main(sys.argv[1:]); "
        "print(sorted({'torch', 'rich', 'ipywidgets', 'anywidget'} & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, "report", well], capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines()[-1] == "[]"


def test_without_a_command_it_is_the_demonstration(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[int] = []
    monkeypatch.setattr("gradwidget.demonstration.demo", lambda: shown.append(1))
    assert main([]) == main(["demo"]) == 0
    assert shown == [1, 1]


def test_a_history_without_frames_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Recorded(tmp_path / "run.gw").close()
    path = str(tmp_path / "run.gw")
    for arguments in (
        ["report", path],
        ["report", path, "--full", "--again"],
        ["report", path, "--json"],
        ["watch", path],
        ["compare", path, path],
        ["export", path, "--csv", str(tmp_path / "t.csv")],
    ):
        assert main(arguments) == 0
    assert "Waiting for the first step" in capsys.readouterr().out
    assert History().version == 0


@pytest.mark.slow
def test_the_example_of_a_remote_training_is_followed_from_another_process(
    root: Path, tmp_path: Path
) -> None:
    path = tmp_path / "run.gw"
    script = root / "examples" / "remote_training.py"
    training = subprocess.Popen(
        [sys.executable, str(script), str(path), "100"],
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.2)  # its first block
    watching = subprocess.run(
        [sys.executable, "-m", "gradwidget", "watch", str(path)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert training.wait(60) == 0
    assert watching.returncode == 1, watching.stderr
    assert "Vanishing gradients" in watching.stdout.splitlines()[-1]
