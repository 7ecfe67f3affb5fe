# An engine's memory: one block, cut into its parts in the order in which it is read, every stage begun in its own.
#
#     Market x n | Account | spare Book | JournalRecord x fill_log
#
# At start only. Whoever calls owns the block and frees it.

from hft._core.base.memory cimport align64, hft_alloc
from hft._core.base.status cimport OK
from hft._core.base.symbols cimport Symbols
from hft._core.base.types cimport JournalRecord, Spec, int32_t, int64_t
from hft._core.engine.account cimport (
    Account, AccountParams, account_broker, account_init, account_positions, account_risk, account_size,
)
from hft._core.engine.engine cimport EngineState
from hft._core.engine.params cimport fill_account, fill_market, fill_strategy, limit_quanta
from hft._core.execution.broker_state cimport broker_add
from hft._core.market.book cimport Book, book_init, book_size
from hft._core.market.market cimport Market, MarketParams, market_init, market_size
from hft._core.trade.imbalance cimport ImbalanceParams
from hft._core.trade.position cimport position_bind
from hft._core.trade.risk cimport risk_bind


cdef inline char* assembly_memory(EngineState* e, Symbols symbols, dict s, int64_t run, size_t* size) except NULL:
    """The block; `size` gets its bytes. `assembly_bind` is next."""
    cdef MarketParams market
    cdef AccountParams account
    cdef ImbalanceParams strategies[64]
    cdef int32_t i
    cdef int32_t n = symbols.count
    cdef size_t market_bytes, spare_at, fills_at
    cdef char* memory
    fill_market(&market, s)
    fill_account(&account, s, run, symbols)
    for i in range(n):
        fill_strategy(&strategies[i], s, symbols.all[i], i)
    market_bytes = market_size(&market)
    spare_at = align64(n * market_bytes + account_size(&account))
    fills_at = align64(spare_at + book_size(&market.book))
    size[0] = fills_at + s["fill_log"] * sizeof(JournalRecord)
    memory = <char*>hft_alloc(size[0])
    if memory == NULL:
        raise MemoryError
    for i in range(n):
        e.markets[i] = <Market*>(memory + i * market_bytes)
        market_init(e.markets[i], &symbols.specs[i], &market)
    e.n_symbols = n
    e.account = <Account*>(memory + n * market_bytes)
    account_init(e.account, &account, strategies)
    e.spare = <Book*>(memory + spare_at)
    book_init(e.spare, &market.book)
    e.out.fills.records = <JournalRecord*>(memory + fills_at)
    e.out.fills.capacity = s["fill_log"]
    return memory


cdef inline int assembly_bind(EngineState* e, Symbols symbols, dict s) except -1:
    """Give every symbol its units and limits. ValueError for one that can't be accounted for exactly beside the others."""
    cdef int32_t i
    cdef Spec spec
    for i in range(symbols.count):
        spec = symbols.all[i]
        if position_bind(account_positions(e.account), i, &spec.c) != OK or risk_bind(
                account_risk(e.account), i, account_positions(e.account), &spec.c, limit_quanta(spec, s["max_position"]),
                limit_quanta(spec, s["max_order"])) != OK:
            raise ValueError(f"{spec.name}: its tick and step can't be accounted for exactly beside the other symbols'")
        broker_add(account_broker(e.account), i, &spec.c)
    return 0
