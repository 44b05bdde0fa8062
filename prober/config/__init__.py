"""`prober.yaml`, the environment and the command line become typed settings; every default stands here once."""
