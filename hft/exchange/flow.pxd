# The order flow of one symbol: which orders go to the matching engine, and when. A pure machine: time is the argument of the
# last step, randomness comes from the generator inside, so a seed gives the same flow whatever the steps.
#
# Five kinds of actor, each a Poisson process whose rate follows the market's activity (1 in calm, more in a burst):
#
#   taker   hits the touch; sizes lognormal, so that the mean is many times the median
#   touch   joins or leaves the queues at the touch, toward a size that leans with the pressure x
#   deep    adds, changes and removes levels away from the touch: sparse near it, dense behind it, rare and round far away
#   move    new information: everything up to a new price is swept or withdrawn
#   burst   activity jumps and decays, and shifts x; between bursts the market is calm
#
# and one that is not random: the market maker, who closes a spread wider than one tick a moment later ("heal").
# The touch sizes show the pressure x (Ornstein-Uhlenbeck, unit variance) and moves follow it, so the imbalance of the book
# predicts the next move. The slower lean y makes takers' sides persist.

from libc.stdint cimport int32_t, int64_t, uint64_t

from hft._core.base.types cimport Message
from hft.exchange.ladder cimport MatchingState
from hft.exchange.random cimport Random
from hft.exchange.tape cimport Tape

cdef enum:
    FLOW_DONE = 0
    FLOW_TAPE_FULL = 1          # read the tape, clear it, step on

cdef struct FlowParams:         # rates per second in calm; quantities in quanta; distances in ticks
    uint64_t seed
    int64_t start_ns
    int64_t start_price         # the first best bid
    int64_t cut_ns              # between depth updates
    int64_t id_gap              # most update ids skipped at a depth update (USD-M: symbols share ids); 0 on spot
    int64_t max_levels          # per side; above that, far levels are withdrawn
    int64_t max_qty             # of one order
    double takers
    double touches
    double deeps
    double moves
    double bursts               # starts per second
    double burst_size           # mean extra activity at a start
    double burst_seconds        # decay
    double taker_qty            # median
    double taker_sigma          # of its logarithm: mean / median = exp(sigma^2 / 2)
    double touch_qty            # of a side when x is 0
    double touch_lean           # how far the sizes lean with x
    double order_qty            # median order that joins the touch
    double level_qty            # median of a deep level
    double move_ticks           # median
    double move_sigma
    double move_lean            # how surely moves follow x
    double sweep                # share of moves made by a taker; the rest are withdrawals
    double near_ticks           # the sparse zone next to the touch
    double level_gap            # mean distance between deep levels; 1: two prices in three have a level
    double deep_ticks           # median distance of a deep change
    double pressure_seconds     # decay of x
    double pressure_kick        # added to x by a burst, in its direction
    double move_revert          # how surely moves turn back after recent ones
    double move_memory          # seconds that count as recent
    double lean_seconds         # decay of y
    double taker_lean           # how surely takers follow y
    double taker_chase          # … and x
    double taker_repeat         # share of takers who repeat the side of the one before
    double book_ticker_first    # share of takers whose bookTicker is published before their trades

cdef struct Flow:
    FlowParams params
    Random random
    int64_t now
    int64_t grid_ns             # next update of x, y and activity
    int64_t cut_ns              # next depth update
    int64_t next_ns             # next random action
    int64_t heal_ns             # when the maker acts; far future: nothing to heal
    int64_t bid                 # the maker's target for the best bid; the best ask is one tick above
    int64_t last_cut_id         # u of the last depth update
    int64_t first_id            # U of the next one
    int64_t agg_id
    int64_t held                # 1: `late` waits until the next depth update is out
    double x
    double y
    double activity             # above calm
    double burst_side
    double moved                # recent moves, signed, decaying
    double last_taker           # 1 bought, -1 sold
    double rate                 # of all actions when `next_ns` was drawn
    Message touch               # the last published bookTicker
    Message late                # a bookTicker that the depth stream overtakes


cdef void flow_init(Flow* f, const FlowParams* p, MatchingState* m, Tape* t) noexcept nogil
cdef int flow_step(Flow* f, MatchingState* m, Tape* t, int64_t until, bint one_cut) noexcept nogil
