"""`/probe`: blackbox_exporter's contract, through chains of proxies, and never an open relay (docs/probe.md)."""
