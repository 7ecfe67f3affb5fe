"""The risk limits."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from hft.config.values import Limit, Quantity, Section, meaning


class RiskLimits(Section, frozen=True):
    """Limits that no order may exceed, with orders in flight counted at their worst (rule 18)."""

    max_position_size: Annotated[Quantity, meaning("per symbol, long or short, in base units")] = Decimal("1.0")
    max_order_size: Annotated[Quantity, meaning("one order, in base units")] = Decimal("0.5")
    max_notional_exposure: Annotated[
        Quantity, meaning("all symbols together: sum of max(|long|, |short|) x mid, in quote units")
    ] = Decimal("100000.0")
    max_orders_per_second: Annotated[
        int, meaning("new orders in any sliding second", ge=1, le=10_000)
    ] = 10
    max_loss: Annotated[
        Limit, meaning("no new risk once this much of the run's starting equity is lost, in quote units; 0: off")
    ] = Decimal("50000.0")
    max_drawdown: Annotated[
        Limit, meaning("no new risk once equity is this far below its highest, in quote units; 0: off")
    ] = Decimal("50000.0")
    price_collar_bps: Annotated[
        int, meaning("farthest price from the mid; bounds market orders too; 0: off", ge=0, le=10_000)
    ] = 100
    stale_data_ms: Annotated[
        int, meaning("no order on market data older than this; a quiet symbol is silent for 40 s and more; 0: off",
                   ge=0, le=86_400_000)
    ] = 60_000
