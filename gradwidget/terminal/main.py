"""The command ``gradwidget``, and what each of its parts is asked."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import TYPE_CHECKING

from gradwidget.run.run_file_error import RunFileError
from gradwidget.wording import visible

if TYPE_CHECKING:
    from gradwidget.diagnose.finding import Finding

FINE, CRITICAL, UNREADABLE = 0, 1, 2
"""Exit status: nothing critical is open; something is; a file cannot be read or written."""

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: those after its name; None for those of this process.

    Returns:
        The exit status: 0, 1 where a critical finding is open, 2 where a file cannot be used.
    """
    _speak_any_language()
    asked = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = asked.command
    try:
        return command(asked)
    except (RunFileError, OSError, ImportError) as error:
        if isinstance(error, BrokenPipeError):  # as with `| head`
            sys.stderr.close()
            return FINE
        print(f"gradwidget: {visible(_words(error))}", file=sys.stderr)
        return UNREADABLE
    except KeyboardInterrupt:
        return INTERRUPTED


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _speak_any_language() -> None:
    """A terminal without UTF-8 gets marks written out instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gradwidget",
        description="What a recorded run of a PyTorch model says: GradMonitor(model, "
        'run_file="run.gw") records one.',
        epilog="Exit status: 0, 1 where a critical finding is open, 2 where a file cannot be used.",
    )
    version = metadata.version("gradwidget")
    parser.add_argument("--version", action="version", version=f"gradwidget {version}")
    parser.set_defaults(command=_demo)
    commands = parser.add_subparsers(title="commands", metavar="command")

    report = commands.add_parser("report", help="what is wrong and what helps, as text")
    report.add_argument("run", help="a run file, such as run.gw")
    report.add_argument("--full", action="store_true", help="all layers, evidence and code")
    report.add_argument("--json", action="store_true", help="for machines; docs/report.schema.json")
    report.add_argument(
        "--again", action="store_true", help="what the rules of this version say, not as recorded"
    )
    report.set_defaults(command=_report)

    watch = commands.add_parser("watch", help="the same, live, until the run ends")
    watch.add_argument("run", help="a run file that is being written")
    watch.set_defaults(command=_watch)

    export = commands.add_parser("export", help="the run as a page, an image or a table")
    export.add_argument("run", help="a run file")
    to = export.add_mutually_exclusive_group(required=True)
    to.add_argument("--html", metavar="PATH", help="one page: the picture, with travel in time")
    to.add_argument("--svg", metavar="PATH", help="the last state as an image")
    to.add_argument("--png", metavar="PATH", help="the same; needs resvg-py")
    to.add_argument("--csv", metavar="PATH", help="the history as a table, one row a step")
    to.add_argument("--parquet", metavar="PATH", help="needs pandas and pyarrow")
    to.add_argument("--json", metavar="PATH")
    export.set_defaults(command=_export)

    compare = commands.add_parser("compare", help="where two runs differ")
    compare.add_argument("before", help="a run file")
    compare.add_argument("after", help="another one")
    compare.add_argument("--full", action="store_true", help="all layers")
    compare.set_defaults(command=_compare)

    completion = commands.add_parser(
        "completion", help='completes all of this in bash and zsh: eval "$(gradwidget completion)"'
    )
    completion.set_defaults(command=_completion, commands=commands.choices)

    demo = commands.add_parser("demo", help="ten seconds that show what gradwidget is for")
    demo.set_defaults(command=_demo)
    return parser


def _status(findings: Sequence[Finding]) -> int:
    is_grave = any(one.active and one.severity == "critical" for one in findings)
    return CRITICAL if is_grave else FINE


# Each part is loaded where it is asked for: a report must not wait for torch.


def _report(asked: argparse.Namespace) -> int:
    from gradwidget.run.run import open_run  # noqa: PLC0415  # see above
    from gradwidget.terminal.report_json import report_json  # noqa: PLC0415  # see above
    from gradwidget.terminal.report_text import report_text  # noqa: PLC0415  # see above

    run = open_run(asked.run)
    findings = run.diagnose() if asked.again else run.findings
    if asked.json:
        print(report_json(run, findings))
    else:
        print(report_text(run, findings, full=asked.full))
    return _status(findings)


def _watch(asked: argparse.Namespace) -> int:
    from gradwidget.run.run import open_run  # noqa: PLC0415  # see above
    from gradwidget.terminal.watch import watch  # noqa: PLC0415  # see above

    run = open_run(asked.run)
    watch(run)
    return _status(run.findings)


def _export(asked: argparse.Namespace) -> int:
    from gradwidget.run.run import open_run  # noqa: PLC0415  # see above
    from gradwidget.terminal.export import FORMATS  # noqa: PLC0415  # see above

    run = open_run(asked.run)
    for name, write in FORMATS.items():
        if path := getattr(asked, name):
            write(run, path)
    for what in run.damage:
        print(f"gradwidget: could not be read: {visible(what)}", file=sys.stderr)
    return FINE


def _compare(asked: argparse.Namespace) -> int:
    from gradwidget.run.run import open_run  # noqa: PLC0415  # see above
    from gradwidget.terminal.compare import compare  # noqa: PLC0415  # see above

    after = open_run(asked.after)
    print(compare(open_run(asked.before), after, full=asked.full))
    return _status(after.findings)


def _completion(asked: argparse.Namespace) -> int:
    from gradwidget.terminal.completion import completion  # noqa: PLC0415  # see above

    print(completion(asked.commands), end="")
    return FINE


def _demo(_: argparse.Namespace) -> int:
    from gradwidget.demonstration import demo  # noqa: PLC0415  # see above

    demo()
    return FINE
