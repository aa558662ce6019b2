"""Imports one module in a bare process and notes what that does. Run as a script: `bare.py REPORT MODULE SYS_PATH`.

It imports nothing of Astral, so that what it sees is the plugin's own doing.
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from pathlib import Path
from typing import Any

NETWORK = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname")
DATABASE = ("sqlite3.connect",)


def main(report: str, module: str, sys_path: str) -> None:
    """Import `module`; write what happened as JSON into the file `report`."""
    sys.path[:] = json.loads(sys_path)
    touched: list[str] = []

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in NETWORK or event in DATABASE:
            touched.append(f"{event}{arguments[-1:]!r}" if event.startswith("socket.c") else event)
            raise PermissionError(f"{event} while a plugin is imported")

    sys.addaudithook(watch)
    error = None
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as raised:  # noqa: BLE001  # a plugin may do anything while it is imported
        last = traceback.extract_tb(raised.__traceback__)[-1]
        error = f"{type(raised).__name__}: {raised} ({last.filename}:{last.lineno})"
    Path(report).write_text(json.dumps({"error": error, "touched": touched}), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
