"""Where the real captures are, and their frames. A test that needs one is skipped, and says so, where there is none.

The folder is named by `HFT_TEST_DATA`, else it is `../shared/data` beside the checkout.
"""

import gzip
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import msgspec
import pytest

from hft._core.types import Spec

SPOT_BTC = "captures/binance-spot/btcusdt_20240808.gz"
SPOT_NEXO = "captures/binance-spot/nexousdt_20240723.gz"
USDM_BTC = "captures/binance-usdm/btcusdt_20240808.gz"
USDM_BTC_2026 = "captures/binance-usdm/btcusdt_20260304.ndjson"
SPOT_FOUR = "captures/multi-symbol/BINANCE.ws.1.0"
SPOT_FOUR_REST = "captures/multi-symbol/BINANCE.http.0.0"
USDM_FOUR = "captures/multi-symbol/BINANCE_FUTURES.ws.1.0"
USDM_FOUR_REST = "captures/multi-symbol/BINANCE_FUTURES.http.0.0"

# The scales are given, never guessed from prices seen (SEMANTICS 28).
SPECS = {
    SPOT_BTC: [Spec("BTCUSDT", tick="0.01", step="0.00001", dialect="spot")],
    SPOT_NEXO: [Spec("NEXOUSDT", tick="0.001", step="0.01", dialect="spot")],
    USDM_BTC: [Spec("BTCUSDT", tick="0.10", step="0.001")],
    USDM_BTC_2026: [Spec("BTCUSDT", tick="0.10", step="0.001")],
    SPOT_FOUR: [
        Spec(name, tick="0.00000001", step="0.00000001", quantum="0.00000001", dialect="spot", quote=name[-3:])
        for name in ("NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR")
    ],
    USDM_FOUR: [Spec(name, tick="0.00001", step="1") for name in ("SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT")],
}
SPECS[SPOT_FOUR_REST] = SPECS[SPOT_FOUR]
SPECS[USDM_FOUR_REST] = SPECS[USDM_FOUR]


def folder() -> Path:
    """The folder of captures, there or not."""
    named = os.environ.get("HFT_TEST_DATA")
    return Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"


def find(name: str) -> Path:
    """The path of a file of the captures; skips the test when it is not there."""
    path = folder() / name
    if not path.exists():
        pytest.skip(f"no {name} in {folder()}: set HFT_TEST_DATA to the folder of real captures")
    return path


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
