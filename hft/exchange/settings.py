"""The settings of an embedded exchange."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hft.errors import UsageError
from hft.venues.catalogue import DEFAULT

if TYPE_CHECKING:
    from hft.config import Config


class ExchangeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange, simulated or recorded.

    >>> ExchangeSettings(symbols=("BTCUSDT", "ETHUSDT"), seed=7).protocol
    'binance-usdm'
    """

    protocol: str = DEFAULT
    """Its protocol; a capture's own protocol is used instead."""
    symbols: tuple[str, ...] = ("BTCUSDT",)
    """Its symbols; a capture's own symbols are used instead."""
    seed: int = 1
    """The same seed gives the same market."""
    host: str = "127.0.0.1"
    port: int = 0
    """For REST and websocket; 0: any free port."""
    speed: float = 1.0
    """Multiple of real time, for a capture of the recorded pace. 0, only for a capture: as fast as clients take it."""
    capture: Path | None = None
    """A recorded session to serve instead of a simulated one."""
    only: tuple[str, ...] = ()
    """Symbols served from a capture; empty: all."""
    faults: Path | None = None
    """A file of faults to inject, see `hft.exchange.fault_plan`."""
    client_queue: int = 20_000
    """Most messages waiting for a slow client; above that, a simulated exchange drops the client, a recorded one waits."""

    def checked(self) -> ExchangeSettings:
        """Returns itself; UsageError for values that can't be served."""
        if self.speed < 0 or (self.speed == 0 and self.capture is None):
            do = "use a number above 0, or 0 with a capture"
            raise UsageError(f"speed {self.speed:g} is out of range", do=do)
        if not 0 <= self.port <= 65_535:
            raise UsageError(f"port {self.port} is out of range", do="use 0 to 65535")
        if self.client_queue < 1 or (not self.symbols and self.capture is None):
            raise UsageError("nothing to serve", do="name a symbol, and a client_queue of at least 1")
        return self


def from_config(
    config: Config, *, capture: Path | None = None, only: tuple[str, ...] = (), speed: float = 1.0
) -> ExchangeSettings:
    """The exchange settings of a run."""
    return ExchangeSettings(
        protocol=config.exchange.protocol,
        symbols=tuple(config.strategy.symbols),
        seed=config.exchange.seed,
        host=config.exchange.host,
        port=config.exchange.port,
        speed=speed,
        capture=capture,
        only=only,
        faults=Path(config.exchange.faults) if config.exchange.faults else None,
    )
