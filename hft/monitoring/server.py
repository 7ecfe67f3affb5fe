"""The monitor process: `/metrics` and `/health` over HTTP, from the state page alone."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import json
import os
import sys

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from hft.config.sections import MONITOR_PORT
from hft.errors import ExitCode, HftError, cannot_listen
from hft.monitoring.health import assess
from hft.monitoring.metrics import PageCollector
from hft.monitoring.page import PageReader
from hft.parent import Parent
from hft.signals import stopping

READER = web.AppKey("reader", PageReader)
REGISTRY = web.AppKey("registry", CollectorRegistry)


def application(reader: PageReader) -> web.Application:
    """The routes over one page."""
    app = web.Application()
    app[READER] = reader
    app[REGISTRY] = CollectorRegistry()
    app[REGISTRY].register(PageCollector(reader.read))
    app.add_routes([web.get("/metrics", _metrics), web.get("/health", _health)])
    return app


async def _metrics(request: web.Request) -> web.Response:
    try:
        return web.Response(body=generate_latest(request.app[REGISTRY]), headers={"Content-Type": CONTENT_TYPE_LATEST})
    except HftError as error:
        return web.Response(status=503, text=f"{error}\n")


async def _health(request: web.Request) -> web.Response:
    try:
        health = assess(request.app[READER].read())
    except HftError as error:  # the page is being set up anew, or was taken away
        body, status = msgspec.json.encode({"status": "unhealthy", "reasons": [f"no_page: {error}"]}), 503
    else:
        body, status = msgspec.json.encode(health), 200 if health.ok else 503
    return web.Response(body=body, status=status, content_type="application/json")


def run(
    page_path: str | os.PathLike[str], host: str = "127.0.0.1", port: int | None = None, *, parent: Parent | None = None
) -> int:
    """Serves until it is stopped by a signal, or by the end of its parent; the exit code.

    Once it listens, it says where: ``{"host": …, "port": …}``; port 0 takes a free one, None 9464 or, where that is in use, a
    free one. It reports that to its parent, or prints it as one JSON line on stdout where it has none. A page that can't be
    read or a port in use: one line on stderr, 2.
    """
    try:
        asyncio.run(_serve(PageReader(page_path), host, port, parent))
    except HftError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    return int(ExitCode.OK)


async def _listen(runner: web.AppRunner, host: str, port: int | None) -> None:
    try:
        await web.TCPSite(runner, host, MONITOR_PORT if port is None else port).start()
    except (OSError, UnicodeError) as error:
        if port is None and isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            await web.TCPSite(runner, host, 0).start()
            return
        raise cannot_listen(
            error, host, port or MONITOR_PORT, port_option="[monitoring] port", host_option="[monitoring] host"
        ) from None


async def _serve(reader: PageReader, host: str, port: int | None, parent: Parent | None) -> None:
    done = asyncio.Event()
    for number in stopping():
        asyncio.get_running_loop().add_signal_handler(number, done.set)
    if parent is not None:
        parent.watch(done.set)
    runner = web.AppRunner(application(reader), access_log=None)
    await runner.setup()
    try:
        await _listen(runner, host, port)
        if not _is_loopback(host):
            print(f"{host}: metrics are open to the network, unprotected", file=sys.stderr)
        address = runner.addresses[0]
        if parent is None:
            print(json.dumps({"host": address[0], "port": address[1]}), flush=True)
        else:
            parent.report(host=address[0], port=address[1])
        await done.wait()
    finally:
        await runner.cleanup()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if __name__ == "__main__":  # python -m hft.monitoring.server PAGE HOST PORT ('': None): a monitor alone
    sys.exit(run(sys.argv[1], sys.argv[2], int(sys.argv[3]) if sys.argv[3] else None))
