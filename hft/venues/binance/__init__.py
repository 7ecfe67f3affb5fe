"""Binance's spot, USD-M and COIN-M markets: messages, addresses, REST and its pacing, specifications of symbols."""
