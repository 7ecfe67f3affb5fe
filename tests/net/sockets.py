"""What two sockets of this machine hold between them."""

from pathlib import Path


def most(name: str) -> int:
    """The largest buffer that the kernel gives a TCP socket."""
    path = Path("/proc/sys/net/ipv4", name)
    return int(path.read_text().split()[2]) if path.exists() else 8 << 20


HELD = 2 * most("tcp_rmem") + most("tcp_wmem") + (4 << 20)
"""Upper bound on the bytes in flight between two programs: both sockets' buffers, and one read of what the nearer one held."""
