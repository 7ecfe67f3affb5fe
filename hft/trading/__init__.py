"""One run of `hft live` or `hft record`: its processes, and the session wired together."""
