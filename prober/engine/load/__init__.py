"""The load generator: processes that start operations when they are due, whatever becomes of those before."""
