"""Runs `hft` as a user does, in processes of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HFT = [sys.executable, "-P", "-m", "hft"]     # -P: as the installed command, which does not look for modules where it is run
ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}


def hft(*arguments: str, cwd: Path, timeout_s: float = 90.0) -> subprocess.CompletedProcess[str]:
    """One command to its end."""
    return subprocess.run([*HFT, *arguments], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=timeout_s)


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


def children(pid: int) -> list[int]:
    """The direct children of a process (Linux)."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
