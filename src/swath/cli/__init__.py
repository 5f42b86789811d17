"""The command line: one verb per file. A new verb is a file with a function of its name, and its name in `VERBS`.

Where a verb has verbs of its own, a `typer.Typer` stands in the function's place.

Exit codes: 0 well, 1 an input that cannot be used (one line on stderr says why and what to do), 2 a wrong command line.
"""

from __future__ import annotations

import gc
import sys
import warnings
from importlib import import_module
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from swath.cli.words import as_options
from swath.errors import SwathError, SwathWarning

VERBS = ("info", "look", "predict", "train", "evaluate", "verify", "convert", "data", "models", "sensors")

_ClickError = cast("type[Exception]", typer.BadParameter.__mro__[2])
"""Base of click's errors, wherever this version of typer keeps its click."""


class _Verbs(TyperGroup):
    """A group whose errors are one line each."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command line; ends the process unless `standalone_mode` is false."""
        ends = options.get("standalone_mode", True)
        options["standalone_mode"] = False
        run = super().main
        code = _guarded(lambda: run(*args, **options))
        if ends:
            sys.exit(code)
        return code

    def list_commands(self, ctx: Any) -> list[str]:
        """The verbs in the order of `VERBS`."""
        return [name for name in VERBS if name in self.commands]


def _guarded(run: Any) -> int:
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            code = run()
        except SwathError as error:
            say(f"error: {as_options(str(error))}")
            return 1
        except _ClickError as error:
            say(f"error: {error.format_message().rstrip('.')} (see --help)")  # type: ignore[attr-defined]  # click's
            return 2
        except (KeyboardInterrupt, typer.Abort):
            say("interrupted")
            return 130
        except BrokenPipeError:
            # Whoever read the output has seen enough; Python must not complain when it closes stdout.
            sys.stdout = open("/dev/null", "w")  # noqa: SIM115  it lives as long as the process
            return 1
    return code if isinstance(code, int) else 0


def say(message: str) -> None:
    """One paragraph on stderr."""
    typer.echo(" ".join(message.split()), err=True)


def _show_warning(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
    words = str(message)
    if issubclass(category, SwathWarning):
        say(f"warning: {as_options(words)}")
    # What opens a raster silences this one, by filters of the whole process, which threads take from one another.
    elif category.__name__ != "NotGeoreferencedWarning":
        say(f"warning: {category.__name__}: {words}")


app = typer.Typer(cls=_Verbs, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for _verb in VERBS:
    _made = getattr(import_module(f"swath.cli.{_verb}"), _verb)
    if isinstance(_made, typer.Typer):
        app.add_typer(_made, name=_verb)
    else:
        app.command(_verb)(_made)


def _version(wanted: bool) -> None:
    if wanted:
        from swath import __version__

        typer.echo(f"swath {__version__}")
        raise typer.Exit


@app.callback()
def _swath(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Imagery of the Earth, from any sensor, on any dates, at any size, into georeferenced answers."""


def main() -> None:
    """Run the command line with the arguments of the process."""
    # Imports make very many objects and no garbage; looking for some each 700 of them takes a twentieth of the start.
    gc.set_threshold(50_000)
    app(prog_name="swath")
