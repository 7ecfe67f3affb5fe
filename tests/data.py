"""Where the real captures are, and their frames.

Whole sessions lie in the folder named by `HFT_TEST_DATA`, else in `../shared/data` beside the checkout. Where that folder is
not there, the first seconds of each stand in for them: `tests/data`, which comes with the repository. A file that neither has
skips the test that needs it, and fails it in CI, where nobody reads what was skipped.
"""

import gzip
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import msgspec
import pytest

from hft._core.base.types import Spec
from hft.venues.binance.venues import SPOT, USDM

SPOT_BTC = "captures/binance-spot/btcusdt_20240808.gz"
SPOT_NEXO = "captures/binance-spot/nexousdt_20240723.gz"
USDM_BTC = "captures/binance-usdm/btcusdt_20240808.gz"
USDM_BTC_2026 = "captures/binance-usdm/btcusdt_20260304.ndjson"
SPOT_FOUR = "captures/multi-symbol/BINANCE.ws.1.0"
SPOT_FOUR_REST = "captures/multi-symbol/BINANCE.http.0.0"
USDM_FOUR = "captures/multi-symbol/BINANCE_FUTURES.ws.1.0"
BYBIT = "captures/bybit/"
USDM_FOUR_REST = "captures/multi-symbol/BINANCE_FUTURES.http.0.0"

# The scales are given, never guessed from prices seen (SEMANTICS 28).
SPECS = {
    SPOT_BTC: [Spec("BTCUSDT", tick="0.01", step="0.00001", instrument="spot")],
    SPOT_NEXO: [Spec("NEXOUSDT", tick="0.001", step="0.01", instrument="spot")],
    USDM_BTC: [Spec("BTCUSDT", tick="0.10", step="0.001")],
    USDM_BTC_2026: [Spec("BTCUSDT", tick="0.10", step="0.001")],
    SPOT_FOUR: [
        Spec(name, tick="0.00000001", step="0.00000001", quantum="0.00000001", instrument="spot", quote=name[-3:])
        for name in ("NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR")
    ],
    USDM_FOUR: [Spec(name, tick="0.00001", step="1") for name in ("SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT")],
}
SYNC = {name: (SPOT if specs[0].instrument == "spot" else USDM).sync for name, specs in SPECS.items()}
SPECS[SPOT_FOUR_REST] = SPECS[SPOT_FOUR]
SPECS[USDM_FOUR_REST] = SPECS[USDM_FOUR]


# Files that are not shipped: no licence text came with the first two; the edited cases together are too large.
NOT_SHIPPED = (USDM_BTC_2026, BYBIT, "tardis/", "cases/")
SHIPPED = Path(__file__).with_suffix("")


def folder() -> Path:
    """The folder of whole captures, there or not."""
    named = os.environ.get("HFT_TEST_DATA")
    return Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"


def whole(name: str) -> bool:
    """Whether the whole file is there, not only its first seconds."""
    return (folder() / name).exists()


def figure(name: str, of_whole: int, of_first: int) -> int:
    """What is to be found in a file: in the whole of it, or in its first seconds where that is all there is."""
    return of_whole if whole(name) else of_first


def find(name: str) -> Path:
    """The path of a file of the captures, whole or its first seconds; skips the test where there is neither."""
    for path in (folder() / name, SHIPPED / name):
        if path.exists():
            return path
    missing = f"no {name} in {folder()}: set HFT_TEST_DATA to the folder of real captures"
    if os.environ.get("CI") and not name.startswith(NOT_SHIPPED):
        pytest.fail(missing)
    pytest.skip(missing)


@lru_cache(maxsize=2)
def lines(name: str) -> list[bytes]:
    raw = find(name).read_bytes()
    return (gzip.decompress(raw) if name.endswith(".gz") else raw).splitlines()


def frames(name: str) -> Iterator[bytes]:
    """What came over the wire, in order, whichever recorder wrote it down; comment lines left out."""
    if name.endswith(".ndjson"):
        yield from (bytes(msgspec.json.decode(line, type=dict[str, msgspec.Raw])["data"]) for line in lines(name))
    elif name.endswith(".gz"):  # <stamp> <json>
        yield from (line.split(b" ", 1)[1].strip() for line in lines(name))
    else:  # <stamp>: <json>, or <url> -> <stamp>: <json>
        yield from (m[1] for line in lines(name) if (m := re.match(rb"(?:http\S+ -> )?[\d.]+: (.*)", line)))
