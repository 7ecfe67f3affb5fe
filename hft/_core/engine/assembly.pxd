# An engine's memory: one block, divided into its parts in the order of access, in which each stage is initialised.
#
#     Market*[n] | Account[m] | Market × n | spare Book | the parts of each account
#
# At start only. The caller owns the block and frees it.

from hft._core.base.arena cimport Arena, arena_take
from hft._core.base.memory cimport hft_alloc
from hft._core.base.status cimport OK
from hft._core.base.symbols cimport Symbols
from hft._core.base.types cimport JournalRecord, Spec, int32_t, int64_t
from hft._core.engine.account cimport Account, account_schedule
from hft._core.engine.tick cimport EngineState
from hft._core.engine.params cimport AccountSetup, fill_market
from hft._core.execution.broker_state cimport Broker, broker_add, broker_size
from hft._core.execution.delivery cimport Delivery, delivery_size
from hft._core.execution.execution cimport execution_init
from hft._core.market.book cimport Book, book_init, book_size
from hft._core.market.market_state cimport Market, MarketParams, market_init, market_size
from hft._core.trade.commands cimport Commands, commands_size
from hft._core.trade.intents cimport Intents, intents_size
from hft._core.trade.orders cimport Orders, orders_size
from hft._core.trade.position cimport Positions, position_bind, position_size
from hft._core.trade.risk cimport Risk, risk_bind, risk_size
from hft._core.trade.trader cimport TraderState, trader_init


cdef inline void _cut_account(Arena* arena, Account* a, AccountSetup setup, int64_t n_symbols) noexcept:
    """Takes the parts of an account from the arena."""
    a.trader.state = <TraderState*>arena_take(arena, sizeof(TraderState))
    a.trader.context.intents = <Intents*>arena_take(arena, intents_size(setup.trader.intents))
    a.trader.strategy = arena_take(arena, setup.strategy.ops.size(n_symbols))
    a.trader.context.positions = <Positions*>arena_take(arena, position_size(&setup.trader.positions))
    a.trader.context.orders = <Orders*>arena_take(arena, orders_size(&setup.trader.orders))
    a.trader.risk = <Risk*>arena_take(arena, risk_size(&setup.trader.risk))
    a.execution.broker = <Broker*>arena_take(arena, broker_size(&setup.execution.broker))
    a.execution.delivery = <Delivery*>arena_take(arena, delivery_size(setup.execution.reports))
    a.trader.commands = <Commands*>arena_take(arena, commands_size(setup.trader.commands))
    a.out.fills.records = <JournalRecord*>arena_take(arena, setup.fill_log * sizeof(JournalRecord))


cdef inline void _cut(Arena* arena, EngineState* e, const MarketParams* market, list setups) noexcept:
    """Takes all parts; with a block, sets the pointers of `e`."""
    cdef Account nowhere            # used while there is no block
    cdef Market** markets = <Market**>arena_take(arena, e.n_symbols * sizeof(Market*))
    cdef Account* accounts = <Account*>arena_take(arena, e.n_accounts * sizeof(Account))
    cdef Market* place
    cdef int64_t i
    for i in range(e.n_symbols):
        place = <Market*>arena_take(arena, market_size(market))
        if markets != NULL:
            markets[i] = place
    e.markets = markets
    e.accounts = accounts
    e.spare = <Book*>arena_take(arena, book_size(&market.book))
    for i in range(e.n_accounts):
        _cut_account(arena, &accounts[i] if accounts != NULL else &nowhere, <AccountSetup>setups[i], e.n_symbols)


cdef inline int assembly_bind(Account* a, AccountSetup setup, int32_t i, Spec spec) except -100:
    """Sets a symbol's limits and parameters for an account, in its units: at the start, and when the venue's rules change. OK,
    or FAULT_OVERFLOW."""
    setup.bind_strategy(a.trader.ops, a.trader.strategy, i, spec)
    return risk_bind(a.trader.risk, i, a.trader.context.positions, &spec.c, setup.most_position(spec), setup.most_order(spec))


cdef inline int _begin_account(EngineState* e, Account* a, AccountSetup setup, Symbols symbols) except -1:
    cdef int32_t i
    a.trader.ops = setup.strategy.ops
    a.trader.out = a.execution.out = &a.out
    a.trader.context.markets = e.markets
    a.trader.context.n_symbols = e.n_symbols
    a.trader.context.refused = a.out.page.counters.status
    a.trader.context.signals = &a.out.page.counters.signals
    a.out.fills.capacity = setup.fill_log
    trader_init(&a.trader, &setup.trader)
    execution_init(&a.execution, &setup.execution)
    for i in range(symbols.count):
        if (position_bind(a.trader.context.positions, i, &symbols.specs[i]) != OK
                or assembly_bind(a, setup, i, symbols.all[i]) != OK):
            raise ValueError(f"{symbols.all[i].name}: its tick and step can't be accounted for exactly with the other symbols")
        broker_add(a.execution.broker, i, &symbols.specs[i])
    account_schedule(a)
    return 0


cdef inline int assembly_memory(EngineState* e, Symbols symbols, dict settings, list setups, Arena* arena) except -1:
    """Allocates the block and sets `e`'s pointers. `assembly_begin` follows, once every account has its output."""
    cdef MarketParams market
    cdef int64_t i
    fill_market(&market, settings)
    e.n_symbols = symbols.count
    e.n_accounts = len(setups)
    arena.base = NULL
    arena.used = 0
    _cut(arena, e, &market, setups)
    arena.base = <char*>hft_alloc(arena.used)
    arena.used = 0
    _cut(arena, e, &market, setups)
    for i in range(e.n_symbols):
        market_init(e.markets[i], &symbols.specs[i], &market)
    book_init(e.spare, &market.book)
    return 0


cdef inline int assembly_begin(EngineState* e, Symbols symbols, list setups) except -1:
    """Initialises every account's stages. ValueError for a symbol that can't be accounted for exactly with the others."""
    cdef int64_t i
    for i in range(e.n_accounts):
        _begin_account(e, &e.accounts[i], <AccountSetup>setups[i], symbols)
    return 0
