"""Load benchmarks of proxies: how a route is loaded, what may be said of it, and how it is shown."""
