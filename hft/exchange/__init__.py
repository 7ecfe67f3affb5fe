"""The embedded exchange: a matching engine, an order flow whose book looks like a real one, and Binance's own protocol
over real sockets. Nothing here is imported before it is used, so that naming the package costs nothing."""
