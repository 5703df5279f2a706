"""The command line: one file per verb. Data go to standard output, progress and logs to standard error.

Start-up imports no torch; each verb imports what it needs when it is called.
"""

from __future__ import annotations

import faulthandler
import io
import os
import signal
import sys
import traceback
from typing import NoReturn

import typer

from condbench.cli.baseline import baseline
from condbench.cli.check import check
from condbench.cli.compare import compare
from condbench.cli.doctor import doctor
from condbench.cli.evaluate import evaluate
from condbench.cli.export import export
from condbench.cli.general import general
from condbench.cli.history import history
from condbench.cli.judge import judge
from condbench.cli.list import list_
from condbench.cli.plugin import plugin
from condbench.cli.plugins import plugins
from condbench.cli.report import report
from condbench.cli.run import run
from condbench.cli.sample import sample
from condbench.cli.why import why
from condbench.errors import UserError

_BUG = 70  # sysexits.h: an internal error; 1 means a regression

app = typer.Typer(
    name="condbench",
    help="Benchmark conditional generative models: any backbone, any conditioner, one budget.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for name, verb in (
    ("run", run),
    ("list", list_),
    ("plugins", plugins),
    ("doctor", doctor),
    ("report", report),
    ("compare", compare),
    ("check", check),
    ("history", history),
    ("export", export),
    ("evaluate", evaluate),
    ("sample", sample),
    ("why", why),
):
    app.command(name)(verb)
app.add_typer(judge, name="judge")
app.add_typer(plugin, name="plugin")
app.add_typer(baseline, name="baseline")
app.callback()(general)


def main() -> NoReturn:
    """The entry point: a user's mistake becomes one sentence and exit code 2."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ending kindly also ends the cells' processes
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `condbench export | head` ends quietly, as filters do
    if sys.stderr is not None:
        faulthandler.enable()  # where a compiled library that crashed was called from, e.g. in a plugin's import
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a letter shows a question mark
    try:
        app()
    except UserError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        where = f"'{error.filename}'" if error.filename else "a file"
        _fail(f"{where} cannot be used ({error.strerror}): choose another path, or mend what is in the way.", 2)
    except Exception:
        traceback.print_exc()
        print("condbench: this is a bug: please report it with the lines above.", file=sys.stderr)
        sys.exit(_BUG)
    sys.exit(0)


def _fail(sentence: str, code: int) -> NoReturn:
    if os.environ.get("CONDBENCH_DEBUG"):
        traceback.print_exc()
    print(f"condbench: error: {sentence}", file=sys.stderr)
    sys.exit(code)
