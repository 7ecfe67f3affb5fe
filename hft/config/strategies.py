"""Each kind of strategy: its `[strategy.params]`, and how the engine gets it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeAlias

from msgspec import field
from msgspec.structs import replace

from hft.config.limits import RiskLimits
from hft.config.values import Limit, Quantity, Section, bounds, meaning
from hft.strategy import checked_params, load_strategy

if TYPE_CHECKING:
    from hft._core.trade.strategy import StrategyPort


class FeatureParams(Section, frozen=True):
    """Parameters of the features that a strategy uses."""

    feature_window_ms: Annotated[
        int, meaning("window of every feature, in milliseconds of receive time", ge=1, le=3_600_000)
    ] = 1000
    imbalance_levels: Annotated[int, meaning("occupied levels per side in the imbalance", ge=1, le=100)] = 5
    depth_levels: Annotated[int, meaning("occupied levels per side in depth_ratio", ge=1, le=1000)] = 20

    def resolved(self) -> Self:
        """The same, with every default that depends on another key replaced by its value."""
        return self

    def build(self, kind: str, limits: RiskLimits) -> StrategyPort:
        """The strategy object of that kind with these parameters, for the engine. Compiled, so imported only here."""
        raise NotImplementedError

    def check(self, kind: str) -> None:
        """Raises for parameters that the strategy of that kind does not take; other sections are checked when they are read."""

    def most_intents(self, kind: str, limits: RiskLimits, n_symbols: int) -> int:
        """The most intents that the strategy may put at one instant. No object of the user's is made for it."""
        return self.build(kind, limits).most_intents(n_symbols)


class ImbalanceParams(FeatureParams, frozen=True, tag_field="kind", tag="imbalance"):
    """The imbalance strategy (rules 19 to 21): trades in the direction of the book's imbalance during most of a window."""

    imbalance_threshold: Annotated[float, meaning("a signal needs |imbalance| at or above this", gt=0, le=1)] = 0.3
    min_confidence: Annotated[
        float, meaning("a signal also needs this share of the feature window above the threshold on one side", ge=0, le=1)
    ] = 0.7
    signal_decay_ms: Annotated[
        int, meaning("time constant of the decay of a signal that is not refreshed", ge=1, le=3_600_000)
    ] = 500
    max_position_size: Annotated[Quantity, meaning("largest position of the strategy, in base units")] = Decimal("1.0")
    order_size_fraction: Annotated[
        Decimal, bounds(gt=0, le=1), meaning("size of an entry as a share of the smaller max_position_size")
    ] = Decimal("0.5")
    holding_period_ms: Annotated[
        int, meaning("time from the last entry fill to the exit; 0: feature_window_ms", ge=0, le=86_400_000)
    ] = 0

    @property
    def holding_ms(self) -> int:
        """The holding period, its default resolved."""
        return self.holding_period_ms or self.feature_window_ms

    def resolved(self) -> Self:
        return replace(self, holding_period_ms=self.holding_ms)

    def build(self, kind: str, limits: RiskLimits) -> StrategyPort:
        from hft._core.trade.imbalance_strategy import ImbalanceStrategy

        size = self.order_size_fraction * min(self.max_position_size, limits.max_position_size)
        return ImbalanceStrategy(
            threshold=self.imbalance_threshold, min_confidence=self.min_confidence, decay_ms=self.signal_decay_ms,
            holding_ms=self.holding_ms, entry_qty=min(size, limits.max_order_size),
        )


class QuoterParams(FeatureParams, frozen=True, tag_field="kind", tag="quoter"):
    """The quoter: keeps a post-only order on each side at a distance from the touch."""

    order_size: Annotated[Quantity, meaning("one order, in base units")] = Decimal("0.01")
    distance_ticks: Annotated[int, meaning("distance from the touch, in price steps", ge=0, le=100_000)] = 1
    tolerance_ticks: Annotated[
        int, meaning("an order at most this many steps off is not moved", ge=0, le=100_000)
    ] = 0
    max_position_size: Annotated[
        Limit, meaning("largest position that its orders may cause, in base units; 0: as in the risk limits")
    ] = Decimal(0)
    retry_ms: Annotated[int, meaning("time without an order after a refusal", ge=0, le=60_000)] = 100

    def build(self, kind: str, limits: RiskLimits) -> StrategyPort:
        from hft._core.trade.quoter_strategy import QuoterStrategy

        return QuoterStrategy(
            qty=min(self.order_size, limits.max_order_size), distance_ticks=self.distance_ticks,
            tolerance_ticks=self.tolerance_ticks, retry_ms=self.retry_ms,
            max_position=min(self.max_position_size or limits.max_position_size, limits.max_position_size),
        )


class PythonParams(FeatureParams, frozen=True, tag_field="kind", tag="python"):
    """A strategy in Python: these, and the parameters that its class has."""

    rest: ClassVar = "own"

    seed: Annotated[int, meaning("of the random numbers that the strategy may draw", ge=0, le=2**63 - 1)] = 1
    max_intents: Annotated[
        int, meaning("orders, amends and cancels that it may ask for at one time; more are refused (intents_full)", ge=1, le=4096)
    ] = 32
    own: dict[str, Any] = field(default_factory=dict)

    def build(self, kind: str, limits: RiskLimits) -> StrategyPort:
        from hft._core.trade.python_strategy import PythonStrategy

        return PythonStrategy(load_strategy(kind)(**self.own), seed=self.seed, max_intents=self.max_intents)

    def check(self, kind: str) -> None:
        checked_params(load_strategy(kind), self.own, "[strategy.params]")

    def most_intents(self, kind: str, limits: RiskLimits, n_symbols: int) -> int:
        return self.max_intents


StrategyParams: TypeAlias = ImbalanceParams | QuoterParams | PythonParams
"""Parameters of any kind; the tag identifies the kind when settings are sent to another process."""

STRATEGIES: dict[str, type[StrategyParams]] = {"imbalance": ImbalanceParams, "quoter": QuoterParams}
"""The kinds of compiled strategies, and the parameters of each."""


def params_of(kind: str) -> type[StrategyParams]:
    """The parameters of a kind of strategy: a compiled one, or a class in Python."""
    return STRATEGIES.get(kind, PythonParams)
