"""Looking at a running engine from other processes: metrics, health, the terminal view, the kill switch."""
