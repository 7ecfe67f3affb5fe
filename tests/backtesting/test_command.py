"""`hft backtest`: what it prints, where, and how it ends; and what it needs of memory."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import hft
from hft import cli
from hft.errors import ExitCode
from hft.run.summary import Summary
from tests.backtesting.sessions import converted, unwarned, written

ROOT = Path(__file__).parents[2]
EASY = ["--set", "strategy.params.imbalance_threshold=0.2", "--set", "strategy.params.min_confidence=0.3"]


@pytest.fixture
def run(capsys):
    def call(*argv):
        code = cli.run(["backtest", *map(str, argv)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_json_has_the_keys_of_a_live_run_and_three_more(run, capture):
    code, out, err = run(capture, "--json", *EASY)
    assert (code, unwarned(err)) == (ExitCode.OK, "")
    got = json.loads(out)
    assert set(got) == {*Summary.__struct_fields__, "events", "events_per_s", "state_hash"}
    assert (got["events"], got["messages"], got["gaps"]) == (3_001, 3_001, 0)
    assert got["fills"] == len(hft.backtest(capture, imbalance_threshold=0.2, min_confidence=0.3).fills) > 0
    assert got["spec_sources"] == {"BTCUSDT": "table of 2024-08-08"}
    assert len(got["state_hash"]["BTCUSDT"]) == 16


def test_without_json_a_person_reads_it(run, capture, tmp_path):
    events = converted(tmp_path / "one.events", capture)
    for path in (capture, events):
        code, out, err = run(path)
        assert (code, unwarned(err)) == (ExitCode.OK, "")             # no terminal: no progress
        lines = dict(line.split(maxsplit=1) for line in out.splitlines())
        assert lines["run"].startswith("backtest on recorded binance-usdm")
        assert lines["speed"].endswith("events/s")


def test_options_reach_the_run(run, capture, tmp_path):
    ether = written(tmp_path / "e", symbol="ETHUSDT")
    (tmp_path / "c.toml").write_text("[strategy]\nstrategy_id = 'mine'\n")
    _, out, _ = run(capture, ether, "--symbols", "ethusdt", "--config", tmp_path / "c.toml", "--json")
    assert (json.loads(out)["symbols"], json.loads(out)["strategy"]) == (["ETHUSDT"], "mine")


def test_a_mistake_is_one_line_and_its_exit_code(run, capture, tmp_path):
    (tmp_path / "short.events").write_bytes(converted(tmp_path / "x.events", capture).read_bytes()[:-10])
    for argv, code in (
        ([tmp_path / "nowhere"], ExitCode.USAGE),
        ([capture, "--symbols", "XRPUSDT"], ExitCode.USAGE),
        ([tmp_path / "short.events"], ExitCode.DAMAGED),
        ([], ExitCode.USAGE),
    ):
        got, out, err = run(*argv)
        assert (got, out, err.count("\n")) == (code, "", 1)


def test_a_torn_end_is_reported_on_stderr(run, capture, tmp_path):
    (tmp_path / "torn").write_bytes(capture.read_bytes()[:-30])
    code, out, err = run(tmp_path / "torn", "--json")
    assert code == ExitCode.OK
    assert json.loads(out)["messages"] == 3_000
    assert "breaks off within line 3001" in err


def test_the_loss_of_all_equity_ends_as_a_live_run_does(run, capture):
    code, out, _ = run(capture, "--json", *EASY, "--set", "broker.initial_cash=1")
    assert code == ExitCode.HALTED
    assert json.loads(out)["kill_switch"] == "kill_bankrupt"


@pytest.mark.parametrize("json_", [False, True])
def test_progress_is_shown_on_a_terminal_and_never_with_json(capture, json_):
    parent, child = pty.openpty()
    argv = [sys.executable, "-m", "hft", "backtest", str(capture), *(["--json"] if json_ else [])]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=child, cwd=ROOT, check=True)
    os.close(child)
    shown = b""
    try:
        while data := os.read(parent, 4096):
            shown += data
    except OSError:             # Linux says so when the other end is gone
        pass
    os.close(parent)
    assert b"\r" not in done.stdout
    if json_:
        assert unwarned(shown.decode().replace("\r\n", "\n")) == ""
    else:
        assert b"100%" in shown
        assert b"3,001 events" in shown


# -- memory ----------------------------------------------------------------------------------------------------------------

PEAK = """
import re, sys, hft
hft.backtest(sys.argv[1], imbalance_threshold=1.0)
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) / 1e3)
"""


def peak_mb(path):
    """Peak resident memory of a process of its own (`ru_maxrss` would count in the one it was forked from)."""
    done = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, cwd=ROOT, check=True)
    return float(done.stdout)


@pytest.fixture(scope="module")
def short_and_long(tmp_path_factory):
    """A session, and a hundred times it, one after the other: old updates are passed over, but read they are."""
    folder = tmp_path_factory.mktemp("long")
    short = written(folder / "short", messages=4_000)
    lines = [line.split(b" ", 1) for line in short.read_bytes().splitlines()]
    span = int(lines[-1][0]) - int(lines[0][0]) + 1
    with (folder / "long").open("wb") as file:
        for n in range(100):
            file.writelines(b"%d %s\n" % (int(stamp) + n * span, body) for stamp, body in lines)
    return short, folder / "long"


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory_does_not_grow_with_the_session(short_and_long, tmp_path):
    short, long = short_and_long
    events = converted(tmp_path / "long.events", long)
    assert min(long.stat().st_size, events.stat().st_size) > 60_000_000
    little = peak_mb(short)
    assert peak_mb(long) < little + 30
    assert peak_mb(events) < little + 30
