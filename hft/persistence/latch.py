"""The kill switch in the database, where it outlives the state page.

A running engine writes each change as a record of its run. Without an engine, `hft kill` adds a row to the newest run; its
`seq` is negative, since it is not one of that run's records.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import apsw

from hft.errors import UsageError
from hft.persistence import schema

_NEWEST = "SELECT is_on FROM kill_switch ORDER BY run DESC, seq < 0 DESC, abs(seq) DESC LIMIT 1"
_TURN = """
INSERT INTO kill_switch (run, seq, ts_ns, is_on, reason)
SELECT run, coalesce((SELECT min(seq) FROM kill_switch AS k WHERE k.run = runs.run AND seq < 0), 0) - 1, ?, ?, ?
FROM runs ORDER BY run DESC LIMIT 1
"""


def is_on(db: apsw.Connection) -> bool:
    """The newest state of the switch; off if it never changed."""
    return bool(db.execute(_NEWEST).get)


def turn(path: str | os.PathLike[str], on: bool, ts_ns: int) -> bool:
    """Turns the switch in a database without an engine. False if there is no database, or no run in it yet.

    Raises the errors of `schema.create_or_open`, and `UsageError` if the database can't be written.
    """
    if not Path(path).exists():
        return False
    with contextlib.closing(schema.create_or_open(path)) as db:
        try:
            with db:
                if is_on(db) != on:
                    db.execute(_TURN, (ts_ns, on, "kill_requested" if on else "kill_released"))
        except (apsw.BusyError, apsw.ReadOnlyError, apsw.FullError, apsw.IOError) as error:
            do = "free the database and try again; until then the switch in it is unchanged"
            raise UsageError(f"the kill switch can't be written ({error})", where=os.fspath(path), do=do) from None
        return bool(db.execute("SELECT count(*) FROM runs").get)
