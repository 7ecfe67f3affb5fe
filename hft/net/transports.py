"""Two websocket transports with one behaviour: picows, whose frames reach the core without a copy, and `websockets`.

Either calls the listener's owner: `on_open` once open, `on_closed` once gone, `on_pong`. They differ in what a *read* is:
picows shows which frames came in one read of the socket, and they share a stamp; `websockets` does not, and each message is
stamped when it is taken from the library.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from functools import partial
from typing import TYPE_CHECKING, Protocol

import picows

from hft.errors import UsageError, VenueUnreachable
from hft.net.listener import UNREAD, Listener
from hft.system.pauses import timeout
from hft.system.sockets import connected, shut_down
from hft.venues.embedded import CloseFrame
from hft.venues.numbers import stay_away_s

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

    def pause(self) -> None:
        """Stops reading from the socket; TCP holds the venue back."""

    def resume(self) -> None:
        """Resumes reading."""

    def cut(self) -> None:
        """Ends it at once, without a closing handshake. No further frame reaches the listener's sink."""

    async def close(self) -> None:
        """Closes with a handshake; no frame reaches the listener's sink after the call.

        Returns once the connection is closed and `owner.on_closed` was called. If cancelled meanwhile, it is cut.
        """


async def connect(transport: str, url: str, listener: Listener, *, timeout_s: float = 10.0) -> Link:
    """Opens a websocket whose messages go to `listener`.

    If it does not return an open websocket, it leaves nothing behind: no socket, no task, no frame for the listener's sink.

    Parameters
    ----------
    transport : ``"picows"`` or ``"websockets"``
    url : str
    listener : Listener
        A new one for each connection.
    timeout_s : float
        For TCP and for the handshake, each; counts only time in which this process runs.

    Raises `ConnectFailed`; `UsageError` for another transport.
    """
    if transport not in _CONNECT:
        raise UsageError(f"no transport {transport!r}", where="[feed] transport", do=f"take one of {', '.join(_CONNECT)}")
    link: Link | None = None
    try:
        return (link := await _CONNECT[transport](url, listener, timeout_s))
    except TimeoutError:
        raise ConnectFailed(f"no connection within {timeout_s:g} s", where=url) from None
    except OSError as error:
        raise ConnectFailed(error.strerror or str(error), where=url) from None
    finally:
        if link is None:
            listener.stop()


def _refused(status: int, retry_after: str, url: str) -> ConnectFailed:
    return ConnectFailed(f"the handshake was answered with {status}", where=url, retry_after_s=stay_away_s(status, retry_after))


# -- picows --------------------------------------------------------------------------------------------------------


class _PicowsLink:
    def __init__(self, transport: picows.WSTransport, listener: Listener) -> None:
        self._transport = transport
        self._listener = listener
        self._paused = False

    def send(self, text: str) -> None:
        self._transport.send(picows.WSMsgType.TEXT, text)

    def ping(self) -> None:
        self._transport.send_ping()

    def pause(self) -> None:
        self._paused = True
        with contextlib.suppress(RuntimeError):         # already closing
            self._transport.underlying_transport.pause_reading()

    def resume(self) -> None:
        self._paused = False
        with contextlib.suppress(RuntimeError):
            self._transport.underlying_transport.resume_reading()

    def cut(self) -> None:
        self._listener.stop()
        self._transport.disconnect(False)

    async def close(self) -> None:
        self._listener.stop()
        if self._paused:                                # the venue's close frame would not be read
            self._transport.disconnect(False)
        else:
            self._transport.send_close(picows.WSCloseCode.OK)
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._gone()
        except TimeoutError:
            pass
        finally:
            self._transport.disconnect(False)
        await self._gone()

    async def _gone(self) -> None:
        with contextlib.suppress(Exception):    # the owner has the reason already
            await self._transport.wait_disconnected()


async def _connect_picows(url: str, listener: Listener, timeout_s: float) -> Link:
# We own the socket and close it to end the opening, which is a separate task that is never cancelled: picows would
    # forget a connection whose handshake is cancelled, and leave it open.
    async with timeout(timeout_s):
        sock = await connected(url)

    def take(_: object) -> socket.socket:
        if listener.stopped:            # given up before picows began, which would connect the socket again
            sock.close()
            raise ConnectionAbortedError
        return sock

# The listener answers pings, see there. Redirects could lead away from the venue's address, so none are followed.
    opening = asyncio.ensure_future(picows.ws_connect(
        lambda: listener, url, enable_auto_pong=False, max_frame_size=listener.max_message, max_redirects=0,
        websocket_handshake_timeout=None, socket_factory=take,
    ))
    opening.add_done_callback(partial(_unless_open, sock))
    try:
        async with timeout(timeout_s):
            transport, _ = await _shielded(opening, sock, listener)
    except picows.WSHandshakeError as error:
        if error.response is not None:
            raise _refused(int(error.response.status), error.response.headers.get("Retry-After", ""), url) from None
        raise ConnectFailed(str(error) or "the handshake failed", where=url) from None
    except (picows.WSError, ValueError) as error:
        raise ConnectFailed(str(error) or type(error).__name__, where=url) from None
    if listener.transport is None:      # picows raises no error if the server closes instead of answering
        raise ConnectFailed("closed during the handshake", where=url)
    return _PicowsLink(transport, listener)


Opening = asyncio.Future[tuple[picows.WSTransport, picows.WSListener]]


def _unless_open(sock: socket.socket, opening: Opening) -> None:
    """Closes the socket of a failed opening: picows may not have taken it, or not have closed it."""
    if opening.cancelled() or opening.exception() is not None:
        asyncio.get_running_loop().call_soon(sock.close)


async def _shielded(opening: Opening, sock: socket.socket, listener: Listener) -> tuple[picows.WSTransport, picows.WSListener]:
    """The result of an opening; if cancelled, its connection is closed first."""
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        listener.stop()     # at once
        # In the loop's next turn, since a transport made in this turn has yet to register with the loop.
        asyncio.get_running_loop().call_soon(shut_down, sock)
        await _gone(opening)
        raise


async def _gone(opening: Opening) -> None:
    """Returns once the connection of a cancelled opening is closed."""
    await asyncio.wait([opening])
    if opening.exception() is None:
        transport, _ = opening.result()
        transport.disconnect(False)
        with contextlib.suppress(Exception):
            await transport.wait_disconnected()


# -- websockets ----------------------------------------------------------------------------------------------------


class _WebsocketsLink:
    def __init__(self, connection: ClientConnection, listener: Listener) -> None:
        self._connection = connection
        self._listener = listener
        self._sending: set[asyncio.Task[None]] = set()
        self._reading = asyncio.Event()
        self._reading.set()
        listener.opened()
        self._pump = asyncio.create_task(self._receive())

    def send(self, text: str) -> None:
        self._spawn(self._send(text))

    def ping(self) -> None:
        self._spawn(self._ping())

    def pause(self) -> None:
        self._reading.clear()       # the library reads a few more messages first

    def resume(self) -> None:
        self._reading.set()

    def cut(self) -> None:
        self._listener.stop()
        self._reading.set()
        self._connection.transport.abort()

    async def close(self) -> None:
        self._listener.stop()
        if not self._reading.is_set():                  # the venue's close frame would not be read
            self._connection.transport.abort()
            self._reading.set()
        try:
            async with asyncio.timeout(CLOSE_S):        # the library waits forever for a peer that does not read
                await self._connection.close()
        except TimeoutError:
            pass
        finally:
            self._connection.transport.abort()
        await asyncio.wait([self._pump])

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

        why, frame = "", None
        try:
            while True:
                message = await self._connection.recv(decode=False)
                await self._reading.wait()
                self._listener.feed(message)
        except ConnectionClosed as closed:
            why, frame = _why(closed), CloseFrame(closed.rcvd.code, closed.rcvd.reason) if closed.rcvd is not None else None
        except Exception as error:              # the listener has informed the owner
            why = f"closed here ({type(error).__name__})"
            await self._connection.close(1011)
        finally:
            self._listener.closed(why, frame)


def _why(closed: ConnectionClosed) -> str:
    """The reason of a connection's end, worded as by the other transport."""
    if closed.rcvd is not None and closed.rcvd_then_sent:
        return f"closed by the venue ({closed.rcvd.code}{' ' + closed.rcvd.reason if closed.rcvd.reason else ''})"
    if closed.sent is not None:
        return f"closed here ({closed.sent.code}{' ' + closed.sent.reason if closed.sent.reason else ''})"
    return "connection lost"


async def _connect_websockets(url: str, listener: Listener, timeout_s: float) -> Link:
    # Imported here: the engine's process carries this library only if it was chosen.
    from websockets.asyncio.client import ClientConnection
    from websockets.asyncio.client import connect as open_websocket
    from websockets.exceptions import InvalidStatus, WebSocketException

    class Bounded(ClientConnection):
        """Answers pings, as the library does, while the peer reads the answers."""

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.transport.get_write_buffer_size() > listener.max_unread:
                listener.give_up(UNREAD)
                self.transport.abort()

    class NoRedirects(open_websocket):
        def process_redirect(self, exc: Exception) -> Exception:
            return exc

    try:
        async with timeout(2 * timeout_s):
            connection = await NoRedirects(
                url, max_size=listener.max_message, compression=None, ping_interval=None, close_timeout=CLOSE_S, proxy=None,
                open_timeout=None, create_connection=Bounded,
            )
    except InvalidStatus as error:
        raise _refused(error.response.status_code, error.response.headers.get("Retry-After", ""), url) from None
    except WebSocketException as error:
        raise ConnectFailed(str(error) or type(error).__name__, where=url) from None
    return _WebsocketsLink(connection, listener)


_CONNECT = {"picows": _connect_picows, "websockets": _connect_websockets}
