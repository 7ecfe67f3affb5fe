"""Sockets that we own from the start, and whose shutdown wakes their readers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from urllib.parse import urlsplit


async def connected(url: str) -> socket.socket:
    """A non-blocking socket, connected to the first address of the URL's host that accepts it.

    Raises `OSError`. If cancelled, it leaves no socket behind.
    """
    loop = asyncio.get_running_loop()
    parts = urlsplit(url)
    refused: OSError = OSError("the host has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(
        parts.hostname, parts.port or (443 if parts.scheme in ("https", "wss") else 80), type=socket.SOCK_STREAM
    ):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, address)
            return sock
        except BaseException as error:
            loop.call_soon(sock.close)      # after the loop no longer watches it
            if not isinstance(error, OSError):
                raise
            refused = error
    raise refused


def shut_down(sock: socket.socket) -> None:
    """Ends both directions: a reader in any thread gets the end at once. The socket must still be closed."""
    with contextlib.suppress(OSError):              # already closed
        socket.socket.shutdown(sock, socket.SHUT_RDWR)      # not TLS's own, which would drop the state that a reader is using
