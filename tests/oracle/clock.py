"""The venue clock, naively: SEMANTICS 2 with every observation kept."""

S = 1_000_000_000
NEAR = 50_000_000


class NaiveClock:
    """The window is the current ten seconds and the 59 before them."""

    def __init__(self):
        self.theta = None
        self.latest = 0             # V
        self.last = 0               # v of the newest stamp
        self.outliers = 0
        self.seen = []              # (recv, d) that were believed
        self.since = 0              # those from here on were taken after θ last moved
        self.far = []               # of these the newest ones, as long as all lie more than a second above θ
        self.odd = []               # (recv, d) since then that are not believed

    def observe(self, recv, x):
        if x == 0:
            return self.latest
        d = recv - x
        if self.theta is None or d < self.theta - NEAR:
            self.last = self.doubt(recv, d, x)
        else:
            self.odd = []
            self.follow(recv, d)
            self.last = x + self.theta
        self.latest = max(self.latest, self.last)
        return self.last

    def doubt(self, recv, d, x):
        """The start, or a fall of more than 50 ms: five of the newest sixteen must agree, of two reads at least."""
        unlike = bool(self.odd) and abs(d - self.odd[-1][1]) > NEAR
        self.odd.append((recv, d))
        groups = []
        for _, low in self.odd[-16:]:
            group = [(r, each) for r, each in self.odd[-16:] if low <= each <= low + NEAR]
            if low <= d <= low + NEAR and len(group) >= 5 and len({r for r, _ in group}) >= 2:
                groups.append(low)
        if not groups:
            self.outliers += self.theta is not None or unlike
            return recv if self.theta is None else self.last
        if self.theta is None:
            self.seen = []
        self.seen.append((recv, min(groups)))
        self.settle(min(groups))
        self.odd = []
        return x + self.theta

    def settle(self, theta):
        self.theta, self.since, self.far = theta, len(self.seen), []

    def follow(self, recv, d):
        self.seen.append((recv, d))
        window = [each for r, each in self.seen if r // (10 * S) > recv // (10 * S) - 60]
        if d <= self.theta:
            self.settle(d)
            return
        first_above = self.seen[self.since][0]
        if min(window) > self.theta and recv - first_above >= 10 * S:
            self.theta, self.since = min(window), len(self.seen)
        self.far = [*self.far, (recv, d)] if d > self.theta + S else []
        if self.far and recv - self.far[0][0] >= 10 * S:
            least = min(each for _, each in self.far)
            self.seen = [(recv, least)]
            self.settle(least)
