"""`hft live`: the processes of one run, started, watched and stopped together::

        parent (this)  ──▶ embedded exchange    unless a venue is named
                       ──▶ engine               python -m hft.session
                       ──▶ monitor              /metrics and /health, from the state page
        and, on a terminal, draws the state page itself

The engine's process does nothing but trade. Children hold the other end of a pipe of ours, or watch who their parent is, so
that none outlives a parent that was killed. Ctrl-C reaches this process alone; it passes it on to the engine, which writes
everything and says what the run came to.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import msgspec

from hft.child import Child, embedded_exchange
from hft.config import Config, LiveOptions
from hft.config.sections import MONITOR_PORT
from hft.errors import ExitCode, HftError, TradingHalted, VenueUnreachable, cannot_listen
from hft.job import Job
from hft.summary import Summary, as_text, read_json
from hft.wiring import tradable

STOP_S = 30.0
"""How long the engine may take to write everything once it was asked to stop: longer than its writer's patience with a busy
database."""


STOPPING = (signal.SIGINT, signal.SIGTERM)


def live(config: Config, options: LiveOptions) -> int:
    """Run a session to its end; the exit code of the design."""
    exchange: Child | None = None
    tradable(config.dialect, f"[feed] venue: {config.feed.venue}", "use binance-usdm")
    if config.monitoring.enabled and config.monitoring.port is not None:
        _free(config.monitoring.host, config.monitoring.port)
    with contextlib.ExitStack() as stack:
        job = Job(config, options, console=not _draws(options))
        if config.feed.venue == "embedded" and not config.feed.ws_url:
            exchange = embedded_exchange(config)
            stack.callback(exchange.stop)
            said = exchange.first_line()
            if "rest" not in said:
                return exchange.code() or int(ExitCode.UNREACHABLE)
            job = msgspec.structs.replace(job, rest_url=said["rest"], ws_url=said["ws"], dialect=said["dialect"])
        # Held back until there are handlers for them, here and there: the engine's process inherits this and lets them through.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        engine = Child("engine", ["-m", "hft.session"], msgspec.json.encode(job) + b"\n")
        stack.callback(engine.stop, STOP_S)
        stack.enter_context(_signals_to(engine))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        ready = engine.first_line()
        if "ready" not in ready:
            return _refused(engine, ready)
        if config.monitoring.enabled:
            monitor = _monitor(config, ready["page"])
            stack.callback(monitor.stop)
            at = monitor.first_line()
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
                draw_while(ready["page"], lambda: engine.running)
            except Exception as error:      # the run outlives its view
                print(f"hft: the view ended ({error}); the run goes on, Ctrl-C stops it", file=sys.stderr)
        code = _end(engine, options)
        if lost.is_set():
            raise VenueUnreachable("the embedded exchange ended while the engine traded on it")
        return code


def _free(host: str, port: int) -> None:
    """UsageError for a monitor's port that is taken: before anything is started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, UnicodeError) as error:
            raise cannot_listen(
                error, host, port, port_option="--monitor-port", host_option="[monitoring] host"
            ) from None


def _url(at: dict[str, Any]) -> str:
    host = f"[{at['host']}]" if ":" in at["host"] else at["host"]
    return f"http://{host}:{at['port']}"


def _stop_without(exchange: Child, engine: Child, lost: threading.Event) -> None:
    """An engine whose exchange is gone for good would look for it for ever."""
    exchange.process.wait()
    if engine.running:
        lost.set()
        engine.process.terminate()


def _tell_end(monitor: Child, engine: Child) -> None:
    """Trading goes on without its monitor; whoever watches must hear that nobody does."""
    monitor.process.wait()
    if engine.running:
        print("hft: the monitor ended: no /metrics and /health for the rest of this run; the run goes on", file=sys.stderr)


def _draws(options: LiveOptions) -> bool:
    return not options.headless and not options.json and sys.stdout.isatty()


def _monitor(config: Config, page: str) -> Child:
    monitoring = config.monitoring
    port = "" if monitoring.port is None else str(monitoring.port)
    return Child("monitor", ["-m", "hft.monitoring.server", page, monitoring.host, port])


@contextlib.contextmanager
def _signals_to(engine: Child) -> Iterator[None]:
    """SIGINT and SIGTERM go to the engine; the first one stops it, and it ends us by ending. One that does not is killed."""

    def forward(number: int, _frame: FrameType | None) -> None:
        if engine.running:
            engine.process.send_signal(number)
            if not signal.getitimer(signal.ITIMER_REAL)[0]:
                signal.setitimer(signal.ITIMER_REAL, STOP_S)

    def give_up(_number: int, _frame: FrameType | None) -> None:
        engine.process.kill()

    handlers = {**dict.fromkeys(STOPPING, forward), signal.SIGALRM: give_up}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _refused(engine: Child, said: dict[str, Any]) -> int:
    code = engine.code()
    if "error" in said:
        raise _error(said["error"], code)
    return code


def _error(line: str, code: int) -> HftError:
    """An exception that prints as the engine said it and ends with its code."""
    error = HftError(line)
    error.exit_code = ExitCode(code) if code in set(ExitCode) else ExitCode.HALTED
    return error


def _end(engine: Child, options: LiveOptions) -> int:
    """Wait for the engine and tell what it says."""
    summary: Summary | None = None
    problem = ""
    for said in engine.lines():
        if "summary" in said:
            summary = read_json(said["summary"])
        problem = said.get("error", problem)
    code = engine.code()
    if summary is not None:
        print(summary.to_json() if options.json else as_text(summary), flush=True)
    if problem:
        raise _error(problem, code)
    if (number := -engine.process.returncode) > 0:
        raise TradingHalted(f"the engine was killed by signal {number}", do="what it had written is in the database")
    return code
