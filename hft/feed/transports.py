"""Two ways to open a websocket, one behaviour: picows, whose frames reach the core without a copy, and `websockets`.

Either calls the listener's owner: `on_open` once open, `on_closed` once gone, `on_pong`. They differ in what a *read* is:
picows shows which frames came in one read of the socket, and they share a stamp; `websockets` does not, and each message is
stamped when it is taken from the library.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

import picows

from hft.errors import UsageError, VenueUnreachable
from hft.feed.listener import Listener
from hft.feed.numbers import stay_away_s

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.exceptions import ConnectionClosed

CLOSE_S = 2.0
"""How long a closing handshake may take before the socket is cut."""


class ConnectFailed(VenueUnreachable):
    """A websocket could not be opened.

    `retry_after_s` is above zero where the venue's answer to the handshake asks us to stay away (429, 418, 403).
    """

    def __init__(self, why: str, *, where: str, retry_after_s: float = 0.0) -> None:
        super().__init__(why, where=where, do="check that the venue is up and the address is right")
        self.retry_after_s = retry_after_s


class Link(Protocol):
    """An open websocket. What arrives on it goes to the listener; this is the other direction."""

    def send(self, text: str) -> None:
        """Sends one text message; nothing happens when the connection is gone."""

    def ping(self) -> None:
        """Sends a ping; the answer is `owner.on_pong()`."""

    async def close(self) -> None:
        """Closes, politely at first; returns once the connection is gone and `owner.on_closed` was called."""


async def connect(transport: str, url: str, listener: Listener, *, timeout_s: float = 10.0) -> Link:
    """Opens a websocket whose messages go to `listener`.

    Parameters
    ----------
    transport : ``"picows"`` or ``"websockets"``
    url : str
    listener : Listener
        A new one for each connection.
    timeout_s : float
        For the handshake, and as much again for TCP.

    Raises `ConnectFailed`; `UsageError` for another transport.
    """
    if transport not in _CONNECT:
        raise UsageError(f"no transport {transport!r}", where="[feed] transport", do=f"take one of {', '.join(_CONNECT)}")
    try:
        async with asyncio.timeout(2 * timeout_s):      # of TCP; each library then bounds its handshake itself
            return await _CONNECT[transport](url, listener, timeout_s)
    except TimeoutError:
        raise ConnectFailed(f"no connection within {timeout_s:g} s", where=url) from None
    except OSError as error:
        raise ConnectFailed(error.strerror or str(error), where=url) from None


def _refused(status: int, retry_after: str, url: str) -> ConnectFailed:
    return ConnectFailed(f"the handshake was answered with {status}", where=url, retry_after_s=stay_away_s(status, retry_after))


# -- picows --------------------------------------------------------------------------------------------------------


class _PicowsLink:
    def __init__(self, transport: picows.WSTransport) -> None:
        self._transport = transport

    def send(self, text: str) -> None:
        self._transport.send(picows.WSMsgType.TEXT, text)

    def ping(self) -> None:
        self._transport.send_ping()

    async def close(self) -> None:
        self._transport.send_close(picows.WSCloseCode.OK)
        gone = asyncio.ensure_future(self._transport.wait_disconnected())
        done, _ = await asyncio.wait([gone], timeout=CLOSE_S)
        if not done:
            self._transport.disconnect(False)
        with contextlib.suppress(Exception):    # why it went was told to the owner
            await gone


async def _connect_picows(url: str, listener: Listener, timeout_s: float) -> Link:
    try:
        # Pings are the listener's: see there. Redirects could lead off the venue's address, so there are none.
        transport, _ = await picows.ws_connect(
            lambda: listener, url, enable_auto_pong=False, max_frame_size=listener.max_message, max_redirects=0,
            websocket_handshake_timeout=timeout_s,
        )
    except picows.WSHandshakeError as error:
        if error.response is not None:
            raise _refused(int(error.response.status), error.response.headers.get("Retry-After", ""), url) from None
        raise ConnectFailed(str(error) or "the handshake failed", where=url) from None
    except (picows.WSError, ValueError) as error:
        raise ConnectFailed(str(error) or type(error).__name__, where=url) from None
    if listener.transport is None:      # picows says nothing of a server that closes instead of answering
        raise ConnectFailed("closed during the handshake", where=url)
    return _PicowsLink(transport)


# -- websockets ----------------------------------------------------------------------------------------------------


class _WebsocketsLink:
    def __init__(self, connection: ClientConnection, listener: Listener) -> None:
        self._connection = connection
        self._listener = listener
        self._sending: set[asyncio.Task[None]] = set()
        listener.opened()
        self._pump = asyncio.create_task(self._receive())

    def send(self, text: str) -> None:
        self._spawn(self._send(text))

    def ping(self) -> None:
        self._spawn(self._ping())

    async def close(self) -> None:
        await self._connection.close()
        await self._pump

    def _spawn(self, work: object) -> None:
        task = asyncio.ensure_future(work)      # type: ignore[call-overload]
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, text: str) -> None:
        from websockets.exceptions import ConnectionClosed

        with contextlib.suppress(ConnectionClosed):
            await self._connection.send(text)

    async def _ping(self) -> None:
        from websockets.exceptions import ConnectionClosed

        with contextlib.suppress(ConnectionClosed):
            await (await self._connection.ping())
            self._listener.pong()

    async def _receive(self) -> None:
        from websockets.exceptions import ConnectionClosed

        why = ""
        try:
            while True:
                self._listener.feed(await self._connection.recv(decode=False))
        except ConnectionClosed as closed:
            why = _why(closed)
        except Exception as error:              # the owner was told by the listener
            why = f"closed here ({type(error).__name__})"
            await self._connection.close(1011)
        finally:
            self._listener.closed(why)


def _why(closed: ConnectionClosed) -> str:
    """Why a connection ended, in the words of the other transport."""
    if closed.rcvd is not None and closed.rcvd_then_sent:
        return f"closed by the venue ({closed.rcvd.code}{' ' + closed.rcvd.reason if closed.rcvd.reason else ''})"
    if closed.sent is not None:
        return f"closed here ({closed.sent.code}{' ' + closed.sent.reason if closed.sent.reason else ''})"
    return "connection lost"


async def _connect_websockets(url: str, listener: Listener, timeout_s: float) -> Link:
    # Imported here: the engine's process carries this library only if it was chosen.
    from websockets.asyncio.client import connect as open_websocket
    from websockets.exceptions import InvalidStatus, WebSocketException

    class NoRedirects(open_websocket):
        def process_redirect(self, exc: Exception) -> Exception:
            return exc

    try:
        connection = await NoRedirects(
            url, max_size=listener.max_message, compression=None, ping_interval=None, close_timeout=CLOSE_S, proxy=None,
            open_timeout=timeout_s,
        )
    except InvalidStatus as error:
        raise _refused(error.response.status_code, error.response.headers.get("Retry-After", ""), url) from None
    except WebSocketException as error:
        raise ConnectFailed(str(error) or type(error).__name__, where=url) from None
    return _WebsocketsLink(connection, listener)


_CONNECT = {"picows": _connect_picows, "websockets": _connect_websockets}
