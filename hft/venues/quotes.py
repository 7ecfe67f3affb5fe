"""The quote currency of a symbol, from its name: the last resort, if neither settings nor exchangeInfo give it.

A name joins base and quote, and new quote assets end like old ones: BTCXUSD is quoted in XUSD, AVAXUSD in USD,
ADAEUR in EUR and BTCAEUR in AEUR. So a name is split by lists, and an ambiguous one gives no answer: amounts of different
currencies must never be added.
"""

from __future__ import annotations

import re

AS_OF = "2026-07-01"
"""Date of the lists."""

WIDE = frozenset("USDT USDC FDUSD TUSD BUSD USD1 EURI USDP BIDR IDRT BTC ETH BNB".split())
"""Quote assets with many symbols: any text before one is taken as the base."""

NARROW = frozenset(
    "U XUSD RLUSD BFUSD USD AEUR EUR GBP AUD TRY BRL JPY MXN ARS COP CZK PLN RON ZAR UAH RUB NGN BKRW BVND DAI VAI UST USDS PAX "
    "TRX XRP DOGE DOT SOL".split()
)
"""Quote assets that a name may end in by chance: an asset of `BASES` must come before it. `USD` is Binance.US's."""

BASES = frozenset((
    "1INCH AAVE ACA ACE ACH ACM ACT ADA ADX AERGO AEVO AGIX AGLD AI AIXBT AKRO ALCX ALGO ALICE ALPACA ALPHA ALPINE "
    "ALT AMB AMP ANIME ANKR ANT APE API3 APT AR ARB ARDR ARK ARKM ARPA ASR AST ASTER ASTR ATA ATM ATOM AUCTION AUDIO "
    "AUTO AVAX AXL AXS BADGER BAKE BAL BANANA BAND BAR BAT BB BCH BEAM BEL BETA BICO BIFI BIGTIME BLUR BLZ BNB BNT "
    "BNX BOME BOND BONK BSW BTC BTG BTS BTTC BURGER C98 CAKE CATI CELO CELR CFX CHESS CHR CHZ CITY CKB CLV COMP COS "
    "COTI COW CREAM CRV CTK CTSI CTXC CVC CVP CVX CYBER DAR DASH DATA DCR DEGO DENT DEXE DF DGB DIA DOCK DODO DOGE "
    "DOGS DOT DUSK DYDX DYM EDU EGLD EIGEN ELF ENA ENJ ENS EOS ERN ETC ETH ETHFI EUR FARM FDUSD FET FIDA FIL FIO FIRO "
    "FIS FLM FLOKI FLOW FLUX FOR FORTH FRONT FTM FTT FUN FXS GAL GALA GAS GFT GHST GLM GLMR GMT GMX GNO GNS GRT GTC "
    "HARD HBAR HIFI HIGH HIVE HMSTR HNT HOOK HOT HYPE ICP ICX ID IDEX ILV IMX INJ IO IOST IOTA IOTX IRIS JASMY JOE "
    "JST JTO JUP JUV KAIA KAITO KAS KAVA KDA KEY KLAY KMD KNC KP3R KSM LAZIO LDO LEVER LINA LINK LISTA LIT LOKA LOOM "
    "LPT LQTY LRC LSK LTC LTO LUNA LUNC MAGIC MANA MANTA MASK MATIC MAV MBL MBOX MDT MDX ME MEME MINA MKR MLN MNT MOB "
    "MOVE MOVR MTL MULTI NEAR NEIRO NEO NEWT NEXO NFP NKN NMR NOT NTRN NULS OAX OCEAN OG OGN OM OMG OMNI ONDO ONE ONG "
    "ONT OOKI OP ORDI ORN OSMO OXT PAXG PDA PENDLE PENGU PEOPLE PEPE PERP PHA PHB PIXEL PNUT POL POLS POLYX POND "
    "PORTAL PORTO POWR PROM PSG PUMP PUNDIX PYR PYTH QI QKC QNT QTUM QUICK RAD RARE RAY RDNT REEF REI REN RENDER REQ "
    "REZ RIF RLC RNDR RONIN ROSE RPL RSR RUNE RVN S SAGA SAND SANTOS SC SCR SCRT SEI SFP SHIB SKL SLP SNT SNX SOL "
    "SPELL SSV STEEM STG STMX STORJ STPT STRAX STRK STX SUI SUN SUPER SUSHI SXP SYN SYS T TAO TFUEL THETA TIA TKO TLM "
    "TNSR TON TRB TROY TRU TRUMP TRX TURBO TUSD TVK TWT UMA UNFI UNI USDC USDT USTC USUAL UTK VANRY VET VGX VIB VIDT "
    "VIRTUAL VITE VOXEL VTHO W WAN WAVES WAXP WBETH WBTC WIF WIN WING WLD WLFI WOO WRX XAI XBT XEC XEM XLM XMR XNO "
    "XRP XTZ XVG XVS YFI YGG ZEC ZEN ZIL ZK ZRO ZRX"
).split())

_OTHERS = frozenset("USD USDT USDC EUR GBP JPY KRW BTC XBT ETH DAI USDE FDUSD TUSD".split())
"""Quotes that are separate in the names of other exchanges: BTC-USDT-SWAP, BTC_USDC, XBT/USD."""
_PARTS = re.compile(r"[-_/:]")


def quote_of(symbol: str, instrument: str = "", exchange: str = "") -> str:
    """The quote asset of a symbol; empty if its name is not certain.

    Parameters
    ----------
    symbol : str
        Upper case.
    instrument : str
        ``"inverse"``: everything is quoted in USD.
    exchange : str
        By Tardis' name. Empty, or one of Binance's: Binance's lists apply.

    >>> [quote_of(name) for name in ("BTCUSDT", "BTCUSD1", "BTCU", "BTCXUSD", "AVAXUSD", "ADAEUR", "BTCPYUSD")]
    ['USDT', 'USD1', 'U', 'XUSD', 'USD', 'EUR', '']
    >>> quote_of("BTCUSD_PERP", "inverse"), quote_of("BTC-PERPETUAL", exchange="deribit"), quote_of("XBTUSD", exchange="bitmex")
    ('USD', 'USD', 'USD')
    """
    if instrument == "inverse":
        return "USD"
    if not exchange or exchange.startswith("binance"):
        return _split(symbol.partition("_")[0])
    parts = _PARTS.split(symbol)
    if len(parts) > 1:
        if alone := [part for part in parts[1:] if part in _OTHERS]:
            return alone[0] if len(alone) == 1 else ""
        if parts[1] in ("PERPETUAL", "PERP") or (exchange == "deribit" and len(parts) == 2):
            return "USD"
    found = {quote for part in parts if (quote := _split(part))}
    return found.pop() if len(found) == 1 else ""


def _split(pair: str) -> str:
    """The quote of a name that joins base and quote."""
    ends = [quote for quote in sorted(WIDE | NARROW, key=len, reverse=True) if pair.endswith(quote) and pair != quote]
    known = [quote for quote in ends if pair.removesuffix(quote) in BASES]
    if known:
        return known[0] if len(known) == 1 else ""
    # For an unlisted base: only a quote with many symbols, which is not the end of a rarer one.
    return ends[0] if ends and ends[0] in WIDE else ""
