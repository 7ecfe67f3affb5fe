"""Sessions for the tests of backtests: generated ones as captures, and any data as an event file."""

from pathlib import Path

from hft.config import Config
from hft.data.events import EventWriter
from hft.data.sources import Data
from hft.exchange.generate import generate

LINE = b"%d %s\n"


def unwarned(err: str) -> str:
    """What stands on stderr, but for the warning that the book of a session as short as these was rarely in sync."""
    return "".join(line for line in err.splitlines(keepends=True) if not line.startswith("hft: the book of "))


def written(path: Path, *, symbol: str = "BTCUSDT", protocol: str = "binance-usdm", seed: int = 3, messages: int = 3_000) -> Path:
    """A generated session as a capture."""
    records = generate(symbol, protocol, seed=seed, messages=messages)
    path.write_bytes(b"".join(LINE % (record.ns, record.data) for record in records))
    return path


def converted(path: Path, *paths: Path, config: Config | None = None) -> Path:
    """Data as an event file."""
    data = Data(paths, config or Config())
    with EventWriter(path, data.specs, protocol=data.protocol, trades=data.trades,
                     sources=[each.name for each in paths]) as writer:
        for batch in data.batches():
            writer.append(batch)
    return path
