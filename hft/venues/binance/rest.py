"""The venue's REST requests: the book's snapshot, the symbols' rules, ping and time."""

from __future__ import annotations

import asyncio
import difflib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar
from urllib.parse import quote

import msgspec

from hft.errors import NOT_JSON, UsageError, VenueUnreachable
from hft.system.pauses import timeout
from hft.venues.binance import messages, rules
from hft.venues.binance.messages import RequestLimit, ServerTime
from hft.venues.binance.venues import Venue
from hft.venues.embedded import PACE_HEADER, pace_of
from hft.venues.http import HttpAnswer, HttpClient
from hft.venues.numbers import STAY_S, stay_away_s, whole
from hft.venues.pacing import Backoff, SlidingWindow

T = TypeVar("T")

INVALID_SYMBOL = -1121
MAX_BODY = 64 << 20
"""Bytes. The largest answer, spot's whole exchangeInfo, has about 20 MB."""
AT_ONCE = 4
"""Requests under way at one time."""

MINUTE_S = 60.0
OTHERS_SHARE = 0.9
"""No request is sent while more than this share of the weight per minute of our address is used, by the venue's count."""
MOST_WEIGHT = 1_000_000
"""A larger weight per minute is considered an error."""


class RateLimited(VenueUnreachable):
    """The venue requests a pause (429), has banned the address (418), or its firewall refuses us (403)."""

    def __init__(self, status: int, retry_after_s: float, *, where: str) -> None:
        super().__init__(f"answers {status}: requests {retry_after_s:g} s without requests", where=where, do="wait that long")
        self.status = status
        self.retry_after_s = retry_after_s


class Refused(VenueUnreachable):
    """The venue understood the request and refused it."""

    def __init__(self, status: int, code: int, text: str, *, where: str) -> None:
        super().__init__(f"answers {status}: {text} ({code})", where=where, do="check the address and the protocol")
        self.status = status
        self.code = code


class _RateLimits(msgspec.Struct, rename="camel"):
    rate_limits: list[RequestLimit] = []


class RestClient:
    """The REST client of one venue, which stays within its limits.

    It uses at most half of the venue's weight per minute, which other clients at the same address share; sends nothing while
    the venue counts nine tenths as used; and sends nothing before the end of a `Retry-After`, since a request during it turns
    429 into a ban. Redirects are not followed, as they could lead away from the venue's address.

    Parameters
    ----------
    venue : Venue
    timeout_s : float
        For one request, in seconds in which this process runs.
    clock, sleep : callables
        A monotonic clock in seconds, and a sleep; replaced in tests.
    warn : callable, optional
        Gets a line about impossible values from the venue. Default: the log.

    Every request raises `VenueUnreachable` (no connection, no answer in time, 5xx), `RateLimited` or `Refused`.
    """

    def __init__(
        self,
        venue: Venue,
        *,
        timeout_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        warn: Callable[[str], object] | None = None,
    ) -> None:
        self.venue = venue
        self._warn = warn or logging.getLogger("hft").warning
        self.used_weight = 0
        """Weight used in the current minute by all clients at our address, from the venue's last answer."""
        self.requests = 0
        self.pace = 1.0
        """Speed of the venue's data relative to the clock, if it states one (the embedded exchange does); 0: unbounded."""
        self.ours = False
        """Whether the venue is an embedded exchange; only that states a pace."""
        self._timeout_s = timeout_s
        self._clock = clock
        self._sleep = sleep
        self._not_before = float("-inf")
        self._used_at = float("-inf")
        self._limit = venue.protocol.limits.weight_per_minute
        self._weight = SlidingWindow(self._limit // 2, MINUTE_S)
        self._failing = Backoff(0.5, 30.0)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._http = HttpClient(AT_ONCE)

    async def __aenter__(self) -> RestClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connections; requests under way fail, and so do later ones."""
        await self._http.close()

    # -- requests -----------------------------------------------------------------------------------------

    async def ping(self) -> None:
        """Returns if the venue answers."""
        await self._get(self.venue.rest_url("ping"), 1)

    async def server_time_ns(self) -> int:
        """The venue's clock, nanoseconds since the epoch (it gives milliseconds)."""
        url = self.venue.rest_url("time")
        return _decoded(await self._get(url, 1), ServerTime, url).server_time * 1_000_000

    async def depth(self, symbol: str, limit: int = 0) -> bytes:
        """The body of a book snapshot, `limit` levels a side; 0 for the largest number."""
        limit = limit or self.venue.protocol.depth_limit
        return await self._get(self.venue.depth_url(symbol, limit), self.venue.protocol.depth_weight(limit))

    async def exchange_info(self, symbols: Sequence[str], *, complete: bool = True) -> bytes:
        """The body of exchangeInfo with at least these symbols; UsageError names a symbol that the venue does not know.

        Unless `complete`, it has only those of them that the venue lists, so that a delisted symbol does not block the rules
        of the others. The weight limit in the body replaces the default.
        """
        try:
            body = await self._exchange_info(symbols)
        except Refused as error:
            if error.code != INVALID_SYMBOL:
                raise
            if complete:
                raise await self._which(symbols) from None
            body = await self._one_by_one(symbols)
        url = self.venue.rest_url("exchangeInfo")
        try:
            known = rules.listed(body)
        except NOT_JSON as error:
            raise VenueUnreachable(f"answers with no exchangeInfo: {error}", where=url, do="check the address") from None
        for symbol in symbols if complete else ():
            if symbol not in known:
                raise _unknown(symbol, self.venue, known)
        self._take_limit(_decoded(body, _RateLimits, url).rate_limits, url)
        return body

    def _take_limit(self, limits: Iterable[RequestLimit], url: str) -> None:
        protocol = self.venue.protocol
        least = 2 * max(protocol.info_weight, protocol.depth_weight(protocol.depth_limit))     # half of it must hold one request
        for each in limits:
            if (each.rate_limit_type, each.interval, each.interval_num) != ("REQUEST_WEIGHT", "MINUTE", 1):
                continue
            if least <= each.limit <= MOST_WEIGHT:
                self._limit = each.limit
                self._weight.limit = each.limit // 2
            else:
                self._warn(f"{url}: a weight limit of {str(each.limit)[:20]} a minute is impossible; {self._limit} is kept")

    async def _exchange_info(self, symbols: Sequence[str]) -> bytes:
        url = self.venue.rest_url("exchangeInfo")
        if self.venue.protocol.instrument == "spot":       # the others lack this parameter, and return all symbols
            url += "?symbols=" + quote(json.dumps(list(symbols), separators=(",", ":"), ensure_ascii=False), safe="")
        return await self._get(url, self.venue.protocol.info_weight)

    async def _one_by_one(self, symbols: Sequence[str]) -> bytes:
        """The same for the symbols of a refused list that the venue knows; without any symbol if it knows none."""
        url = self.venue.rest_url("exchangeInfo")
        whole: dict[str, msgspec.Raw] = {}
        listed: list[msgspec.Raw] = []
        for symbol in symbols:
            try:
                body = await self._exchange_info([symbol])
            except Refused as error:
                if error.code != INVALID_SYMBOL:
                    raise
                continue
            whole = _decoded(body, dict[str, msgspec.Raw], url)
            listed += _decoded(bytes(whole.get("symbols", b"[]")), list[msgspec.Raw], url)
        return msgspec.json.encode({**whole, "symbols": listed})

    async def _which(self, symbols: Sequence[str]) -> UsageError:
        """The venue refuses a list without naming the symbol, so they are requested one by one."""
        for symbol in symbols:
            try:
                await self._exchange_info([symbol])
            except Refused as error:
                if error.code == INVALID_SYMBOL:
                    return _unknown(symbol, self.venue, ())
                raise
        return _unknown(", ".join(symbols), self.venue, ())

    # -- one request -----------------------------------------------------------------------------------------------

    def depth_wait_s(self, limit: int = 0) -> float:
        """Seconds that a snapshot request must wait for weight, by our count and the venue's."""
        return self._weight_wait_s(self.venue.protocol.depth_weight(limit or self.venue.protocol.depth_limit), self._clock())

    def _weight_wait_s(self, weight: int, now: float) -> float:
        """The venue counts by the minutes of its clock, so a count is obsolete one minute after it was received."""
        room = OTHERS_SHARE * self._limit - self.used_weight
        return max(self._weight.delay(now, weight), self._used_at + MINUTE_S - now if weight > room else 0.0)

    async def _may_ask(self, weight: int) -> None:
        """Takes the weight and returns once no limit forbids a request; during the wait for one limit another may be reached."""
        while (delay := max(self._not_before - (now := self._clock()), self._weight_wait_s(weight, now))) > 0:
            await self._sleep(delay)
        self._weight.take(now, weight)

    async def _get(self, url: str, weight: int) -> bytes:
        async with self._slots:
            await self._may_ask(weight)
            self.requests += 1
            try:
                async with timeout(self._timeout_s):
                    answer = await self._http.get(url, MAX_BODY)
            except OSError as error:
                text = error.strerror or str(error) or type(error).__name__
                why = "no answer in time" if isinstance(error, TimeoutError) else text
                raise VenueUnreachable(why, where=url, do="check that the venue is up and the address is right") from None
        used = whole(answer.headers.get("x-mbx-used-weight-1m", ""), 0, MOST_WEIGHT)
        if used is not None:
            self.used_weight, self._used_at = used, self._clock()
        self.pace = pace_of(answer.headers.get(PACE_HEADER.lower(), "1"))
        self.ours = self.ours or PACE_HEADER.lower() in answer.headers
        if answer.status < 500:
            self._failing.reset()
        if answer.status == 200:
            return answer.body
        raise self._refused(answer, url)

    def _refused(self, answer: HttpAnswer, url: str) -> VenueUnreachable:
        status = answer.status
        wait = stay_away_s(status, answer.headers.get("retry-after", ""))
        if status >= 500:
            wait = max(wait, self._failing.next())
        self._not_before = max(self._not_before, self._clock() + wait)
        if status in STAY_S:
            return RateLimited(status, wait, where=url)
        if status >= 500:
            return VenueUnreachable(f"answers {status}", where=url, do="try again later")
        if 300 <= status < 400:
            to = answer.headers.get("location", "")
            return VenueUnreachable(f"answers {status} and sends us to {to[:200]!r}; redirects are not followed", where=url,
                                    do="give the venue's own address")
        try:
            error = msgspec.json.decode(answer.body, type=messages.VenueError)
        except NOT_JSON:
            error = messages.VenueError(0, "no reason given")
        return Refused(status, error.code, error.msg, where=url)


def _decoded(body: bytes, shape: type[T], url: str) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except NOT_JSON as error:
        raise VenueUnreachable(f"answers with something else: {error}", where=url, do="check the address") from None


def _unknown(symbol: str, venue: Venue, known: Iterable[str]) -> UsageError:
    near = difflib.get_close_matches(symbol, list(known), 1)
    return UsageError(f"{venue.name} does not know this symbol", where=symbol,
                      do=f"did you mean {near[0]}?" if near else "check its name in [strategy] symbols")
