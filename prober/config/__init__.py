"""`prober.yaml`, the environment and the command line become typed settings; every default stands here once."""

from prober.config.load import ConfigError, ConfigErrors, Loaded, load
from prober.config.settings import Settings, schema
from prober.config.texts import is_fingerprint

__all__ = ["ConfigError", "ConfigErrors", "Loaded", "Settings", "is_fingerprint", "load", "schema"]
