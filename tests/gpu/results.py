"""Results of ``measure.py``: one JSON object a line, written at once, and tables made of them."""

import json
import time
import traceback
from contextlib import contextmanager


class Results:
    """Rows of one step, appended to a file as soon as they are known.

    Args:
        path: of the JSON lines.
        step: name of the step.
        seconds: that the step may take; it starts now.
    """

    def __init__(self, path, step, seconds):
        self._path, self._step = path, step
        self._end = time.monotonic() + seconds
        self.failed = False

    def left(self):
        """Seconds that are left."""
        return self._end - time.monotonic()

    def add(self, table, **row):
        """Append a row; one with ``ok=False`` makes the whole run fail at its end."""
        self.failed |= row.get("ok") is False
        with self._path.open("a") as file:
            file.write(json.dumps({"step": self._step, "table": table, **row}) + "\n")
        print(f"{self._step}: {table}: {row}".split("Traceback")[0][:400], flush=True)

    @contextmanager
    def case(self, what, needs=0.0):
        """Record what fails inside and go on; yields False where less than ``needs`` seconds are left."""
        if self.left() < needs:
            self.add("left out", what=what, why=f"{self.left():.0f} s left")
            yield False
            return
        try:
            yield True
        except Exception as error:
            self.failed = True
            self.add("errors", what=what, error=f"{type(error).__name__}: {error}"[:300],
                     traceback=traceback.format_exc(limit=-6))  # fmt: skip


def markdown(rows, head):
    """The document of all rows: a table for each kind, in the order in which they came.

    Args:
        rows: dicts as written by :class:`Results`.
        head: (name, value) pairs for the top.
    """
    lines = ["## On a GPU", "", "; ".join(f"{name} {value}" for name, value in head if value), ""]
    tables = {}
    for row in rows:
        tables.setdefault((row["step"], row["table"]), []).append(row)
    for (step, table), members in tables.items():
        names = list(dict.fromkeys(name for row in members for name in row))
        names = [name for name in names if name not in ("step", "table", "traceback")]
        lines += [f"### {step}: {table}", "", f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
        lines += [f"| {' | '.join(_cell(name, row.get(name)) for name in names)} |" for row in members]
        lines.append("")
    return "\n".join(lines)


def _cell(name, value):
    if value is None:
        return ""
    if name.startswith("share"):
        return f"{value:.1%}"
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value).replace("|", "/").replace("\n", " ")
