"""`prober.yaml`, the environment and the command line become typed settings; every default stands here once."""

from prober.config.load import ConfigError, ConfigErrors, Loaded, load
from prober.config.settings import Settings, schema

__all__ = ["ConfigError", "ConfigErrors", "Loaded", "Settings", "load", "schema"]
