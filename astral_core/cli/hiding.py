"""What the command line shows without being asked: errors, warnings and tracebacks, all of them without secrets."""

from __future__ import annotations

import io
import logging
import sys
import threading
import traceback
import warnings
from typing import TextIO

import click

log = logging.getLogger("astral")


def hide(text: str, *urls: str) -> str:
    """`text` without the secrets of the settings, the texts of plugins' sections, and the passwords in `urls`."""
    from astral_core.known_secrets import everything_secret, secrets_of_text  # loads what `--help` does not need
    from astral_core.observe.redactor import Redactor

    return Redactor([*everything_secret(), *(secret for url in urls for secret in secrets_of_text(url))])(text)


def complain(text: str) -> None:
    """Write an error to stderr."""
    click.echo(hide(text), err=True)


def complain_of(error: BaseException) -> None:
    """Write what Python or click would write of `error`."""
    if isinstance(error, click.ClickException):
        shown = io.StringIO()
        error.show(shown)
        complain(shown.getvalue().rstrip("\n"))
    else:
        complain("".join(traceback.format_exception(error)).rstrip("\n"))


class _Hiding(logging.Formatter):
    """Lines of a command that has no log of its own, as Python writes them."""

    def format(self, record: logging.LogRecord) -> str:
        return hide(super().format(record))


def let_nothing_past() -> None:
    """Let everything that Python writes to stderr by itself pass through the log, which hides secrets."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_Hiding())
    threading.excepthook = _of_thread
    sys.unraisablehook = _of_nobody
    warnings.showwarning = _warned


def _of_thread(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_type is not SystemExit:
        name = failed.thread.name if failed.thread is not None else "?"
        log.error("thread %s failed", name, exc_info=failed.exc_value)


def _of_nobody(failed: sys.UnraisableHookArgs) -> None:
    log.error("%s %r", failed.err_msg or "an exception was ignored in", failed.object, exc_info=failed.exc_value)


def _warned(  # the signature is the warnings module's
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
    line: str | None = None,
) -> None:  # fmt: skip
    del file
    text = warnings.formatwarning(message, category, filename, lineno, line)
    logging.getLogger("py.warnings").warning("%s", text.rstrip("\n"))
