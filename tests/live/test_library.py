"""`hft.live()` as a library calls it: from a thread, beneath a running event loop, with handlers of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.processes import ENVIRONMENT

STATE = """
import asyncio, json, signal, sys, threading
import hft
from hft.config import LiveOptions, load

CONFIG = load(overrides={"monitoring.enabled": False})
OPTIONS = LiveOptions(duration_s=1, headless=True)
NUMBERS = [n for n in signal.valid_signals() if n not in (signal.SIGKILL, signal.SIGSTOP)]

def mine(*_): pass

def state():
    return ([signal.getsignal(n) for n in NUMBERS], signal.pthread_sigmask(signal.SIG_BLOCK, []),
            signal.getitimer(signal.ITIMER_REAL)[1])

signal.signal(signal.SIGALRM, mine)
signal.signal(signal.SIGTERM, mine)
signal.setitimer(signal.ITIMER_REAL, 3600, 3600)
found = {}

def live():
    found["code"] = hft.live(CONFIG, OPTIONS)

before = state()
"""
WAYS = {
    "the main thread": "live()",
    "a thread": "t = threading.Thread(target=live); t.start(); t.join()",
    "an event loop": "async def main(): live()\nasyncio.run(main())",
    "a thread beneath an event loop": "asyncio.run(asyncio.to_thread(live))",
}


@pytest.mark.parametrize("way", WAYS)
def test_it_runs_and_leaves_signals_as_they_were(way: str, tmp_path: Path) -> None:
    program = f"{STATE}{WAYS[way]}\nassert state() == before\nprint(json.dumps(found))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"code": 0}
