"""The exchange as a process: announcement, signals, the end of its parent, exit codes."""

import json
import signal
import socket
import subprocess
import sys
import textwrap

import pytest

from hft.config import Config
from hft.system.child import embedded_exchange


def start(settings: str, **more):
    code = f"from hft.exchange.server import *; from pathlib import Path; sys.exit(run_settings(ExchangeSettings({settings})))"
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 143)])
def test_it_announces_itself_and_stops_cleanly_on_a_signal(number, code):
    process = start("symbols=('BTCUSDT', 'SOLUSDT')")
    served = json.loads(process.stdout.readline())
    assert set(served) == {"rest", "ws", "protocol", "symbols", "pid"}
    assert (served["protocol"], served["symbols"], served["pid"]) == ("binance-usdm", ["BTCUSDT", "SOLUSDT"], process.pid)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (code, "", "")


def test_the_embedded_one_ends_with_the_pipe_of_its_parent():
    child = embedded_exchange(Config())
    served = child.first_report()
    assert served["symbols"] == ["BTCUSDT"]
    child.close_requests()
    assert child.report(20) == {}
    assert child.code() == 0
    child.stop()


def test_it_ends_with_its_parent():
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent("""
            import subprocess, sys
            code = "from hft.exchange.server import *; run_settings(ExchangeSettings())"
            child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
            sys.stdout.write(child.stdout.readline().decode()); sys.stdout.flush()
            sys.stdin.read()
        """)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child = json.loads(parent.stdout.readline())["pid"]
    parent.kill()
    # The child holds its parent's stderr: the pipe ends when it does.
    assert parent.stderr.read() == b""
    parent.communicate(timeout=20)
    assert child != parent.pid


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ("symbols=('NOPE',)", 2, "NOPE"),
        ("speed=0.0", 2, "speed"),
        ("capture=Path('/nowhere/x.gz')", 2, "/nowhere/x.gz"),
        ("host='203.0.113.1'", 2, "203.0.113.1"),
    ],
)
def test_what_can_not_be_served_is_one_line_and_its_exit_code(settings, code, words):
    process = start(settings)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (code, "")
    assert words in err
    assert err.count("\n") == 1


def test_a_wrong_address_is_not_blamed_on_the_port():
    _, err = start("host='203.0.113.1'").communicate(timeout=20)
    assert err == (
        "hft sim: 203.0.113.1:0: can't listen: 203.0.113.1 is no address of this machine; take another --host, e.g. 127.0.0.1\n"
    )


def test_an_ipv6_address_is_announced_as_a_url():
    process = start("host='::1'")
    served = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert served["rest"].startswith("http://[::1]:")
    assert served["ws"].startswith("ws://[::1]:")


def test_a_pace_that_is_not_the_clocks_is_reported():
    process = start("speed=10.0")
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert err.startswith("hft sim: market data runs at 10 times its own pace, and windows")


def test_a_damaged_capture_ends_with_four(tmp_path):
    (tmp_path / "bad.gz").write_bytes(b"\x1f\x8b nothing")
    process = start(f"capture=Path({str(tmp_path / 'bad.gz')!r})")
    _, err = process.communicate(timeout=20)
    assert process.returncode == 4
    assert "bad.gz" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["a.events", "a.npy", "a.npz"])
def test_events_are_not_served_and_where_they_run_is_reported(name, tmp_path):
    (tmp_path / name).write_bytes({"a.events": b"HFTEVNT1", "a.npy": b"\x93NUMPY\x01\x00", "a.npz": b"PK\x03\x04...."}[name])
    process = start(f"capture=Path({str(tmp_path / name)!r})")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "holds events; only a venue's own messages can be served; run it with `hft backtest`" in err


@pytest.mark.parametrize("how", ["signal", "dropped"])
def test_a_client_that_does_not_read_does_not_hold_up_the_end(how):
    """It does not answer the closing handshake either."""
    program = (
        "import sys; from hft.exchange import connection; connection.CLOSE_S = 0.2; "
        "from hft.exchange.server import run_settings; from hft.exchange.settings import ExchangeSettings; "
        f"sys.exit(run_settings(ExchangeSettings(speed=20.0, client_queue={10 if how == 'dropped' else 100_000})))"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    host, port = json.loads(process.stdout.readline())["ws"].removeprefix("ws://").split(":")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect((host, int(port)))
        client.sendall(
            b"GET /stream?streams=btcusdt@depth@0ms/btcusdt@bookTicker/btcusdt@trade HTTP/1.1\r\nHost: x\r\n"
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert client.recv(12) == b"HTTP/1.1 101"
        if how == "dropped":
            assert "too slow" in next(line for line in process.stderr if "a client is dropped" in line)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=8)
    assert process.returncode == 143
