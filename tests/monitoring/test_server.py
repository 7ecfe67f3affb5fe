"""The monitor as a process of its own, asked over real HTTP."""

import json
import os
import socket
import urllib.error
import urllib.request

import pytest

from tests.monitoring.conftest import Engine
from tests.monitoring.processes import address, monitor


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.read().decode()


def test_metrics_and_health_follow_the_engine(engine, path):
    with monitor(path) as child:
        base = address(child)
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

        child.process.terminate()
        assert child.code() == 0


def test_it_outlives_the_engine_and_finds_the_next_one(engine, path):
    with monitor(path) as child:
        base = address(child)
        engine.page.flag("running", False)
        engine.page.close()
        assert "stopped" in json.loads(get(f"{base}/health")[1])["reasons"][0]
        second = Engine(path, start_ns=engine.start_ns + 1)
        assert get(f"{base}/health")[0] == 200
        second.page.close()
        os.truncate(path, 10)  # what must not happen, and is survived
        os.remove(path)


def test_it_listens_on_loopback_only(engine, path):
    with monitor(path) as child:
        base = address(child)
        assert base.startswith("http://127.0.0.1:")


def refused(capfd, page, host="127.0.0.1", port=0):
    """The exit code of a monitor that can't start, and what it said on stderr."""
    with monitor(page, host, port) as child:
        assert child.first_report() == {}
        return child.code(), capfd.readouterr().err


def test_a_port_in_use_is_one_line_and_exit_code_2(engine, path, capfd):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, message = refused(capfd, path, port=port)
    assert (code, message.count("\n")) == (2, 1)
    assert f"127.0.0.1:{port}: can't listen: the port is in use; take another [monitoring] port" in message


@pytest.mark.parametrize(
    ("host", "why"),
    [("203.0.113.1", "is no address of this machine"), ("no.such.host.invalid", "is no address, and no known name")],
)
def test_a_wrong_address_is_not_blamed_on_the_port(engine, path, host, why, capfd):
    code, message = refused(capfd, path, host)
    assert code == 2
    assert f"can't listen: {host} {why}; take another [monitoring] host" in message


def test_no_page_is_one_line_and_exit_code_2(tmp_path, capfd):
    code, message = refused(capfd, tmp_path / "none")
    assert (code, message.count("\n")) == (2, 1)


def test_it_goes_with_the_process_that_started_it(engine, path):
    with monitor(path) as child:
        assert get(f"{address(child)}/health")[0] in (200, 503)
        child.close_requests()
        assert child.report(20) == {}
        assert child.code() == 0


def ask(base, request, timeout=10.0):
    """What comes back for these bytes, to the end of the connection."""
    host, port = base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=timeout) as connection:
        connection.sendall(request)
        answer = b""
        while data := connection.recv(1 << 16):
            answer += data
        return answer


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("LOCALHOST:80", 200), ("127.0.0.1:1", 200), ("[::1]", 200), ("10.0.0.1", 200),
     ("evil.example", 421), ("evil.example:9464", 421), ("localhost.evil.example", 421), ("127.0.0.1.evil.example", 421),
     ("", 421)],
)
def test_only_who_means_this_machine_is_answered(engine, path, host, status):
    """A page in a browser whose name leads here reads no P&L."""
    with monitor(path) as child:
        base = address(child)
        engine.beat()
        for target in ("metrics", "health"):
            answer = ask(base, f"GET /{target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            assert int(answer.split()[1]) == status
            assert (b"strategy" in answer or b"healthy" in answer or b"ok" in answer) == (status == 200)


def test_what_is_no_request_is_answered_without_a_traceback(engine, path, capfd):
    with monitor(path) as child:
        base = address(child)
        local = b" HTTP/1.1\r\nHost: localhost\r\n"
        for request in (
            b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /\xff" + local + b"\r\n",
            b"GET /" + local + b"x: " + b"y" * 20_000 + b"\r\n\r\n", b"GET /" + local + b"Content-Length: -1\r\n\r\n",
            b"POST /metrics" + local + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n",
        ):
            assert int(ask(base, request).split()[1]) >= 400
        assert get(f"{base}/metrics")[0] == 200
        child.process.terminate()
        assert child.code() == 0
    assert capfd.readouterr().err == ""


def test_a_client_that_never_ends_its_request_is_cut_off(engine, path, capfd):
    with monitor(path) as child:
        base = address(child)
        assert ask(base, b"GET /metrics HTTP/1.1\r\nHost: local", timeout=20.0) == b""
        child.process.terminate()
        assert child.code() == 0
    assert capfd.readouterr().err == ""
