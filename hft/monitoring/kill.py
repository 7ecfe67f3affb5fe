"""The kill switch from outside: one atomic write into the state page."""

from __future__ import annotations

import os
import time

from hft.monitoring.page import open_page, view


def trip(path: str | os.PathLike[str], *, release: bool = False, wait_s: float = 1.0) -> str:
    """Trips (or releases) the kill switch of the engine on this page, and says in one line what came of it.

    A running engine answers within its 10 ms timer; for up to `wait_s` its answer is waited for. Without one the request
    stays on the page and the next engine on it begins with it.

    Raises `UsageError` where the page is missing, not ours, or can't be written.
    """
    page = open_page(path, writable=True)
    try:
        page.request_kill(not release, time.time_ns())
        word = "released" if release else "tripped"
        until = time.monotonic() + wait_s
        while True:
            state = view(page.read(), time.monotonic_ns())
            if state.kill.requested is None:
                return f"kill switch {word}; the engine (pid {state.pid}) has it {'on' if state.kill.on else 'off'}"
            if state.life not in ("running", "stopping"):
                return f"kill switch {word}; no engine is running, the next one on {os.fspath(path)} begins with it"
            if time.monotonic() >= until:
                return f"kill switch {word}; the engine (pid {state.pid}) has not answered within {wait_s:g} s"
            time.sleep(0.005)
    finally:
        page.close()
