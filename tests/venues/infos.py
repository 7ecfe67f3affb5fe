"""What venues answer to exchangeInfo, cut to one symbol."""

import msgspec

SPOT_INFO = msgspec.json.encode({
    "timezone": "UTC", "serverTime": 1, "rateLimits": [], "exchangeFilters": [],
    "symbols": [{
        "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "baseAssetPrecision": 8,
        "filters": [
            {"filterType": "ICEBERG_PARTS", "limit": 10},
            {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "maxNotional": "9000000.0", "applyMinToMarket": True},
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01000000"},
        ],
    }],
})  # fmt: skip
USDM_INFO = msgspec.json.encode({
    "symbols": [{
        "symbol": "BTCUSDT", "pair": "BTCUSDT", "contractType": "PERPETUAL", "status": "TRADING", "baseAsset": "BTC",
        "quoteAsset": "USDT", "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764", "tickSize": "0.10"},
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
            {"filterType": "MIN_NOTIONAL", "notional": "100"},
        ],
    }],
})  # fmt: skip
COINM_INFO = msgspec.json.encode({
    "symbols": [{
        "symbol": "BTCUSD_PERP", "pair": "BTCUSD", "contractType": "PERPETUAL", "contractStatus": "TRADING", "contractSize": 100,
        "baseAsset": "BTC", "quoteAsset": "USD", "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.1"}, {"filterType": "LOT_SIZE", "minQty": "1", "stepSize": "1"},
        ],
    }],
})  # fmt: skip
