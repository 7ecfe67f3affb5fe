"""The processes of a run: what they say to each other, and what becomes of the run when one of them ends, or hangs."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from hft.config.sections import MONITOR_PORT
from hft.system.child import Child
from tests.exchange.sessions import record
from tests.trading.processes import (
    ENGINE,
    ENVIRONMENT,
    EXCHANGE,
    MONITOR,
    alive,
    child,
    children,
    exchange,
    free_port,
    health,
    hft,
    started,
    summary,
    trading,
    until,
)

QUICK = ("--headless", "--json", "--no-monitor")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


TALKER = """
import json, os, sys
from hft.system.parent import Parent
requests, reports = map(int, sys.argv[-1].split(","))
"""


def test_what_a_child_reports_at_once_is_read_line_by_line() -> None:
    pieces = """os.write(reports, b'{"a": 1}\\n{"b": 2}\\n{"c"'); os.write(reports, b': 3}\\n')"""
    child = Child("talker", ["-c", TALKER + pieces])
    try:
        assert child.first_report() == {"a": 1}
        assert [child.report(10), child.report(10), child.report(10)] == [{"b": 2}, {"c": 3}, {}]
    finally:
        child.stop()


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="makes a pipe small, as Linux does for a user with many")
def test_a_child_that_reports_much_ends_though_nobody_asks_what() -> None:
    """As the engine does while the terminal view is drawn: nothing here is waiting for its reports."""
    much = """
import fcntl
fcntl.fcntl(reports, fcntl.F_SETPIPE_SZ, 4096)
Parent(requests, reports).report(summary="x" * 200_000)
Parent(requests, reports).report(error="y")
"""
    child = Child("talker", ["-c", TALKER + much])
    try:
        assert child.process.wait(60) == 0
        assert [child.report(10), child.report(10)] == [{"summary": "x" * 200_000}, {"error": "y"}]
        assert [child.report(10), child.report(10)] == [{}, {}]
    finally:
        child.stop()


MODULES = pytest.mark.parametrize("module", [ENGINE, EXCHANGE, MONITOR])


def child_of(module: str, job: bytes) -> subprocess.CompletedProcess[str]:
    """One of the three with these bytes for a job, after which its parent is gone."""
    requests, reports = os.pipe(), os.pipe()
    os.write(requests[1], job)
    os.close(requests[1])
    try:
        return subprocess.run(
            [sys.executable, "-P", "-m", module, f"{requests[0]},{reports[1]}"], pass_fds=(requests[0], reports[1]),
            env=ENVIRONMENT, capture_output=True, text=True, timeout=60,
        )
    finally:
        for descriptor in (requests[0], *reports):
            os.close(descriptor)


@MODULES
def test_a_child_whose_parent_is_gone_before_it_had_a_job_ends_in_silence(module: str) -> None:
    done = child_of(module, b"")
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "")


@MODULES
def test_a_bug_in_a_child_is_one_line(module: str) -> None:
    """A job that no version of ours sends."""
    done = child_of(module, b"no JSON\n")
    assert (done.returncode, done.stdout) == (70, "")
    assert re.fullmatch(r"hft: a bug in hft: DecodeError: .*; its traceback is in \S+\n", done.stderr)
    Path(done.stderr.split()[-1]).unlink()


def test_a_child_has_its_job_and_its_requests_by_pipe_and_prints_what_it_likes(capfd: pytest.CaptureFixture[str]) -> None:
    program = """
import asyncio
parent = Parent(requests, reports)
print("job", parent.job(dict)["secret"], *sys.argv[1:], flush=True)
async def run():
    done = asyncio.Event()
    parent.watch(lambda: print("orphan"), lambda why: (parent.report(why=why), done.set()))
    parent.report(up=True)
    await done.wait()
asyncio.run(run())
print("{not JSON", sys.stdin.read(), sep="")
"""
    child = Child("talker", ["-c", TALKER + program], {"secret": "x" * 100_000})
    try:
        child.request_stop("because")        # at once: it may come together with the job
        assert child.first_report() == {"up": True}
        assert [child.report(10), child.report(10)] == [{"why": "because"}, {}]
        assert child.code() == 0
        command = " ".join(child.process.args)
    finally:
        child.stop()
    assert "xxx" not in command
    message = capfd.readouterr().out.splitlines()
    assert message[0].startswith("job xxx")
    assert message[1:] == ["{not JSON"]


@LINUX
def test_a_child_whose_own_child_holds_its_pipe_is_seen_to_end() -> None:
    program = "pid = os.fork() or os.execv('/bin/sleep', ['sleep', '30']); os.write(reports, b'{\"pid\": %d}\\n' % pid)"
    child = Child("parent of another", ["-c", TALKER + program])
    message = child.first_report()
    try:
        assert child.report(10) == {}
        assert alive(message["pid"])
    finally:
        os.kill(message["pid"], signal.SIGKILL)
        child.stop()


def test_the_pipes_of_a_child_are_never_its_standard_descriptors(tmp_path: Path) -> None:
    """Started without them (``hft live <&- >&-``), a print of the child would else go to its parent as a report."""
    program = """
import os, sys
from hft.system.child import Child
os.close(0), os.close(1)
child = Child("printer", ["-c", "import os, sys; print('not JSON'); os.write(int(sys.argv[-1].split(',')[1]), b'[1]\\\\n')"])
sys.exit(0 if (child.first_report(), child.report(10)) == ([1], {}) else 1)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, env=ENVIRONMENT)


def test_a_child_that_a_signal_ended_has_a_shell_s_exit_code() -> None:
    child = Child("victim", ["-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"], "x" * 50_000)
    assert child.first_report() == {}
    assert child.code() == 137
    child.stop()


@LINUX
@pytest.mark.parametrize("processes", [1, 2])
def test_ctrl_c_before_the_run_has_begun(processes: int, tmp_path: Path) -> None:
    """While the exchange, or the engine, is still importing: no traceback, and the exit code of Ctrl-C."""
    with started("live", *QUICK, cwd=tmp_path) as process:
        until(lambda: len(children(process.pid)) >= processes, f"{processes} children")
        process.send_signal(signal.SIGINT)
        _, problems = process.communicate(timeout=20)
    assert "Traceback" not in problems
    assert process.returncode == 130


def test_ctrl_c_while_the_venue_does_not_answer(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        at = f"127.0.0.1:{silent.getsockname()[1]}"
        with started("live", *QUICK, "--rest-url", f"http://{at}", "--ws-url", f"ws://{at}", cwd=tmp_path) as process:
            silent.settimeout(60)
            with silent.accept()[0]:    # asked, and never answered
                process.send_signal(signal.SIGINT)
                _, problems = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "stopped before the run began" in problems


@LINUX
def test_the_end_of_the_exchange_ends_the_run(tmp_path: Path) -> None:
    with started("live", *QUICK, cwd=tmp_path) as process:
        trading(tmp_path, messages=200)
        os.kill(child(process.pid, EXCHANGE), signal.SIGKILL)
        out, problems = process.communicate(timeout=20)
    assert process.returncode == 3
    assert "the embedded exchange ended" in problems
    assert json.loads(out)["messages"] > 0


@LINUX
def test_an_engine_that_is_killed_is_reported_in_one_line(tmp_path: Path) -> None:
    with started("live", *QUICK, cwd=tmp_path) as process:
        trading(tmp_path, messages=200)
        os.kill(child(process.pid, ENGINE), signal.SIGKILL)
        _, problems = process.communicate(timeout=20)
    assert process.returncode == 6
    assert "killed by signal 9" in problems
    assert "Traceback" not in problems


@contextlib.contextmanager
def in_use(port: int) -> Iterator[None]:
    """The port is in use by this process; a run of another test may have had it until now."""
    with until(lambda: server(port), "the port") as listening:
        assert listening.fileno() >= 0
        yield


def server(port: int) -> socket.socket | None:
    """A server on the port; None while another process has it."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return None


def test_a_second_run_takes_another_monitor_port_and_says_which(tmp_path: Path) -> None:
    with in_use(MONITOR_PORT), started("live", "--headless", cwd=tmp_path) as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "in use" in line)
        reported = re.fullmatch(r"hft: port 9464 is in use: /metrics and /health are on (http://127\.0\.0\.1:\d+)\n", line)
        assert reported is not None, line
        with urllib.request.urlopen(f"{reported[1]}/metrics") as answer:
            assert b"strategy_market_updates_total" in answer.read()


def test_a_monitor_port_that_was_requested_and_is_taken_is_an_error(tmp_path: Path) -> None:
    with in_use(MONITOR_PORT):
        done = hft("live", "--headless", "--monitor-port", str(MONITOR_PORT), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "hft: 127.0.0.1:9464: can't listen: the port is in use; take another --monitor-port, 0 for any free one\n"
    )


def test_an_exchange_at_an_address_is_called_by_it_and_its_pace_is_reported(tmp_path: Path) -> None:
    with exchange("--set", "exchange.port=0", cwd=tmp_path) as at:
        arguments = (*QUICK, "--duration", "1", "--set", "strategy.strategy_id=momentum")
        done = hft("live", *arguments, "--rest-url", at["rest"], "--ws-url", at["ws"], cwd=tmp_path)
    found = summary(done)
    assert found["venue"] == f"exchange at {at['rest'].removeprefix('http://')}"
    assert (found["strategy"], found["strategy_kind"]) == ("momentum", "imbalance")
    assert "is only a name; the strategy that trades is imbalance" in done.stderr
    assert "times its own pace" not in done.stderr


def test_a_recording_served_faster_is_reported_at_both_ends(tmp_path: Path) -> None:
    record(tmp_path / "session.gz", "binance-usdm", seconds=3)
    with started("sim", "--capture", "session.gz", "--speed", "3", cwd=tmp_path) as venue:
        assert venue.stdout is not None
        at = json.loads(venue.stdout.readline())
        done = hft("live", *QUICK, "--rest-url", at["rest"], "--ws-url", at["ws"], cwd=tmp_path)
        _, reported = venue.communicate(timeout=20)
    for text in (done.stderr, reported):
        assert "market data runs at 3 times its own pace, and windows, holding times and latencies do not" in text


@LINUX
def test_a_monitor_that_ends_is_reported_and_the_run_goes_on(tmp_path: Path) -> None:
    port = free_port()
    with started("live", "--headless", "--json", "--monitor-port", str(port), cwd=tmp_path) as process:
        until(lambda: health(port)[0], "a monitor that is up")
        os.kill(child(process.pid, MONITOR), signal.SIGKILL)
        assert process.stderr is not None
        reported = next(line for line in process.stderr if "the monitor ended" in line)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert "the run goes on" in reported
    assert process.returncode == 143
    assert json.loads(out)["stopped_by"] == "SIGTERM"


@pytest.mark.parametrize("host", ["203.0.113.1", "no.such.host.invalid", "2001:db8::1"])
def test_a_wrong_host_of_the_monitor_is_reported_before_anything_is_started(host: str, tmp_path: Path) -> None:
    """With the port left to hft, too: 2 says that nothing was started."""
    done = hft("live", "--headless", "--json", "--set", f'monitoring.host="{host}"', "--duration", "1", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "take another [monitoring] host" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_engine_that_does_not_end_is_killed_and_that_is_reported(tmp_path: Path) -> None:
    shorter = "from hft.trading import launch; launch.STOP_S = 1.0"
    program = f"import sys; from hft import cli; {shorter}; sys.exit(cli.run(sys.argv[1:]))"
    with subprocess.Popen(
        [sys.executable, "-P", "-c", program, "live", *QUICK], cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:
        os.kill(trading(tmp_path).pid, signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)
        _, problems = process.communicate(timeout=60)
    assert process.returncode == 6
    assert "did not end within 1 s of the request to stop and was killed; its written data is in the database" in problems
