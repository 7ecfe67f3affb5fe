"""`hft bench`: prepares a stream, generated or captured, and an engine of the settings for a benchmark."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hft.bench.tick import as_text, measure
from hft.config import Config
from hft.data.tape import Tape, load
from hft.errors import ExitCode
from hft.exchange.generate import generate
from hft.run import specs
from hft.run.wiring import build_engine
from hft.venues.registry import protocol_named


def tick(config: Config, *, input: Path | None, messages: int, seed: int, json: bool) -> int:
    """Times every message of a capture, or of a generated stream, through the engine; prints the figures."""
    if input is not None:
        tape, symbols, trades, protocol = load([input], config)
        source = str(input)
    else:
        name, protocol = config.strategy.symbols[0], config.protocol
        tape = Tape(generate(name, protocol, seed=seed, messages=messages), name)
        symbols = [each.spec for each in specs.resolve([name], protocol, fees=config.fees, settings=config.feed.symbols)]
        source, trades = f"generated {name} ({protocol}), seed {seed}", "trade"
    report = measure(source, tape, lambda: build_engine(config, symbols, protocol_named(protocol), trade_source=trades))
    print(msgspec.json.encode(report).decode() if json else as_text(report))
    return int(ExitCode.OK)
