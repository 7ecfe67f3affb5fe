"""Runs recorded data through an engine that does not trade, to measure the share of time in which its books are in sync."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hft._core.base.symbols import Symbols
from hft._core.base.types import Spec
from hft._core.engine.engine import Engine, replay_events
from hft._core.engine.events import KINDS
from hft.config import Config
from hft.data.events import Events
from hft.data.sources import Data
from hft.run.wiring import build_engine, untraded
from hft.venues.registry import protocol_named


def file_engine(config: Config, specs: Sequence[Spec] | Symbols, protocol: str, trade_source: str, **wiring: Any) -> Engine:
    """An engine for recorded data: time is that of the stamps, and no snapshot comes on request (rule 7b).

    `wiring` is as for `build_engine`.
    """
    return build_engine(
        config, specs, protocol_named(protocol), trade_source=trade_source, replayed=True, snapshots=False, **wiring,
    )


class Follower:
    """An engine that runs during a conversion; `follow` passes it each part of the data's records, in order."""

    def __init__(self, config: Config, data: Data) -> None:
        specs = [untraded(spec) for spec in data.specs]
        self.engine = file_engine(config, specs, data.protocol, data.trades, trading=False)
        self._begun = False

    def follow(self, part: Events) -> None:
        """Runs the next part of the data's records."""
        if not self._begun and len(part):
            self._begun = True
            connect(self.engine, part)
        at = 0
        while at < len(part):
            at = replay_events(self.engine, part, start=at)


def connect(engine: Engine, records: Events, index: Sequence[int] | None = None) -> None:
    """Opens the streams that the first records of a session do not open; `index` is as for `replay_events`."""
    opened = set()
    for record in records:
        if record["kind"] != KINDS["connect"]:
            break
        opened.add(int(record["symbol"]) if index is None else index[record["symbol"]])
    for i, spec in enumerate(engine.symbols):
        if i not in opened:
            engine.connect(spec.name, int(records["recv_ns"][0]))
