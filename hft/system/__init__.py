"""Child processes and the pipes to them, signals, sockets, and detection of times in which a process did not run."""
