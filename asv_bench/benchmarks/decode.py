"""Frames to messages."""

from hft._core.wire.decode import Decoder

from .common import OnSessions, best_ns

MARKS = {"depth": b'"depthUpdate"', "trade": b'"trade"', "bookTicker": b'"A":'}


class Decode(OnSessions):
    params = (*OnSessions.params, list(MARKS))
    param_names = (*OnSessions.param_names, "kind")

    def setup(self, name, kind):
        super().setup(name)
        self.decoder = Decoder([self.spec])
        self.frames = [frame for frame in self.tape.frames if MARKS[kind] in frame]
        assert len(self.frames) > 100

    def track_message(self, name, kind):
        """One frame of any size; the scanner must decode all of them."""
        return best_ns(lambda: self.decoder.decode_many(self.frames), len(self.frames), len(self.frames))
