"""Tools for a running engine in other processes: metrics, health, the terminal view, the kill switch."""
