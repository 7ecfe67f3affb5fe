"""`hft watch` on a real terminal, and where there is none."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time

import pytest

from hft.monitoring.keys import keys
from tests.monitoring.conftest import BTC, ETH, Engine, busy

DEADLINE_S = 60.0


@pytest.fixture
def page(tmp_path):
    (tmp_path / "data").mkdir()
    engine = Engine(tmp_path / "data" / "strategy.state", [BTC, ETH])
    busy(engine)
    yield engine
    engine.page.close()


class Terminal:
    """`hft watch` on a pseudo-terminal of a size."""

    def __init__(self, folder, width, height):
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "hft", "watch"], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "", "LINES": ""},
        )
        self.theirs = theirs
        self.shown = ""

    def until(self, word):
        """Read until the word was shown; what was shown since the last call."""
        deadline, shown = time.monotonic() + DEADLINE_S, ""
        while word not in shown:
            assert time.monotonic() < deadline, shown[-3000:]
            if select.select([self.ours], [], [], 0.2)[0]:
                shown += os.read(self.ours, 1 << 16).decode("utf-8", "replace")
        return shown

    def press(self, keys):
        os.write(self.ours, keys)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(20)
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def terminal(tmp_path, page):
    with contextlib.ExitStack() as stack:

        def opened(width, height):
            made = Terminal(tmp_path, width, height)
            stack.callback(made.close)
            return made

        yield opened


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 60)])
def test_it_draws_turns_pages_and_quits(terminal, width, height):
    screen = terminal(width, height)
    before = termios.tcgetattr(screen.theirs)
    screen.until("q quits")
    screen.press(b"2")
    screen.until("\u2500 ETHUSDT")
    if height == 24:
        screen.press(b"\x1b[C")
        screen.until("page 2 of ")
    screen.press(b"q")
    while screen.process.poll() is None:
        if select.select([screen.ours], [], [], 0.1)[0]:
            os.read(screen.ours, 1 << 16)
    assert screen.process.returncode == 0
    assert termios.tcgetattr(screen.theirs) == before


def test_into_a_pipe_it_writes_lines_until_nobody_reads(tmp_path, page):
    command = f"{sys.executable} -P -m hft watch --every 0.1 | head -n 3"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE_S)
    lines = done.stdout.splitlines()
    assert (len(lines), done.stderr) == (3, "")
    assert all("BTCUSDT synced mid 61800.15" in each for each in lines)


def test_without_a_standard_input_there_are_no_keys(monkeypatch):
    """`hft watch <&-`."""
    monkeypatch.setattr(sys, "stdin", None)
    with keys() as pressed:
        assert pressed(0.0) == []
