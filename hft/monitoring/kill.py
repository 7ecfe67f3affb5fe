"""The kill switch from another process: one atomic write into the state page, and a database row if no engine runs."""

from __future__ import annotations

import os
import time
from pathlib import Path

from hft._core.record.page import StatePage
from hft._core.record.pagefile import is_owned
from hft.errors import Unanswered, UsageError
from hft.monitoring.page import NAME_IT, open_page, view
from hft.persistence import latch
from hft.persistence.files import is_locked

PathLike = str | os.PathLike[str]


def trip(path: PathLike, database: PathLike | None = None, *, release: bool = False, wait_s: float = 1.0) -> str:
    """Trips (or releases) the kill switch of the engine on this page; returns the result as one line.

    A running engine answers within its 10 ms timer; this waits up to `wait_s` for the answer. Without an engine the request
    stays on the page and in the database, and the next engine starts with it.

    If the page was deleted, only the database is written, so a switch latched there is released there.

    Raises `Unanswered` if an engine runs and does not answer, and `UsageError` if there is neither page nor database, if the page
    is not ours, or if page or database can't be written.
    """
    now_ns = time.time_ns()
    word = "released" if release else "tripped"
    if database is not None and not Path(path).exists():
        return _without_page(path, database, word, now_ns)
    page = open_page(path, writable=True)
    try:
        page.request_kill(not release, now_ns)
        return _answer(page, path, database, word, now_ns, wait_s)
    finally:
        page.close()


def _answer(page: StatePage, path: PathLike, database: PathLike | None, word: str, now_ns: int, wait_s: float) -> str:
    until = time.monotonic() + wait_s
    while True:
        started = page.started
        state = view(page.read(), time.monotonic_ns())
        if state.kill.requested is None and started == page.started != 0:   # else an engine is setting the page up
            return f"kill switch {word}; the engine (pid {state.pid}) has it {'on' if state.kill.on else 'off'}"
        try:
            owned = is_owned(path)
        except FileNotFoundError:       # deleted meanwhile
            if database is None:
                raise UsageError("the state page was deleted", where=os.fspath(path), do="name the database") from None
            return _without_page(path, database, word, now_ns)
        if not owned:
            if database is not None:
                _refuse_if_running(path, database)
                latch.turn(database, word == "tripped", now_ns)
            left = f" (pid {state.pid} was killed and left its run open)" if state.life != "stopped" else ""
            return f"kill switch {word}; no engine is running{left}, the next one on {os.fspath(path)} begins with it {_on(word)}"
        if time.monotonic() >= until:
            raise Unanswered(
                f"the engine (pid {state.pid}, {state.life}) has not answered within {wait_s:g} s; the request stays on the page",
                where=os.fspath(path), do=f"let it go on with `kill -CONT {state.pid}`, or end it with `kill -KILL {state.pid}`",
            )
        time.sleep(0.005)


def _without_page(path: PathLike, database: PathLike, word: str, now_ns: int) -> str:
    """Turns the switch in the database, as the deleted page was the only way to an engine."""
    _refuse_if_running(path, database)
    if not latch.turn(database, word == "tripped", now_ns):
        what = "holds no run" if Path(database).exists() else "there is no such database"
        raise UsageError(
            f"{what}, and there is no state page {Path(path).name} beside it: no engine has run here, so no switch was {word}",
            where=os.path.abspath(database), do=NAME_IT,
        )
    return f"kill switch {word}; no engine is running, the next one on {os.fspath(database)} begins with it {_on(word)}"


def _on(word: str) -> str:
    return "on" if word == "tripped" else "off"


def _refuse_if_running(path: PathLike, database: PathLike) -> None:
    if is_locked(database):
        raise Unanswered(
            f"an engine is running on {os.fspath(database)}, but not on this state page, which was deleted or replaced",
            where=os.fspath(path), do="it halts by itself; stop it with Ctrl-C or SIGTERM",
        )
