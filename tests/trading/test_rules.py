"""A symbol's rules change while `hft live` trades it: the whole chain, in real processes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from tests import data
from tests.net.ruled_venue import Venue
from tests.trading.processes import ENVIRONMENT, HFT, command, hft, summary

QUICK = ("--headless", "--json", "--no-monitor", "--set", "feed.protocol=binance-usdm")


async def live(venue: Venue, cwd: Path, *arguments: str, after: Callable[[], None] = lambda: None, wait_s: float = 3.0) -> dict:
    """`hft live` on that venue; `after` is called once its market has run for a while. What it printed, and what it said."""
    process = await asyncio.create_subprocess_exec(
        *HFT, "live", *QUICK, "--rest-url", venue.http.url, "--ws-url", venue.ws.url, *arguments, cwd=cwd, env=ENVIRONMENT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    asyncio.get_running_loop().call_later(wait_s, after)
    out, errors = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 0, errors.decode()
    return {**json.loads(out), "printed": errors.decode()}


async def test_a_tick_that_becomes_finer_is_followed_and_verifies(tmp_path: Path) -> None:
    async with Venue() as venue:
        def finer() -> None:
            venue.tick, venue.printed_tick = 2, "0.01"

        found = await live(venue, tmp_path, "--duration", "18", "--record", "run.gz", after=finer, wait_s=6)
    assert "rules changed" in found["printed"]
    assert "tick 0.1 -> 0.01" in found["printed"]
    assert found["skipped"]["bad_number"] > 0
    assert found["mark"]["BTCUSDT"] is not None
    [(symbols,)] = apsw.Connection(str(tmp_path / "data" / "strategy.db")).execute("SELECT symbols FROM runs").fetchall()
    assert [(each["tick"], "from_seq" in each) for each in json.loads(symbols)] == [("0.1", False), ("0.01", True)]
    verified = command("verify", "run.gz", cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert verified.stdout.startswith("identical: ")
    again = hft("backtest", "run.gz", "--json", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["rejected_messages"] == 0


async def test_a_symbol_that_is_not_traded_is_reported_at_the_start(tmp_path: Path) -> None:
    async with Venue() as venue:
        venue.status, venue.still = "BREAK", True
        found = await live(venue, tmp_path, "--duration", "4")
    assert "not trading" in found["printed"]
    assert "the venue says BREAK: orders are refused until the status is TRADING" in found["printed"]
    assert found["orders"] == 0
    in_sync = found["in_sync"]["BTCUSDT"]
    assert in_sync["not_trading"]["count"] == 1
    assert in_sync["not_trading"]["seconds"] > 3
    assert "no_rest_book" not in in_sync["causes"]      # a symbol that is not traded sends no update that would continue one
    assert "BTCUSDT was not traded by the venue (BREAK, HALT …)" in found["why_no_orders"][0]
    warned = [line for line in found["printed"].splitlines() if line.startswith("hft: ") and "not traded by the venue" in line]
    assert len(warned) == 1


# -- the case's own server ---------------------------------------------------------------------------------------------


@contextmanager
def server(scenario: str) -> Iterator[str]:
    script = data.find("cases/09_tick_changes/srv.py")
    process = subprocess.Popen([sys.executable, str(script), scenario], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def followed(port: str, duration: str, cwd: Path) -> dict:
    at = ("--rest-url", f"http://127.0.0.1:{port}", "--ws-url", f"ws://127.0.0.1:{port}")
    done = hft("live", *at, "--duration", duration, *QUICK, cwd=cwd)
    return {**summary(done), "printed": done.stderr}


def test_case_09_tick_changes_live(tmp_path: Path) -> None:
    with server("tick") as port:
        found = followed(port, "32", tmp_path)
    assert "tick 0.1 -> 0.01" in found["printed"]
    assert found["printed"].count("bad_number") <= 3
    assert found["messages"] > 1200         # most of them after the change


@pytest.mark.parametrize(("scenario", "status"), [("break", "BREAK"), ("settling", "SETTLING")])
def test_case_15_symbol_not_trading(scenario: str, status: str, tmp_path: Path) -> None:
    with server(scenario) as port:
        found = followed(port, "5", tmp_path)
    assert f"the venue says {status}: orders are refused" in found["printed"]
