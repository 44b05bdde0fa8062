"""How much `prober` does for a second of its processor, beside its peers. Begin with `python -m benchmarks.speed`."""
