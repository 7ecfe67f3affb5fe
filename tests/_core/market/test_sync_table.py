"""The state machine of sync as a table: what each input does in each state, the same for every protocol."""

import pytest

from hft._core.base import status
from hft._core.base.types import Spec
from hft._core.market.sync import Synchronizer
from hft._core.wire.decode import Decoder
from hft.venues.binance.venues import PROTOCOLS

# Rows are inputs, columns are states: what the input answers (where it does), and the state after it. The numbers: a book that
# is buffering holds the update 91 to 100, one that is bridging stands at 100, one in sync (or refreshing) at 110.
TABLE = """
                  | connecting               | buffering                    | bridging                    | synced                  | refreshing
connected         | buffering                | buffering                    | buffering                   | buffering               | buffering
disconnected      | connecting               | connecting                   | connecting                  | connecting              | connecting
lost              | connecting               | buffering                    | buffering                   | buffering               | buffering
refresh           | connecting               | buffering                    | bridging                    | refreshing              | refreshing
old update        | not_connected connecting | stale_update buffering       | stale_update bridging       | stale_update synced     | stale_update refreshing
next update       | not_connected connecting | buffered buffering           | ok synced                   | ok synced               | ok refreshing
update after gap  | not_connected connecting | sequence_gap buffering       | snapshot_too_old buffering  | sequence_gap buffering  | sequence_gap buffering
old snapshot      | not_connected connecting | snapshot_too_old buffering   | stale_update bridging       | stale_update synced     | snapshot_too_old refreshing
good snapshot     | not_connected connecting | ok bridging                  | stale_update bridging       | stale_update synced     | ok synced
newest snapshot   | not_connected connecting | ok bridging                  | stale_update bridging       | stale_update synced     | snapshot_ahead refreshing
"""  # noqa: E501

UPDATES = {                                 # (U, u, pu) by state; elsewhere as in sync
    ("old update", None): (81, 90, 80),
    ("next update", "buffering"): (101, 110, 100),
    ("next update", "bridging"): (101, 110, 100),
    ("next update", None): (111, 120, 110),
    ("update after gap", None): (131, 140, 130),
}
SNAPSHOTS = {                               # lastUpdateId
    ("old snapshot", None): 50,
    ("good snapshot", "buffering"): 95,
    ("good snapshot", None): 110,
    ("newest snapshot", None): 500,
}


def cells():
    head, *rows = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip("\n").splitlines()]
    return [(state, row[0], cell) for row in rows for state, cell in zip(head[1:], row[1:], strict=True)]


class Machine:
    def __init__(self, protocol, state):
        self.decoder = Decoder([Spec("BTCUSDT", tick="1", step="1", quantum="1")])
        self.sync = Synchronizer(PROTOCOLS[protocol].sync)
        self.chained = PROTOCOLS[protocol].sync.chained
        if state != "connecting":
            self.sync.connected()
        if state == "buffering":
            self.update(91, 100, 90)
        elif state != "connecting":
            self.sync.on_snapshot(100)
        if state in ("synced", "refreshing"):
            self.update(101, 110, 100)
        if state == "refreshing":
            self.sync.refresh()
        assert self.state == state

    def update(self, first, last, prev):
        assert self.decoder.load_depth("BTCUSDT", first, last, prev if self.chained else None, last, [], []) == 0
        return self.sync.on_depth(self.decoder)

    @property
    def state(self):
        return "refreshing" if self.sync.refreshing else self.sync.state

    def put(self, what, state):
        """The answer's name, empty where there is none."""
        for known, call in ((UPDATES, lambda ids: self.update(*ids)), (SNAPSHOTS, self.sync.on_snapshot)):
            value = known.get((what, state), known.get((what, None)))
            if value is not None:
                return status.name(call(value))
        getattr(self.sync, what)()
        return ""


@pytest.mark.parametrize("protocol", ["binance-spot", "binance-usdm", "binance-coinm"])
@pytest.mark.parametrize(("state", "what", "cell"), cells())
def test_each_input_in_each_state(protocol, state, what, cell):
    machine = Machine(protocol, state)
    answer = machine.put(what, state)
    assert f"{answer} {machine.state}".strip() == cell
    assert machine.sync.ready == (machine.state in ("synced", "refreshing"))
    assert machine.sync.wants_snapshot == (machine.state == "buffering")
