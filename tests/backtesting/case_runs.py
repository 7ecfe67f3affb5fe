"""Runs recorded cases as a user does, edits them, and compares what came of them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np

import hft
from tests.trading import processes


def command(*arguments: object) -> CompletedProcess[str]:
    """`hft`, as a user starts it, in this process."""
    return processes.command(*map(str, arguments), cwd=Path.cwd())


def summary(*arguments: object, code: int = 0) -> dict[str, Any]:
    """What `hft backtest --json` prints; it ended so."""
    done = command("backtest", *arguments, "--json")
    assert done.returncode == code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def converted(case: Path, output: Path, *arguments: str) -> dict[str, Any]:
    done = command("convert", case, output, *arguments, "--json", "--force")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def edited(source: Path, target: Path, *changes: tuple[bytes, bytes]) -> Path:
    """An unpacked copy, with these bytes replaced."""
    content = gzip.decompress(source.read_bytes())
    for old, new in changes:
        assert old in content
        content = content.replace(old, new)
    target.write_bytes(content)
    return target


def alike(one: hft.Result, other: hft.Result) -> None:
    """The same orders, fills and P&L."""
    assert np.array_equal(one.fills, other.fills)
    assert np.array_equal(one.orders, other.orders)
    assert one.summary.pnl == other.summary.pnl
