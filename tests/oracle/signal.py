"""SEMANTICS 19 word for word: confidence as a time integral over every update ever made."""

import math
from fractions import Fraction


class NaiveSignal:
    def __init__(self, threshold, min_confidence, window_ns, decay_ns):
        self.threshold, self.min_confidence = threshold, min_confidence
        self.window_ns, self.decay_ns = window_ns, decay_ns
        self.updates = []           # (ns, imbalance) since the book came into sync

    def update(self, imbalance, now):
        self.updates.append((now, imbalance))

    def reset(self):
        self.updates.clear()

    def confidence(self, now):
        """Share of (now - W, now] in which sign(I_now) x I_u was at or above the threshold."""
        sign = math.copysign(1, self.updates[-1][1])
        ends = [ns for ns, _ in self.updates[1:]] + [now]
        held = 0
        for (start, imbalance), end in zip(self.updates, ends, strict=True):
            if sign * imbalance >= self.threshold:
                held += max(0, end - max(start, now - self.window_ns))
        return Fraction(held, self.window_ns)

    def at(self, now):
        """(strength, confidence), or None."""
        if not self.updates or now - self.updates[0][0] < self.window_ns:
            return None
        refreshed, strength = self.updates[-1]
        strength *= math.exp(-(now - refreshed) / self.decay_ns)
        confidence = float(self.confidence(now))
        if abs(strength) < self.threshold or confidence < self.min_confidence:
            return None
        return strength, confidence
