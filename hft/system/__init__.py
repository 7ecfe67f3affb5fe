"""What the operating system gives: child processes and the pipes to them, signals, times in which a process did not run."""
