"""`hft.live()` as a library calls it: from a thread, beneath a running event loop, with handlers of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trading.processes import ENVIRONMENT

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


MEANWHILE = """
import json, os, signal, sys, threading, time
import hft
from hft.config import LiveOptions, load

alarms, masks, stops = 0, set(), []

def alarm(*_):
    global alarms
    alarms += 1
    masks.update(signal.pthread_sigmask(signal.SIG_BLOCK, []))
    if alarms == 15 and sys.argv[1] == "thread":
        os.kill(os.getpid(), signal.SIGTERM)

signal.signal(signal.SIGALRM, alarm)
signal.signal(signal.SIGTERM, lambda *_: stops.append(masks.copy()))
signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
codes = []

def live():
    masks.update(signal.pthread_sigmask(signal.SIG_BLOCK, []))
    codes.append(hft.live(load(overrides={"monitoring.enabled": False}), LiveOptions(duration_s=2, headless=True)))

if sys.argv[1] == "thread":
    running = threading.Thread(target=live)
    running.start()
    running.join()
else:
    live()
signal.setitimer(signal.ITIMER_REAL, 0)
print(json.dumps([codes, alarms, len(masks), len(stops)]))
"""


@pytest.mark.parametrize("where", ["main", "thread"])
def test_meanwhile_a_program_s_own_signals_and_timers_are_its_own(where: str, tmp_path: Path) -> None:
    """Its timer goes on, no thread of it has a signal blocked, and in another thread SIGTERM means to it what it meant."""
    done = subprocess.run(
        [sys.executable, "-c", MEANWHILE, where], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    codes, alarms, blocked, stops = json.loads(done.stdout.splitlines()[-1])
    assert (codes, blocked, stops) == ([0], 0, int(where == "thread"))
    assert alarms >= 15         # two seconds and more, ten a second
