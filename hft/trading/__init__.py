"""One run of `hft live` or `hft record`: its processes and its session."""
