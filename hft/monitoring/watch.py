"""The terminal view's loop: reads the page, draws it, and handles keys. Into a pipe it writes a line at intervals."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from hft.errors import ExitCode, UsageError, printable
from hft.monitoring.keys import keys
from hft.monitoring.page import PageReader, PageState
from hft.monitoring.view import View, line

REDRAW_S = 0.25
EVERY_S = 1.0
"""Interval of lines into a pipe."""
TROUBLE_S = 1.0
"""Time after which the view shows that the page can't be read."""


def watch(page_path: str | os.PathLike[str], *, once: bool = False, every_s: float = EVERY_S) -> int:
    """Draws the page until q or Ctrl-C (or once); returns the exit code. Also draws the page of an engine that has ended.

    If stdout is no terminal, it prints a line every `every_s` seconds, until Ctrl-C or the end of the reader.
    """
    reader = PageReader(page_path)
    console = Console()
    if once:
        console.print(render(reader.read(), console.width))
    elif console.is_terminal:
        with contextlib.suppress(KeyboardInterrupt):
            _draw(reader, console, lambda: True)
    else:
        with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
            _lines(reader, every_s)
    return int(ExitCode.OK)


def draw_while(page_path: str | os.PathLike[str], running: Callable[[], bool]) -> None:
    """Draws the page on the whole terminal while `running` is true, or until q; used by `hft live`."""
    if not _draw(PageReader(page_path), Console(), running):
        print("hft: the view is closed; the run goes on, Ctrl-C stops it, `hft watch` shows it again", file=sys.stderr)


def _draw(reader: PageReader, console: Console, running: Callable[[], bool]) -> bool:
    """False if a key ended it."""
    view, state, trouble = View(), reader.read(), Trouble()

    def drawn() -> RenderableType:
        if text := trouble.text:
            head = Text(f"not up to date: {text}", style="bold red", no_wrap=True, overflow="ellipsis")
            return Group(head, *view.lines(state, console.width, console.height - 1))
        return Group(*view.lines(state, console.width, console.height))

    with keys() as pressed, Live(drawn(), console=console, screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        while running():
            for key in pressed(REDRAW_S):
                if not view.press(key):
                    return False
            with trouble:       # keeps the last view
                state = reader.read()
            live.update(drawn(), refresh=True)
    return True


def _lines(reader: PageReader, every_s: float) -> None:
    trouble = Trouble()
    while True:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        with trouble:
            print(f"{now} {line(reader.read())}", flush=True)
        if trouble.text:
            print(f"{now} {trouble.text}", flush=True)
        time.sleep(every_s)


class Trouble:
    """A context for reading a page that catches its errors. An error is shown only after a while, since an engine that starts
    sets its page up within that time."""

    def __init__(self) -> None:
        self._since = 0.0
        self._why = ""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if not isinstance(error, UsageError):
            self._why = ""
            return False
        if not self._why:
            self._since = time.monotonic()
        self._why = printable(str(error))
        return True

    @property
    def text(self) -> str:
        """Why it can't be read; empty if it can, and before `TROUBLE_S` have passed."""
        return self._why if self._why and time.monotonic() - self._since >= TROUBLE_S else ""


def render(state: PageState, width: int = 120) -> RenderableType:
    """The whole view of one state in `width` columns, of any length; to print or to export as SVG."""
    return Group(*View().lines(state, width))
