"""The embedded exchange as a process: one port for REST and websockets, announced by one JSON line, and a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hft.errors import LONGEST, ExitCode, HftError, cannot_listen, printable
from hft.exchange.settings import ExchangeSettings, from_config
from hft.system.signals import stopping
from hft.venues.embedded import RECORDING_OVER, pace_warning

if TYPE_CHECKING:
    from hft.config import Config
    from hft.exchange.faults import Faults
    from hft.exchange.replay import Replay
    from hft.exchange.simulation import Simulation
    from hft.system.parent import Parent

PARENT_POLL_S = 0.5

Announce = Callable[[dict[str, Any]], None]


async def serve(settings: ExchangeSettings, announce: Announce, parent: Parent | None = None) -> ExitCode:
    """Serves until a signal, the end of the starting process, a request of `parent`, or the end of the capture.

    `announce` is called once the exchange accepts clients, with `rest` and `ws` (base URLs), `protocol`, `symbols` and `pid`.

    Returns OK at the end of a capture or of the parent, SIGINT or SIGTERM after that signal. Raises `UsageError` for settings
    that can't be served, such as a port in use, and `DamagedData` for a damaged capture.
    """
    from aiohttp import web

    from hft.exchange.web import app_runner

    venue = _venue(settings.checked())
    faults = venue.hub.faults = _faults(settings, venue)
    venue.hub.log = _print
    runner = app_runner(venue)
    await runner.setup()
    try:
        with _ending(parent) as ended:
            try:
                await web.TCPSite(runner, settings.host, settings.port).start()
            except (OSError, UnicodeError) as error:
                port_option, host_option = ("[exchange] port", "[exchange] host") if parent is not None else ("--port", "--host")
                raise cannot_listen(
                    error, settings.host, settings.port, port_option=port_option, host_option=host_option
                ) from None
            host, port = runner.addresses[0][:2]
            at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            announce({
                "rest": f"http://{at}", "ws": f"ws://{at}", "protocol": venue.protocol.name, "symbols": list(venue.symbols),
                "pid": os.getpid(),
            })
            if settings.speed != 1.0:
                _print(pace_warning(settings.speed))
            try:
                return await _until_end(venue, ended)
            finally:
                if faults is not None:
                    _print(f"faults: {msgspec.json.encode(faults.report()).decode()}")
    finally:
        await runner.cleanup()


def _venue(settings: ExchangeSettings) -> Simulation | Replay:
    if settings.capture is not None:
        from hft.exchange.replay import Replay

        return Replay(settings.capture, only=settings.only, speed=settings.speed, queue=settings.client_queue)
    from hft.exchange.simulation import Simulation

    return Simulation(settings.protocol, settings.symbols, seed=settings.seed, speed=settings.speed, queue=settings.client_queue)


def _faults(settings: ExchangeSettings, venue: Simulation | Replay) -> Faults | None:
    if settings.faults is None:
        return None
    from hft.exchange.fault_plan import read_plan
    from hft.exchange.faults import Faults

    return Faults(read_plan(settings.faults, venue.symbols), venue.now_ns, _print)


def _print(line: str) -> None:
    sys.stderr.write(f"hft sim: {printable(line, LONGEST)}\n")
    sys.stderr.flush()


async def _until_end(venue: Simulation | Replay, ended: asyncio.Future[ExitCode]) -> ExitCode:
    from aiohttp import WSCloseCode

    session = asyncio.ensure_future(venue.run())
    injecting = asyncio.ensure_future(venue.hub.faults.run()) if venue.hub.faults is not None else None
    waited: set[asyncio.Future[Any]] = {session, ended, *([injecting] if injecting is not None else [])}
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    if injecting is not None and injecting.done():
        injecting.result()          # ends only by an error, which must not pass silently
    if injecting is not None:
        injecting.cancel()
    if session.done():
        session.result()  # raises its error
        await venue.hub.close(*RECORDING_OVER)
        return ExitCode.OK
    session.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await session
    await venue.hub.close(WSCloseCode.GOING_AWAY, "the exchange stops")
    return ended.result()


@contextlib.contextmanager
def _ending(parent: Parent | None) -> Iterator[asyncio.Future[ExitCode]]:
    """A future with the exit code, done on a signal, the parent's death, or its request."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[ExitCode] = loop.create_future()
    starter = os.getppid()

    def end(code: ExitCode) -> None:
        if not ended.done():
            ended.set_result(code)

    async def poll() -> None:
        while os.getppid() == starter:
            await asyncio.sleep(PARENT_POLL_S)
        end(ExitCode.OK)

    watch = loop.create_task(poll())
    signals = stopping()
    for number, code in signals.items():
        loop.add_signal_handler(number, end, code)
    if parent is not None:
        parent.watch(partial(end, ExitCode.OK))
    try:
        yield ended
    finally:
        watch.cancel()
        for number in signals:
            loop.remove_signal_handler(number)
        if parent is not None:
            parent.unwatch()


def run_settings(settings: ExchangeSettings, parent: Parent | None = None) -> int:
    """Serves and returns the exit code; errors are one line on stderr.

    The announcement is reported to the parent that started this process, else printed as one JSON line on stdout.
    """
    import uvloop

    def announce(fields: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):      # the starting process is gone, which ends this one too
            os.write(sys.stdout.fileno(), msgspec.json.encode(fields) + b"\n")

    def report(fields: dict[str, Any]) -> None:
        if parent is not None:
            parent.report(**fields)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return int(runner.run(serve(settings, announce if parent is None else report, parent)))
    except HftError as error:
        _print(str(error))
        return int(error.exit_code)


def run(
    config: Config, *, capture: Path | None = None, only: tuple[str, ...] = (), speed: float = 1.0, parent: Parent | None = None
) -> int:
    """Runs the exchange of a run's settings; see :func:`run_settings`."""
    return run_settings(from_config(config, capture=capture, only=only, speed=speed), parent)
