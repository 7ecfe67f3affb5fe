"""The monitor as a process of its own, asked over real HTTP."""

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from hft.child import Child
from hft.job import MonitorJob
from tests.monitoring.conftest import Engine

SERVER = [sys.executable, "-m", "hft.monitoring.server"]


@contextmanager
def monitor(path):
    """A monitor on a free port: its base address and its process."""
    command = [*SERVER, str(path), "127.0.0.1", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            where = json.loads(child.stdout.readline())
            yield f"http://{where['host']}:{where['port']}", child
        finally:
            child.terminate()


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.read().decode()


def test_metrics_and_health_follow_the_engine(engine, path):
    with monitor(path) as (base, child):
        engine.beat()
        status, text = get(f"{base}/metrics")
        assert status == 200
        assert "strategy_orders_submitted_total 0.0" in text
        engine.page.count("orders", 3)
        assert "strategy_orders_submitted_total 3.0" in get(f"{base}/metrics")[1]

        engine.beat()
        status, body = get(f"{base}/health")
        assert (status, json.loads(body)["status"]) == (200, "ok")
        engine.beat()
        engine.page.kill_set(True, 32, 1)
        status, body = get(f"{base}/health")
        assert status == 503
        assert json.loads(body)["reasons"] == ["kill_switch: on (kill_switch)"]

        child.terminate()
        assert child.wait(10) == 0


def test_it_outlives_the_engine_and_finds_the_next_one(engine, path):
    with monitor(path) as (base, _):
        engine.page.flag("running", False)
        engine.page.close()
        assert "stopped" in json.loads(get(f"{base}/health")[1])["reasons"][0]
        second = Engine(path, start_ns=engine.start_ns + 1)
        assert get(f"{base}/health")[0] == 200
        second.page.close()
        os.truncate(path, 10)  # what must not happen, and is survived
        os.remove(path)


def test_it_listens_on_loopback_only(engine, path):
    with monitor(path) as (base, _):
        assert base.startswith("http://127.0.0.1:")


def test_a_port_in_use_is_one_line_and_exit_code_2(engine, path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([*SERVER, str(path), "127.0.0.1", str(port)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"127.0.0.1:{port}: can't listen: the port is in use; take another [monitoring] port" in done.stderr


@pytest.mark.parametrize(
    ("host", "why"),
    [("203.0.113.1", "is no address of this machine"), ("no.such.host.invalid", "is no address, and no name that is known here")],
)
def test_a_wrong_address_is_not_blamed_on_the_port(engine, path, host, why):
    done = subprocess.run([*SERVER, str(path), host, "0"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"can't listen: {host} {why}; take another [monitoring] host" in done.stderr


def test_no_page_is_one_line_and_exit_code_2(tmp_path):
    done = subprocess.run([*SERVER, str(tmp_path / "none"), "127.0.0.1", "0"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_it_goes_with_the_process_that_started_it(engine, path):
    child = Child("monitor", ["-m", "hft.monitoring"], MonitorJob(str(path), "127.0.0.1", 0))
    where = child.first_report()
    assert get(f"http://{where['host']}:{where['port']}/health")[0] in (200, 503)
    child.close_requests()
    assert child.report(20) == {}
    assert child.code() == 0
    child.stop()
