"""Load on a route: its words, when each operation is due, and what a second of it was like. Pure."""
