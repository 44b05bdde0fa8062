"""Certificate facts and trust: what a chain says and where it ends. Pure."""
