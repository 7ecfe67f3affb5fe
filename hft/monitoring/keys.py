"""Reads single key presses from a terminal, without waiting for Enter."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import time
from collections.abc import Callable, Iterator

ESCAPES = {"[A": "up", "[B": "down", "[C": "right", "[D": "left", "[5~": "page up", "[6~": "page down", "OA": "up", "OB": "down",
           "OC": "right", "OD": "left"}

Keys = Callable[[float], list[str]]
"""Waits for that many seconds, or until a key is pressed, and returns the keys."""


@contextlib.contextmanager
def keys() -> Iterator[Keys]:
    """Reads keys from standard input; without a terminal, or in the background, it only waits. Ctrl-C stays a signal."""
    try:
        fd = sys.stdin.fileno()
        before = termios.tcgetattr(fd)
        if os.tcgetpgrp(fd) != os.getpgrp():        # in the background changing the terminal would stop us
            raise OSError
    except (AttributeError, OSError, ValueError, termios.error):       # AttributeError: there is no standard input
        yield _only_wait
        return
    mode = termios.tcgetattr(fd)
    mode[3] &= ~(termios.ICANON | termios.ECHO)
    try:
        termios.tcsetattr(fd, termios.TCSADRAIN, mode)
        yield lambda seconds: _read(fd, seconds)
    finally:
        with contextlib.suppress(termios.error):    # the terminal is gone
            termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _only_wait(seconds: float) -> list[str]:
    time.sleep(seconds)
    return []


def _read(fd: int, seconds: float) -> list[str]:
    if not select.select([fd], [], [], seconds)[0]:
        return []
    data = os.read(fd, 1024)
    if not data:            # the terminal is gone
        return ["q"]
    return list(split(data.decode("utf-8", "replace")))


def split(text: str) -> Iterator[str]:
    """Names of keys; a character is its own name.

    >>> list(split("q3\\x1b[A\\x1b[6~\\t"))
    ['q', '3', 'up', 'page down', 'tab']
    """
    while text:
        if text.startswith("\x1b"):
            name = next((sequence for sequence in ESCAPES if text.startswith(sequence, 1)), None)
            if name is None:
                return      # an unknown sequence; what follows belongs to it
            yield ESCAPES[name]
            text = text[1 + len(name) :]
        else:
            yield "tab" if text[0] == "\t" else text[0]
            text = text[1:]
