"""Standard output and error of a run's processes are the user's: whatever is printed there disturbs nobody."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.trading.processes import ENVIRONMENT, HFT

QUICK = ("--headless", "--no-monitor", "--duration", "1")
NOISE = """
import atexit, sys
if {"hft.trading.engine_process", "hft.exchange"} & set(sys.orig_argv):
    print("{'not': JSON", flush=True)
    sys.stdout.write("\\xb5 and no end of line")
    atexit.register(print, "goodbye")
"""


@pytest.fixture
def noisy(tmp_path: Path) -> dict[str, str]:
    """An environment in which engine and exchange print, as a library does that greets or warns."""
    (tmp_path / "noise").mkdir()
    (tmp_path / "noise" / "sitecustomize.py").write_text(NOISE)
    return {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join([str(tmp_path / "noise"), ENVIRONMENT["PYTHONPATH"]])}


def test_what_the_engine_prints_is_the_user_s(noisy: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run([*HFT, "live", *QUICK], cwd=tmp_path, env=noisy, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("{'not': JSON\n") == 2
    assert done.stdout.count("goodbye") == 2
    assert "stopped by duration" in done.stdout
    assert "Traceback" not in done.stderr


def test_with_json_the_summary_stands_alone(noisy: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run([*HFT, "live", "--json", *QUICK], cwd=tmp_path, env=noisy, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["stopped_by"] == "duration"
    assert done.stderr.count("{'not': JSON\n") == 2


def test_a_closed_standard_output_ends_nothing(noisy: dict[str, str], tmp_path: Path) -> None:
    command = [*HFT, "live", *QUICK]
    closed = subprocess.run(
        ["sh", "-c", 'exec "$@" <&- >&-', "sh", *command], cwd=tmp_path, env=noisy, stderr=subprocess.PIPE, text=True, timeout=90
    )
    assert closed.returncode == 0, closed.stderr
