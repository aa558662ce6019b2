"""Copy the zone histories before 1970 that the PyPI tzdata lacks (a developer tool, not shipped).

The tz database keeps such histories in its file "backzone"; the PyPI wheel is built without it, so that, say,
Europe/Stockholm is only another name of Europe/Berlin. Needs the wheel and a zoneinfo folder built with
PACKRATDATA=backzone PACKRATLIST=zone.tab, as Debian ships it: `python tools/build_backzone.py [folder]`.

A zone is taken when the wheel has it as a link, the folder as a zone of its own, and their clocks differ between
1900 and 1970. Merged zones agree from 1970 on: that is why they were merged.
"""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

TARGET = Path(__file__).resolve().parents[1] / "astral_profile" / "backzone"


def names(source: str, kind: str, column: int) -> set[str]:
    """Return the zones (kind "Z", column 1) or links ("L", 2) of a tzdata.zi."""
    return {line.split()[column] for line in source.splitlines() if line.startswith(f"{kind} ")}


def differ(one: ZoneInfo, other: ZoneInfo) -> bool:
    """Whether two zones' offsets differ at some noon between 1900 and 1970."""
    moment, step = datetime(1900, 1, 1, 12, tzinfo=UTC), timedelta(days=1)
    while moment.year < 1970:
        if moment.astimezone(one).utcoffset() != moment.astimezone(other).utcoffset():
            return True
        moment += step
    return False


def main(folder: Path) -> None:
    """Rewrite the package data."""
    wheel = Path(str(files("tzdata"))) / "zoneinfo"
    own = names((folder / "tzdata.zi").read_text("ascii"), "Z", 1)
    links = names((wheel / "tzdata.zi").read_text("ascii"), "L", 2)
    shutil.rmtree(TARGET, ignore_errors=True)
    size = count = 0
    for name in sorted(own & links):
        if "/" not in name:
            continue
        with (folder / name).open("rb") as full, (wheel / name).open("rb") as merged:
            if not differ(ZoneInfo.from_file(full), ZoneInfo.from_file(merged)):
                continue
        target = TARGET / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((folder / name).read_bytes())
        count, size = count + 1, size + target.stat().st_size
    version = (folder / "tzdata.zi").read_text("ascii").splitlines()[0].removeprefix("# version ")
    (TARGET / "NOTICE.md").write_text(
        "# Zone histories before 1970\n\n"
        f"{count} compiled files (TZif, RFC 9636) of the IANA tz database {version}, built with its file\n"
        "`backzone`, which the PyPI distribution `tzdata` leaves out. The plugin reads them for dates before\n"
        "1970-01-01 only. The tz database is in the public domain: https://www.iana.org/time-zones\n",
        "utf-8",
    )
    sys.stdout.write(f"{TARGET}: {count} zones, {size} bytes\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/zoneinfo"))
