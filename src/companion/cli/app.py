"""The application, and the one place where errors become a sentence and an exit code.

Exit codes: 0 all is well, 1 something failed or is damaged, 2 the command was wrong or the system refuses what the user
can mend, such as a full disk, 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from companion import __version__
from companion.cli import bench, book, data, exhibits, films, gates, plan, records, run, verdicts
from companion.cli.output import UsageError, say
from companion.files.console import OK, answer
from companion.files.revision import of_the_code

__all__ = ["app", "main"]

FAILED, USAGE = 1, 2

app = typer.Typer(
    name="companion",
    help="Gates in ReLU networks: re-measure what three papers say.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        found = of_the_code()
        print(f"companion {__version__}, {f'revision {found}' if found else 'of no known revision'}")
        raise typer.Exit


@app.callback()
def _companion(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell version and revision, and exit."),
    ] = False,
) -> None:
    pass


app.command("list")(exhibits.list_exhibits)
app.command("run")(run.run)
app.command("status")(exhibits.status)
app.command("plan")(plan.plan)
app.command("scorecard")(verdicts.scorecard)
app.command("check")(verdicts.check)
app.command("verify")(verdicts.verify)
app.command("book")(book.book)
app.command("bench")(bench.bench)
app.command("keep-weights")(run.keep_weights)
app.command("kernels")(run.kernels)
app.command("film")(films.film)
app.command("gates")(gates.gates)
app.add_typer(data.app, name="data")
app.add_typer(records.app, name="records")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code.

    Args:
        arguments: by default, those of the process.
    """
    words = run.joined(sys.argv[1:] if arguments is None else list(arguments))
    return answer(lambda: _answer(words))


def _answer(words: list[str]) -> int:
    try:
        # Typer's own way of running a command has exit codes of its own for closed pipes and Ctrl-C.
        command = typer.main.get_command(app)
        with command.make_context("companion", words) as context:
            return command.invoke(context) or OK
    except typer.Exit as error:
        return error.exit_code
    except TyperException as error:
        say(_usage(error))
        return USAGE
    except Abort:
        raise KeyboardInterrupt from None
    except OSError:
        raise
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        say(str(error))
        return code


def _usage(error: TyperException) -> str:
    """What was wrong with the words of a command, and which are valid, in one sentence."""
    message = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    command, path = getattr(context, "command", None), getattr(context, "command_path", "companion")
    commands = getattr(command, "commands", None)
    if commands and "command" in message.lower():
        return f"{message}: valid commands of `{path}` are {', '.join(commands)}."
    options = [name for parameter in getattr(command, "params", ()) for name in parameter.opts if name.startswith("--")]
    if "option" in message.lower() and options:
        return f"{message}: valid options of `{path}` are {', '.join(options)}."
    return f"{message}; see `{path} --help`."


def _exit_code(error: Exception) -> int | None:
    """Exit code of an error that is part of the conversation; ``None`` for a fault of the program."""
    if isinstance(error, UsageError):
        return USAGE
    if type(error).__module__.partition(".")[0] != "companion" and not isinstance(error, ValueError):
        return None
    from companion.data import DataError
    from companion.project import ProjectError
    from companion.records.store import RecordError
    from companion.runs.fields import SpecError
    from companion.site.build import BookError
    from companion.site.notebooks import NotebookError
    from companion.site.reports import ReportError

    if isinstance(error, (SpecError, ProjectError)):
        return USAGE
    if isinstance(error, (RecordError, DataError, NotebookError, BookError, ReportError)):
        return FAILED
    return None
