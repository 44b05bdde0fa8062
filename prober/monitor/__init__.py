"""`prober serve`: probes for ever on a schedule, keeps the state of every pair, and shows it."""
