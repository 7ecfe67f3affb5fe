"""What a strategy is to an engine (docs/architecture.md, "Three ports")."""


cdef class StrategyPort:
    """A compiled strategy with its parameters, for `Engine(strategy=...)`: one object may serve any number of engines.

    Its subclasses are the strategies; they set the table of functions, and make the parameters of a symbol in its own units.
    """

    cdef int fill(self, void* params, Spec spec, dict limits) except -1:
        """The parameters of a symbol, into STRATEGY_PARAMS zeroed bytes. `limits`: the account's settings and the market's."""
        raise NotImplementedError

    cdef int attach(self, void* memory, RunLogState* log) except -1:
        """An engine has made its memory. `log`: where its inputs are recorded, or NULL; for a strategy whose decisions are inputs."""
        return 0

    cdef object reach(self, const void* memory, int32_t symbol):
        """How near a symbol came to an order, for a run without one: (threshold, surest, min_confidence, window_ns, no_shorts) of
        a strategy that trades on the imbalance; None of any other."""
        return None

    cpdef int64_t most_intents(self, int64_t n_symbols):
        """How many intents it may put at one instant; more are refused. The journal always has room for what they cause."""
        raise NotImplementedError
