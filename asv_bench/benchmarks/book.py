"""The book: depth messages and bookTickers."""

from hft._core.market.book import OrderBook
from hft._core.wire.decode import Decoder
from hft.bench import loops

from .common import OnSessions, best_ns


class Book(OnSessions):
    def setup(self, name):
        super().setup(name)
        assert self.book.hash == self.session.engine_after().book_hash(self.spec.name)
        self.depth = self.stream.only("snapshot", "depth")

    def _per(self, stream, operations):
        book = OrderBook(self.spec)
        return best_ns(lambda: loops.book(book, stream), operations, loops.book(book, stream))

    def track_depth_message(self, name):
        """A depth message with all its levels, touch and sums."""
        return self._per(self.depth, len(self.depth))

    def track_level(self, name):
        """The same, by level."""
        return self._per(self.depth, self.depth.level_count)

    def track_level_with_parsing(self, name):
        """Per level, from the frame's bytes: decoding and book together."""
        frames = [frame for frame in self.tape.frames if b'"depthUpdate"' in frame]
        decoder = Decoder([self.spec])
        levels = 0
        for frame in frames:
            decoder.decode_frame(frame)
            levels += len(decoder.message.bids) + len(decoder.message.asks)
        return best_ns(lambda: decoder.decode_many(frames), levels, len(frames)) + self.track_level(name)

    def track_book_ticker(self, name):
        book_tickers = self.stream.only("snapshot", "bookTicker")
        return self._per(book_tickers, len(book_tickers))
