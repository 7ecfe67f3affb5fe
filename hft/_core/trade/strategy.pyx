"""The interface between a strategy and an engine (docs/architecture.md, "Three ports")."""


cdef class StrategyPort:
    """A compiled strategy with its parameters, for `Engine(strategy=...)`; one object may serve any number of engines.

    Its subclasses are the strategies; they set the table of functions, and compute the parameters of a symbol in its own units.
    """

    cdef int fill(self, void* params, Spec spec, dict limits) except -1:
        """Writes the parameters of a symbol to STRATEGY_PARAMS zeroed bytes. `limits`: settings of the account and the market."""
        raise NotImplementedError

    cdef int attach(self, void* memory, RunLogState* log) except -1:
        """Called once by an engine, for a strategy whose decisions are inputs. `log`: the run log of the engine, or NULL."""
        return 0

    cdef object reach(self, const void* memory, int32_t symbol):
        """How close a symbol came to an order, for a run without any: (threshold, surest, min_confidence, window_ns, no_shorts)
        for a strategy that trades on the imbalance; None for any other."""
        return None

    cpdef int64_t most_intents(self, int64_t n_symbols):
        """The most intents that it may put at one instant; more are refused. The journal always has room for their records."""
        raise NotImplementedError
