"""`hft live`: the processes of one run, started, watched and stopped together::

        parent (this)  ──▶ embedded exchange    unless a venue is named
                       ──▶ engine               python -m hft.trading.engine_process
                       ──▶ monitor              /metrics and /health, from the state page
        and, on a terminal, draws the state page itself

The engine's process does nothing but trade. Each child holds the other ends of two pipes of ours (`hft.system.child`): jobs and
requests go down, reports come up, and none outlives a parent that was killed. Ctrl-C reaches this process alone; it passes it
on to the engine as a request to stop, and the engine writes everything and reports what the run came to.
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
"""How long the engine may take to write everything once it was asked to stop: longer than the patience of its writer and its
recorder with a busy disk, one after the other."""

POLL_S = 0.1


def live(config: Config | None = None, options: LiveOptions | None = None) -> int:
    """Run a session to its end; the exit code of the design.

    May be called from any thread, also one that runs an event loop (a notebook's), and returns when the run is over. In the
    main thread SIGINT, SIGTERM and SIGHUP stop the run meanwhile; before it returns their handlers are what they were.
    """
    config, options = validated(config or Config()), options or LiveOptions()
    check_places(config, *([] if options.record is None else [options.record]))
    tradable(config.protocol, f"[feed] venue: {config.feed.venue}", f"use {DEFAULT}")
    if config.monitoring.enabled:
        _free(config.monitoring.host, config.monitoring.port or 0)      # 0: the host alone can be wrong
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
        said = exchange.first_report(stop.check)
        if "rest" not in said:
            return exchange.code() or int(ExitCode.UNREACHABLE)
        job = msgspec.structs.replace(job, rest_url=said["rest"], ws_url=said["ws"], protocol=said["protocol"])
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
        if not at:          # it has said why on stderr: a run that was to be watched and is not, does not run
            return monitor.code()
        if config.monitoring.port is None and at["port"] != MONITOR_PORT:
            print(f"hft: port {MONITOR_PORT} is in use: /metrics and /health are on {_url(at)}", file=sys.stderr)
        threading.Thread(target=_tell_end, args=(monitor, engine), daemon=True).start()
    lost = threading.Event()
    if exchange is not None:
        threading.Thread(target=_stop_without, args=(exchange, engine, lost), daemon=True).start()
    if _draws(options):
        from hft.monitoring.watch import draw_while

        try:
            draw_while(ready["page"], lambda: engine.running and stop.enforce())
        except Exception as error:      # the run outlives its view
            print(f"hft: the view ended ({error}); the run goes on, Ctrl-C stops it", file=sys.stderr)
    code = _end(engine, options, stop)
    if lost.is_set():
        raise VenueUnreachable(
            "the embedded exchange ended while the engine traded on it", do="see what it said above, and start the run again"
        )
    return code


class _Stop(StopRequest):
    """Requests to stop that are passed on to the engine; one that does not end in time is killed."""

    def __init__(self) -> None:
        super().__init__()
        self.killed = False
        """The engine did not end in time and was killed."""
        self._engine: Child | None = None
        self._until = math.inf

    def _requested(self, number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if not self.why:
            self.why, self._until = name, time.monotonic() + STOP_S
        else:
            left_s = max(0.0, self._until - time.monotonic())
            line = f"hft: still stopping: what the run did is being written; if that hangs it is killed in {left_s:.0f} s\n"
            with contextlib.suppress(OSError):
                os.write(2, line.encode())      # not through sys.stderr: this may have interrupted a write to it
        if self._engine is not None:
            self._engine.ask_to_stop(name)

    def goes_to(self, engine: Child) -> None:
        """Pass requests on to this engine, one that was made meanwhile too."""
        self._engine = engine
        if self.why:
            engine.ask_to_stop(self.why)

    def enforce(self) -> bool:
        """Kill an engine that was asked to stop and has not in time. True, so that it may stand in a condition."""
        if self._engine is not None and time.monotonic() > self._until:
            self.killed = True
            self._engine.process.kill()
        return True


def _free(host: str, port: int) -> None:
    """UsageError for a monitor's port that is taken, or a host that is none: before anything is started."""
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
    """An engine whose exchange is gone for good would look for it for ever."""
    exchange.process.wait()
    if engine.running:
        lost.set()
        engine.ask_to_stop("the end of the exchange")


def _tell_end(monitor: Child, engine: Child) -> None:
    """Trading goes on without its monitor; whoever watches must hear that nobody does."""
    monitor.process.wait()
    if engine.running:
        print("hft: the monitor ended: no /metrics and /health for the rest of this run; the run goes on", file=sys.stderr)


def _draws(options: LiveOptions) -> bool:
    return not options.headless and not options.json and sys.stdout.isatty()


def _refused(engine: Child, said: dict[str, Any]) -> int:
    code = engine.code()
    if "error" in said:
        raise _error(said["error"], code)
    return code


def _error(line: str, code: int) -> HftError:
    """An exception with the engine's own line and exit code."""
    error = HftError(line)
    error.exit_code = ExitCode(code) if code in set(ExitCode) else ExitCode.HALTED
    return error


def _end(engine: Child, options: LiveOptions, stop: _Stop) -> int:
    """Wait for the engine and tell what it reports."""
    summary: Summary | None = None
    problem = ""
    while (said := engine.report(POLL_S)) != {}:
        stop.enforce()
        if said is None:
            continue
        if "summary" in said:
            summary = read_json(said["summary"])
        problem = said.get("error", problem)
    code = engine.code()
    if summary is not None:
        print(summary.to_json() if options.json else printable_lines(as_text(summary)), flush=True)
        warn(summary)
    if problem:
        raise _error(problem, code)
    if stop.killed:
        raise TradingHalted(
            f"the engine was asked to stop, did not end within {STOP_S:g} s and was killed",
            do="what it had written is in the database; check the disk that it is on",
        )
    if (number := -engine.process.returncode) > 0:
        raise TradingHalted(f"the engine was killed by signal {number}", do="what it had written is in the database")
    return code
