"""A matching engine written to be read: one list of orders per side, sorted before every use, nothing remembered."""

from dataclasses import dataclass, field


@dataclass
class Order:
    number: int
    side: str
    price: int
    qty: int


@dataclass
class NaiveMatching:
    """Price-time priority over plain lists. `number` is whatever the caller names an order by."""

    resting: list[Order] = field(default_factory=list)

    def queue(self, side: str) -> list[Order]:
        """Resting orders of "buy" or "sell" in the order in which they are filled (the sort is stable: time within price)."""
        return sorted((o for o in self.resting if o.side == side), key=lambda o: -o.price if side == "buy" else o.price)

    def submit(
        self, number: int, side: str, price: int, qty: int, type: str, tif: str
    ) -> tuple[str, list[tuple[int, int, int]], int]:
        """(status, trades as (maker, price, quantity), quantity left)."""
        if qty <= 0:
            return "bad_qty", [], qty
        if price < 0 or (price == 0 and type == "limit"):
            return "bad_price", [], qty

        def crosses(maker: Order) -> bool:
            if type == "market" and price == 0:
                return True
            return maker.price <= price if side == "buy" else maker.price >= price

        makers = [o for o in self.queue("sell" if side == "buy" else "buy") if crosses(o)]
        if tif == "post_only" and makers:
            return "post_only_would_cross", [], qty
        if tif == "fok" and sum(o.qty for o in makers) < qty:
            return "fok_unfilled", [], qty
        trades = []
        for maker in makers:
            part = min(maker.qty, qty)
            if part:
                trades.append((maker.number, maker.price, part))
                maker.qty -= part
                qty -= part
        self.resting = [o for o in self.resting if o.qty]
        if qty == 0:
            return "ok", trades, 0
        if type == "market" and not trades:
            return "no_liquidity", trades, qty
        if type == "market" or tif in ("ioc", "fok"):
            return "ioc_rest", trades, qty
        self.resting.append(Order(number, side, price, qty))
        return "ok", trades, qty

    def cancel(self, number: int) -> int:
        for order in self.resting:
            if order.number == number:
                self.resting.remove(order)
                return order.qty
        return 0

    def top(self, side: str, n: int) -> list[tuple[int, int]]:
        levels: dict[int, int] = {}
        for order in self.queue("buy" if side == "bid" else "sell"):
            levels[order.price] = levels.get(order.price, 0) + order.qty
        return list(levels.items())[:n]
