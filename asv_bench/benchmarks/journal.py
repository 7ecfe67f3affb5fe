"""Records into the journal, and out of it for the writer."""

from hft._core.record.journal import Journal, _append_many, sound

from .common import best_ns

N = 10_000


class Append:
    unit = "ns"

    def track_record(self):
        """A record numbered, with its checksum, and released at once."""
        journal = Journal(N, run=1)
        return best_ns(lambda: (_append_many(journal, N), journal.used), N, (None, 0))


class Drain:
    unit = "ns"

    def track_record(self):
        """A record copied out in a batch of 1,000, as by the writer."""
        journal = Journal(N, run=1)
        for i in range(1_000):
            journal.append_fill(ts_ns=i)
        batch = journal.drain(1_000)
        assert sound(batch) == 1_000
        return best_ns(lambda: journal.drain(1_000), 1_000, batch)
