"""The monitor process: `/metrics` and `/health` over HTTP, only from the state page."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import os
import socket
import sys

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from hft.config.sections import MONITOR_PORT
from hft.errors import ExitCode, HftError, cannot_listen
from hft.monitoring.health import assess
from hft.monitoring.metrics import PageCollector
from hft.monitoring.page import PageReader
from hft.system.parent import Parent
from hft.system.signals import stopping

REQUEST_S = 5.0
"""Seconds a client has to send its request before it is cut off."""

READER = web.AppKey("reader", PageReader)
REGISTRY = web.AppKey("registry", CollectorRegistry)

_log = logging.getLogger("hft.monitoring.server")


def application(reader: PageReader, host: str = "127.0.0.1") -> web.Application:
    """The routes over one page, for clients that address `host` or this machine."""
    app = web.Application(middlewares=[_only_for(names_of(host))])
    app[READER] = reader
    app[REGISTRY] = CollectorRegistry()
    app[REGISTRY].register(PageCollector(reader.read))
    app.add_routes([web.get("/metrics", _metrics), web.get("/health", _health)])
    return app


def names_of(host: str) -> frozenset[str]:
    """Names by which a client may address a monitor on `host`, besides an IP address.

    >>> sorted(names_of("127.0.0.1"))
    ['127.0.0.1', 'localhost']
    """
    return frozenset({host.lower(), "localhost"} | (set() if _is_loopback(host) else {socket.gethostname().lower()}))


def _only_for(names: frozenset[str]) -> Middleware:
    """Answers 421 to a request for another host: a web page whose name was made to lead here (DNS rebinding)."""

    @web.middleware
    async def checked(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = host_of(request.headers.get("Host", ""))
        if host not in names and not _is_address(host):
            return web.Response(status=421, text="this monitor does not have that name; set [monitoring] host to it\n")
        return await handler(request)

    return checked


def host_of(header: str) -> str:
    """The host that a `Host` header names, without its port.

    >>> host_of("Localhost:9464"), host_of("[::1]:9464"), host_of("::1")
    ('localhost', '::1', '::1')
    """
    host = header.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host if host.count(":") > 1 else host.partition(":")[0]


async def _metrics(request: web.Request) -> web.Response:
    try:
        return web.Response(body=generate_latest(request.app[REGISTRY]), headers={"Content-Type": CONTENT_TYPE_LATEST})
    except HftError as error:
        return web.Response(status=503, text=f"{error}\n")


async def _health(request: web.Request) -> web.Response:
    try:
        health = assess(request.app[READER].read())
    except HftError as error:  # the page is being set up, or was removed
        body, status = msgspec.json.encode({"status": "unhealthy", "reasons": [f"no_page: {error}"]}), 503
    else:
        body, status = msgspec.json.encode(health), 200 if health.ok else 503
    return web.Response(body=body, status=status, content_type="application/json")


def run(page_path: str | os.PathLike[str], host: str, port: int | None, *, parent: Parent) -> int:
    """Serves until a signal or the end of its parent; returns the exit code.

    Once it listens, it reports its address to the parent: ``{"host": …, "port": …}``. Port 0 takes a free one, None 9464 or, if
    that is in use, a free one. An unreadable page or a port in use: one line on stderr and exit code 2.
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
            error, host, MONITOR_PORT if port is None else port, port_option="[monitoring] port", host_option="[monitoring] host"
        ) from None


async def _serve(reader: PageReader, host: str, port: int | None, parent: Parent) -> None:
    done = asyncio.Event()
    for number in stopping():
        asyncio.get_running_loop().add_signal_handler(number, done.set)
    parent.watch(done.set)
    _log.addFilter(_is_ours)
    runner = web.AppRunner(
        application(reader, host), access_log=None, logger=_log, keepalive_timeout=REQUEST_S, lingering_time=1.0
    )
    await runner.setup()
    try:
        await _listen(runner, host, port)
        if not _is_loopback(host):
            print(f"{host}: metrics are open to the network, unprotected", file=sys.stderr)
        address = runner.addresses[0]
        parent.report(host=address[0], port=address[1])
        await done.wait()
    finally:
        await runner.cleanup()


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether an aiohttp log entry is our failure: a client with a malformed request has already got its 400."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError | OSError))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
