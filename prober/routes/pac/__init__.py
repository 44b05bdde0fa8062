"""Proxy auto-configuration: the functions a script may call, the URL it is shown, and what its answer means. Pure."""
