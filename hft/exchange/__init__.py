"""The embedded exchange: a matching engine, an order flow with a realistic book, and Binance's own protocol over real
sockets. Its modules are imported when first used, so that importing the package costs nothing."""
