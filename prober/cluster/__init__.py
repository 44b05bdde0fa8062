"""Runs over several egress points on dask.distributed: the scheduler, agents, and the client's side. An optional extra;
no other room imports dask (docs/many-egress.md)."""
