"""`hft live`: the processes of one run, started, watched and stopped together::

        parent (this)  ──▶ embedded exchange    unless a venue is named
                       ──▶ engine               python -m hft.trading.engine_process
                       ──▶ monitor              /metrics and /health, from the state page
        and, on a terminal, draws the state page itself

The engine's process does nothing but trade. Each child has two pipes to its parent (`hft.system.child`): jobs and requests
go down, reports come up, and no child outlives a killed parent. Ctrl-C reaches only this process, which passes it to the
engine as a request to stop; the engine writes everything and reports the result of the run.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import sys
import threading
import time
from types import FrameType
from typing import Any

import msgspec

from hft.config import Config, LiveOptions
from hft.config.check import check_places
from hft.config.objects import validated
from hft.config.sections import MONITOR_PORT
from hft.errors import ExitCode, HftError, TradingHalted, VenueUnreachable, cannot_listen, printable_lines
from hft.run.summary import Summary, as_text, read_json, warn
from hft.run.wiring import tradable
from hft.system.child import Child, embedded_exchange, stdout_of_children
from hft.system.job import EngineJob, MonitorJob
from hft.system.signals import StopRequest
from hft.venues.catalogue import DEFAULT

STOP_S = 40.0
"""Seconds the engine has to write everything after a request to stop: longer than the timeouts of its writer and its recorder
for a busy disk together."""

POLL_S = 0.1


def live(config: Config | None = None, options: LiveOptions | None = None) -> int:
    """Runs a session to its end; returns the exit code.

    May be called from any thread, also one with an event loop (a notebook's), and returns when the run is over. In the main
    thread SIGINT, SIGTERM and SIGHUP stop the run; their previous handlers are restored before it returns.
    """
    config, options = validated(config or Config()), options or LiveOptions()
    check_places(config, *([] if options.record is None else [options.record]))
    tradable(config.protocol, f"[feed] venue: {config.feed.venue}", f"use {DEFAULT}")
    if config.monitoring.enabled:
        _free(config.monitoring.host, config.monitoring.port or 0)      # 0: only the host can be wrong
    stop = _Stop()
    with contextlib.ExitStack() as stack:
        stack.enter_context(stop.on_signals())
        return _run(config, options, stop, stack)


def _run(config: Config, options: LiveOptions, stop: _Stop, stack: contextlib.ExitStack) -> int:
    exchange: Child | None = None
    job = EngineJob(config, options, console=not _draws(options))
    stdout = stdout_of_children(options.json)
    if config.feed.venue == "embedded" and not config.feed.ws_url:
        exchange = embedded_exchange(config, stdout=stdout)
        stack.callback(exchange.stop)
        report = exchange.first_report(stop.check)
        if "rest" not in report:
            return exchange.code() or int(ExitCode.UNREACHABLE)
        job = msgspec.structs.replace(job, rest_url=report["rest"], ws_url=report["ws"], protocol=report["protocol"])
    engine = Child("engine", ["-m", "hft.trading.engine_process"], job, stdout=stdout)
    stack.callback(engine.stop, STOP_S)
    stop.goes_to(engine)
    ready = engine.first_report(stop.enforce)
    if "ready" not in ready:
        return _refused(engine, ready)
    if config.monitoring.enabled:
        task = MonitorJob(ready["page"], config.monitoring.host, config.monitoring.port)
        monitor = Child("monitor", ["-m", "hft.monitoring"], task, stdout=stdout)
        stack.callback(monitor.stop)
        at = monitor.first_report(stop.enforce)
        if not at:          # the reason is on stderr; without its monitor the run does not start
            return monitor.code()
        if config.monitoring.port is None and at["port"] != MONITOR_PORT:
            print(f"hft: port {MONITOR_PORT} is in use: /metrics and /health are on {_url(at)}", file=sys.stderr)
        threading.Thread(target=_report_end, args=(monitor, engine), daemon=True).start()
    lost = threading.Event()
    if exchange is not None:
        threading.Thread(target=_stop_without, args=(exchange, engine, lost), daemon=True).start()
    if _draws(options):
        from hft.monitoring.watch import draw_while

        try:
            draw_while(ready["page"], lambda: engine.running and stop.enforce())
        except Exception as error:      # the run continues without its view
            print(f"hft: the view ended ({error}); the run goes on, Ctrl-C stops it", file=sys.stderr)
    code = _end(engine, options, stop)
    if lost.is_set():
        raise VenueUnreachable(
            "the embedded exchange ended while the engine traded on it", do="see its messages above, and start the run again"
        )
    return code


class _Stop(StopRequest):
    """Passes requests to stop to the engine; kills an engine that does not end in time."""

    def __init__(self) -> None:
        super().__init__()
        self.killed = False
        """Whether the engine did not end in time and was killed."""
        self._engine: Child | None = None
        self._until = math.inf

    def _requested(self, number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if not self.why:
            self.why, self._until = name, time.monotonic() + STOP_S
        else:
            left_s = max(0.0, self._until - time.monotonic())
            line = f"hft: still stopping: the run's data is being written; if that hangs the engine is killed in {left_s:.0f} s\n"
            with contextlib.suppress(OSError):
                os.write(2, line.encode())      # not through sys.stderr, since this may have interrupted a write to it
        if self._engine is not None:
            self._engine.request_stop(name)

    def goes_to(self, engine: Child) -> None:
        """Passes requests to this engine, also one made before."""
        self._engine = engine
        if self.why:
            engine.request_stop(self.why)

    def enforce(self) -> bool:
        """Kills an engine that did not stop in time after a request. Returns True, for use in a condition."""
        if self._engine is not None and time.monotonic() > self._until:
            self.killed = True
            self._engine.process.kill()
        return True


def _free(host: str, port: int) -> None:
    """Raises UsageError for a monitor's port in use or an invalid host, before anything is started."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, UnicodeError) as error:
        raise cannot_listen(error, host, port, port_option="--monitor-port", host_option="[monitoring] host") from None


def _url(at: dict[str, Any]) -> str:
    host = f"[{at['host']}]" if ":" in at["host"] else at["host"]
    return f"http://{host}:{at['port']}"


def _stop_without(exchange: Child, engine: Child, lost: threading.Event) -> None:
    """Stops the engine when its exchange has ended; it would try to reconnect forever."""
    exchange.process.wait()
    if engine.running:
        lost.set()
        engine.request_stop("the end of the exchange")


def _report_end(monitor: Child, engine: Child) -> None:
    """Reports that the monitor ended; trading goes on without it."""
    monitor.process.wait()
    if engine.running:
        print("hft: the monitor ended: no /metrics and /health for the rest of this run; the run goes on", file=sys.stderr)


def _draws(options: LiveOptions) -> bool:
    return not options.headless and not options.json and sys.stdout.isatty()


def _refused(engine: Child, report: dict[str, Any]) -> int:
    code = engine.code()
    if "error" in report:
        raise _error(report["error"], code)
    return code


def _error(line: str, code: int) -> HftError:
    """An exception with the engine's own line and exit code."""
    error = HftError(line)
    error.exit_code = ExitCode(code) if code in set(ExitCode) else ExitCode.HALTED
    return error


def _end(engine: Child, options: LiveOptions, stop: _Stop) -> int:
    """Waits for the engine and prints its reports."""
    summary: Summary | None = None
    problem = ""
    while (report := engine.report(POLL_S)) != {}:
        stop.enforce()
        if report is None:
            continue
        if "summary" in report:
            summary = read_json(report["summary"])
        problem = report.get("error", problem)
    code = engine.code()
    if summary is not None:
        print(summary.to_json() if options.json else printable_lines(as_text(summary)), flush=True)
        warn(summary)
    if problem:
        raise _error(problem, code)
    if stop.killed:
        raise TradingHalted(
            f"the engine did not end within {STOP_S:g} s of the request to stop and was killed",
            do="its written data is in the database; check the disk",
        )
    if (number := -engine.process.returncode) > 0:
        raise TradingHalted(f"the engine was killed by signal {number}", do="its written data is in the database")
    return code
