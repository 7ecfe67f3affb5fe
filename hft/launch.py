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
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

import msgspec

from hft.config import Config, LiveOptions
from hft.errors import ExitCode, HftError, VenueUnreachable
from hft.job import Job
from hft.summary import Summary, as_text, read_json

STARTUP_S = 30.0
STOP_S = 15.0
"""How long the engine may take to write everything once it was asked to stop."""


class Child:
    """A process of this run. It is in a session of its own: a terminal's Ctrl-C is for the parent to pass on."""

    def __init__(self, name: str, arguments: list[str], stdin: bytes = b"") -> None:
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self._buffer = b""
        assert self.process.stdin is not None
        self.process.stdin.write(stdin)
        self.process.stdin.flush()

    def lines(self, timeout_s: float | None = None) -> Iterator[dict[str, Any]]:
        """The JSON lines that it prints within the time (None: until it ends)."""
        assert self.process.stdout is not None
        until = None if timeout_s is None else time.monotonic() + timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while selector.select(None if until is None else max(0.0, until - time.monotonic())):
                data = os.read(self.process.stdout.fileno(), 1 << 16)
                if not data:
                    return
                *lines, self._buffer = (self._buffer + data).split(b"\n")
                for line in lines:
                    yield msgspec.json.decode(line)

    def first_line(self) -> dict[str, Any]:
        """What it says once it is up; an empty dict when it ended instead."""
        return next(self.lines(STARTUP_S), {})

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def stop(self, timeout_s: float = 3.0) -> None:
        """SIGTERM, and SIGKILL when that is not heard."""
        if self.running:
            self.process.terminate()
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def live(config: Config, options: LiveOptions) -> int:
    """Run a session to its end; the exit code of the design."""
    with contextlib.ExitStack() as stack:
        job = Job(config, options, console=not _draws(options))
        if config.feed.venue == "embedded" and not config.feed.ws_url:
            exchange = _exchange(config)
            stack.callback(exchange.stop)
            said = exchange.first_line()
            if "rest" not in said:
                return exchange.process.wait() or int(ExitCode.UNREACHABLE)
            job = msgspec.structs.replace(job, rest_url=said["rest"], ws_url=said["ws"], dialect=said["dialect"])
        engine = Child("engine", ["-m", "hft.session"], msgspec.json.encode(job) + b"\n")
        stack.callback(engine.stop, STOP_S)
        stack.enter_context(_signals_to(engine))
        ready = engine.first_line()
        if "ready" not in ready:
            return _refused(engine, ready)
        if config.monitoring.enabled:
            monitor = _monitor(config, ready["page"])
            stack.callback(monitor.stop)
            if not monitor.first_line():        # it has said why on stderr: a run that was to be watched and is not, does not run
                return monitor.process.wait()
        if _draws(options):
            from hft.monitoring.watch import draw_while

            draw_while(ready["page"], lambda: engine.running)
        return _end(engine, options)


def _draws(options: LiveOptions) -> bool:
    return not options.headless and not options.json and sys.stdout.isatty()


def _exchange(config: Config) -> Child:
    return Child("exchange", ["-m", "hft.exchange", msgspec.json.encode(config).decode()])


def _monitor(config: Config, page: str) -> Child:
    monitoring = config.monitoring
    return Child("monitor", ["-m", "hft.monitoring.server", page, monitoring.host, str(monitoring.port)])


@contextlib.contextmanager
def _signals_to(engine: Child) -> Iterator[None]:
    """SIGINT and SIGTERM go to the engine; the first one stops it, and it ends us by ending."""

    def forward(number: int, _frame: FrameType | None) -> None:
        if engine.running:
            engine.process.send_signal(number)

    before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _refused(engine: Child, said: dict[str, Any]) -> int:
    code = engine.process.wait()
    if "error" in said:
        raise _error(said["error"], code)
    return code


def _error(line: str, code: int) -> HftError:
    """An exception that prints as the engine said it and ends with its code."""
    error = HftError(line)
    error.exit_code = ExitCode(code)
    return error


def _end(engine: Child, options: LiveOptions) -> int:
    """Wait for the engine and tell what it says."""
    summary: Summary | None = None
    problem = ""
    for said in engine.lines():
        if "summary" in said:
            summary = read_json(said["summary"])
        problem = said.get("error", problem)
    code = engine.process.wait()
    if summary is not None:
        print(summary.to_json() if options.json else as_text(summary), flush=True)
    if problem:
        raise _error(problem, code)
    if code < 0:
        raise VenueUnreachable(f"the engine was killed by signal {-code}", do="what it had written is in the database")
    return code
