"""`prober bench` over several machines: agents that make one load together."""
