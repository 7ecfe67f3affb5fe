"""`hft live`: the whole chain in real processes, on real sockets, into a real database."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from decimal import Decimal
from pathlib import Path

import apsw
import pytest

from hft.persistence.reader import RunDatabase
from tests import data
from tests.exchange.sessions import record
from tests.net.ruled_venue import Venue
from tests.net.wire import CLOSE, eventually, frame
from tests.trading.processes import (
    ENGINE,
    ENVIRONMENT,
    HFT,
    alive,
    child,
    children,
    command,
    exchange,
    free_port,
    health,
    hft,
    page_of,
    started,
    summary,
    trading,
    until,
)

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
QUICK = ("--headless", "--json", "--no-monitor")


def decimals(text: str) -> dict:
    return json.loads(text, parse_float=Decimal, parse_int=lambda digits: Decimal(digits) if "." in digits else int(digits))


def test_the_main_job_and_its_database_agree(tmp_path: Path) -> None:
    done = hft("live", "--duration", "12", *QUICK, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = decimals(done.stdout)
    assert min(found[key] for key in ("messages", "signals", "orders", "fills")) > 0
    assert (found["resyncs"], found["gaps"], found["rejected_messages"]) == (0, 0, 0)
    assert found["tick_to_trade_ns"]["count"] > 0

    database = RunDatabase(tmp_path / "data" / "strategy.db")
    trades, orders, positions = database.trades(1), database.orders(1), database.positions(1)
    assert (len(trades), len(orders)) == (found["fills"], found["orders"])
    assert all(order.status in {"filled", "canceled", "expired", "rejected"} for order in orders)
    position = sum(trade.qty if trade.side == "buy" else -trade.qty for trade in trades)
    cash = sum(-trade.qty * trade.price if trade.side == "buy" else trade.qty * trade.price for trade in trades)
    fees = sum(trade.fee for trade in trades)
    assert position == positions["BTCUSDT"].qty == Decimal(str(found["position"]["BTCUSDT"]))
    assert cash == positions["BTCUSDT"].cash
    pnl = {name: Decimal(str(value)) for name, value in found["pnl"].items()}
    assert pnl["total"] == pnl["realised"] + pnl["unrealised"] - pnl["fees"]
    assert pnl["fees"] == fees
    mark = Decimal(str(found["mark"]["BTCUSDT"]))
    assert pnl["total"] == cash + position * mark - fees

    connection = apsw.Connection(str(tmp_path / "data" / "strategy.db"), flags=apsw.SQLITE_OPEN_READONLY)
    assert connection.execute("PRAGMA integrity_check").get == "ok"
    for name in ("strategy.db", "strategy.state", "strategy.log"):
        assert (tmp_path / "data" / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", [data.USDM_BTC, data.SPOT_BTC])
def test_a_served_capture_is_followed_without_a_gap(name: str, tmp_path: Path) -> None:
    with exchange("--capture", str(data.find(name)), "--speed", "40", cwd=tmp_path) as at:
        found = summary(hft(
            "live", "--duration", "9", *QUICK, "--rest-url", at["rest"], "--ws-url", at["ws"], cwd=tmp_path
        ))
    assert found["messages_by_kind"]["snapshot"] >= 1     # refreshed where the price nears the edge of the first
    assert (found["resyncs"], found["gaps"], found["rejected_messages"], found["missing_trades"]) == (0, 0, 0, 0)
    assert found["messages"] > data.figure(name, 20_000, 2_000)


def test_the_end_of_a_served_recording_ends_the_run(tmp_path: Path) -> None:
    record(tmp_path / "session.gz", "binance-usdm", seconds=3)
    with exchange("--capture", "session.gz", cwd=tmp_path) as at:
        done = hft("live", *QUICK, "--rest-url", at["rest"], "--ws-url", at["ws"], cwd=tmp_path)
    found = summary(done)
    assert found["stopped_by"] == "the end of the recording"
    assert found["messages_by_kind"]["depth"] > 10


def test_a_folder_that_holds_modules_of_the_same_names_is_no_trap(tmp_path: Path) -> None:
    """Run in the checkout, whose `hft` is not compiled, or beside somebody's `json.py`."""
    (tmp_path / "hft").mkdir()
    for name in ("hft/__init__.py", "json.py"):
        (tmp_path / name).write_text("raise RuntimeError('this is not the installed package')")
    assert summary(hft("live", "--duration", "3", *QUICK, cwd=tmp_path))["messages"] > 0


def test_ctrl_c_is_a_clean_end(tmp_path: Path) -> None:
    with started("live", *QUICK, cwd=tmp_path) as process:
        trading(tmp_path, messages=200)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert json.loads(out)["stopped_by"] == "SIGINT"
    run = RunDatabase(tmp_path / "data" / "strategy.db").runs()[0]
    assert run.ended_ns is not None


@LINUX
def test_the_engine_s_process_imports_only_what_trades(tmp_path: Path) -> None:
    program = "import sys, hft.trading.engine_process; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    packages = {name.partition(".")[0] for name in loaded}
    assert not {"aiohttp", "numpy", "rich", "prometheus_client", "websockets", "typer", "onnxruntime"} & packages


@LINUX
def test_an_engine_that_trades_is_small(tmp_path: Path) -> None:
    """It has asked the venue's REST side for rules and books by then, and is one process with its own memory."""
    with started("live", *QUICK, cwd=tmp_path) as process:
        trading(tmp_path, messages=200)
        engine = Path(f"/proc/{child(process.pid, ENGINE)}")
        mapped = (engine / "maps").read_text()
        assert "/picows/" in mapped
        assert not [name for name in ("aiohttp", "numpy", "yarl", "websockets", "onnxruntime") if f"/{name}/" in mapped]
        memory = dict(line.split(":", 1) for line in (engine / "smaps_rollup").read_text().splitlines()[1:])
        assert int(memory["Rss"].split()[0]) * 1024 <= 50_000_000, memory["Rss"]


@LINUX
def test_no_process_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    with started("live", "--headless", "--json", "--set", "monitoring.port=0", cwd=tmp_path) as process:
        trading(tmp_path, messages=200)
        until(lambda: len(children(process.pid)) == 3, "exchange, engine and monitor")
        family = children(process.pid)
        process.kill()
        process.wait()
        until(lambda: not any(map(alive, family)), "no process is left")
    run = RunDatabase(tmp_path / "data" / "strategy.db").runs()[0]
    assert run.ended_ns is not None


def test_viewers_see_the_run_and_stop_it(tmp_path: Path) -> None:
    port = free_port()
    with started("live", "--headless", "--json", "--monitor-port", str(port), cwd=tmp_path) as process:
        until(lambda: health(port)[0] == 200, "a monitor that says that the engine is well")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            metrics = answer.read().decode()
        assert "strategy_market_updates_total" in metrics
        assert "BTCUSDT" in command("watch", "--once", cwd=tmp_path).stdout
        assert "has it on" in command("kill", cwd=tmp_path).stdout
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health")
        assert refused.value.code == 503
        assert "kill_switch" in refused.value.read().decode()
        refused.value.close()
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 143
    assert json.loads(out)["kill_switch"] == "kill_requested"


# --- bad input: one line, the exit code of the design, nothing lost


def refused(*arguments: str, cwd: Path, code: int, states: tuple[str, ...]) -> None:
    done = hft(*arguments, cwd=cwd)
    assert done.returncode == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("hft")]
    assert len(lines) == 1, done.stderr
    assert all(word in lines[0] for word in states), lines[0]
    assert "Traceback" not in done.stderr


def test_a_venue_that_is_not_there(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))        # bound, not listening: refused
        at = f"127.0.0.1:{taken.getsockname()[1]}"
        refused("live", *QUICK, "--rest-url", f"http://{at}", "--ws-url", f"ws://{at}", cwd=tmp_path, code=3, states=(at,))


def test_a_symbol_that_the_venue_does_not_know(tmp_path: Path) -> None:
    with exchange("--seed", "1", cwd=tmp_path) as at:
        refused("live", *QUICK, "--symbols", "BTCUSTD", "--rest-url", at["rest"], "--ws-url", at["ws"], cwd=tmp_path, code=2,
                states=("BTCUSTD", "BTCUSDT"))


def test_symbols_of_different_currencies(tmp_path: Path) -> None:
    rules = {"BTCUSDT": ("0.1", "0.001", '"USDT"'), "ETHUSDT": ("0.01", "0.001", '"BTC"')}
    given = [
        f"--set=feed.symbols.{name}.{key}={value}"
        for name, each in rules.items() for key, value in zip(("tick", "step", "quote"), each, strict=True)
    ]
    refused("live", *QUICK, "--symbols", "BTCUSDT,ETHUSDT", *given, cwd=tmp_path, code=2, states=("BTC and USDT", "symbols"))
    assert not (tmp_path / "data" / "strategy.db").exists()


def test_a_port_that_is_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused("sim", "--port", port, cwd=tmp_path, code=2, states=(port,))


def test_a_monitor_s_port_that_is_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused("live", "--headless", "--monitor-port", port, cwd=tmp_path, code=2, states=(port, "--monitor-port"))
    assert not (tmp_path / "data").exists()     # nothing was started


def test_a_database_that_is_damaged(tmp_path: Path) -> None:
    summary(hft("live", "--duration", "3", *QUICK, cwd=tmp_path))
    path = tmp_path / "data" / "strategy.db"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    refused("live", *QUICK, cwd=tmp_path, code=4, states=("strategy.db",))


def test_a_database_that_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    foreign = tmp_path / "data" / "strategy.db"
    connection = apsw.Connection(str(foreign))
    connection.execute("CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup')")
    connection.close()
    refused("live", *QUICK, cwd=tmp_path, code=2, states=("strategy.db",))
    assert apsw.Connection(str(foreign)).execute("SELECT name FROM recipes").get == "soup"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_can_t_be_written(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o500)
    refused("live", *QUICK, cwd=tmp_path, code=2, states=("data",))


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    refused("live", *QUICK, cwd=tmp_path, code=2, states=("data",))


def test_a_capture_that_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "damaged.gz").write_bytes(b"\x1f\x8b\x08\x00" + bytes(40))
    refused("sim", "--capture", "damaged.gz", cwd=tmp_path, code=4, states=("damaged.gz",))


def test_two_engines_on_one_database(tmp_path: Path) -> None:
    with started("live", *QUICK, cwd=tmp_path):
        trading(tmp_path, messages=1)
        refused("live", *QUICK, cwd=tmp_path, code=2, states=("strategy",))


async def test_a_venue_that_is_not_ours_ends_no_run_by_what_it_says(tmp_path: Path) -> None:
    """"The end of the recording" is believed of an exchange of this program alone: a run that ends with 0 is not looked after."""
    async with Venue() as venue:
        process = await asyncio.create_subprocess_exec(
            *HFT, "live", *QUICK, "--set", "feed.protocol=binance-usdm", "--rest-url", venue.http.url, "--ws-url", venue.ws.url,
            "--duration", "8", cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        await eventually(lambda: (page := page_of(tmp_path)) and page.symbols[0].synced)
        for peer in list(venue.peers):
            await peer.write(frame((1000).to_bytes(2, "big") + b"end of the recording", CLOSE))
        out, _ = await asyncio.wait_for(process.communicate(), 90)
    found = json.loads(out)
    assert (process.returncode, found["stopped_by"]) == (0, "duration")
    assert found["reconnects"] >= 1
