from typing import Final

class VenueClock:
    def __init__(self) -> None: ...
    def observe(self, recv_ns: int, x_ns: int) -> int: ...
    theta: Final[int]
    outliers: Final[int]
    now: Final[int]
