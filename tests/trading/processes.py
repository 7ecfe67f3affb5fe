"""Runs `hft` as a user does, in processes of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hft.errors import UsageError
from hft.monitoring.page import PageReader, PageState
from tests.commands import run

HFT = [sys.executable, "-P", "-m", "hft"]     # -P: as the installed command, which does not look for modules where it is run
ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}


def hft(*arguments: str, cwd: Path, timeout_s: float = 90.0) -> subprocess.CompletedProcess[str]:
    """One command to its end."""
    return subprocess.run([*HFT, *arguments], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=timeout_s)


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """One command to its end in this process: as `hft`, without a start of the interpreter. Not for what starts a run."""
    with contextlib.chdir(cwd):
        ran = run(arguments)
    return subprocess.CompletedProcess(arguments, ran.code, ran.out, ran.err)


def summary(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What `--json` printed; the run must have ended well."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@contextlib.contextmanager
def started(*arguments: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """A command that runs beside the test; ended with it."""
    process = subprocess.Popen(
        [*HFT, *arguments], cwd=cwd, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@contextlib.contextmanager
def exchange(*arguments: str, cwd: Path) -> Iterator[dict[str, Any]]:
    """`hft sim`, and what it announces."""
    with started("sim", *arguments, cwd=cwd) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        yield json.loads(line)


def until(condition: Callable[[], Any], what: str, timeout_s: float = 60.0) -> Any:
    """What `condition` gives as soon as it is true."""
    give_up = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < give_up, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.02)
    return found


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def health(port: int) -> tuple[int, list[str]]:
    """The status of /health and its reasons why not; (0, []) before there is an answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as answer:
            return answer.status, json.load(answer)["reasons"]
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)["reasons"]
    except OSError:
        return 0, []


def page_of(folder: Path) -> PageState | None:
    """The state page of the engine in a folder, once there is one."""
    with contextlib.suppress(UsageError):
        return PageReader(folder / "data" / "strategy.state").read()
    return None


def trading(folder: Path, *, messages: int = 1, run: int | None = None) -> PageState:
    """Wait until the engine in this folder (that run of it) trades, every book in sync, and has had so many messages."""

    def ready() -> PageState | None:
        page = page_of(folder)
        if page is None or page.life != "running" or run not in (None, page.run):
            return None
        return page if all(each.synced for each in page.symbols) and sum(page.messages.values()) >= messages else None

    return until(ready, f"an engine that trades and has had {messages} messages")


def recorded(path: Path, *, size: int = 100_000) -> None:
    """Wait until a recording has grown to so many bytes."""
    until(lambda: path.exists() and path.stat().st_size >= size, f"{path.name} of {size} bytes")


def children(pid: int) -> list[int]:
    """The direct children of a process (Linux)."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def child(pid: int, module: str) -> int:
    """The direct child that runs this module, as soon as there is one (Linux). Process ids say nothing: they wrap around."""

    def found() -> int | None:
        for each in children(pid):
            with contextlib.suppress(OSError):
                if module.encode() in Path(f"/proc/{each}/cmdline").read_bytes():
                    return each
        return None

    return until(found, f"a child that runs {module}")


ENGINE, EXCHANGE, MONITOR = "hft.trading.engine_process", "hft.exchange", "hft.monitoring"


def alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
