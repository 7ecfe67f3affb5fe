"""A market maker in fifteen lines: one order on each side, nearer to the mid where it brings the position back to zero."""

import hft


class Quoter(hft.Strategy):
    class Params(hft.Params):
        size: float = 0.01          # of one order, in base units
        edge_bps: float = 0.1       # distance from the fair price, in basis points of it
        skew_bps: float = 20.0      # by so much the fair price moves for each unit of the position, against it

    def on_tick(self, ctx: hft.StrategyContext) -> None:
        fair = ctx.mid * (1 - self.params.skew_bps * 1e-4 * ctx.position)
        edge = ctx.mid * self.params.edge_bps * 1e-4
        prices = {"buy": min(fair - edge, ctx.bid), "sell": max(fair + edge, ctx.ask)}
        for order in ctx.orders:
            price = prices.pop(order.side)
            if order.can_amend and abs(price - float(order.price)) > edge:
                ctx.amend(order, price=price)
        for side, price in prices.items():
            ctx.send(side, self.params.size, price, post_only=True)
