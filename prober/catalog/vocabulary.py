"""The closed words of the catalogs: clouds, geographies, operating systems, roles of a source, placeholders."""

from __future__ import annotations

from typing import Final

CLOUDS: Final = ("commercial", "gcc", "gcc-high", "dod", "china")

GEOGRAPHIES: Final = ("WW", "US", "EU", "UK", "AU", "AE", "CH", "IN", "CN", "ASIA", "USGov", "GCC", "GCCHigh", "DoD")
"""`WW` is worldwide; `ASIA` stands in an old list of MDI only."""

GEOGRAPHIES_ALWAYS_IN: Final = frozenset({"WW", "USGov", "GCC", "GCCHigh", "DoD"})
"""Selected whatever geography is asked for: inside their cloud these four count as worldwide."""

OS_FAMILIES: Final = ("windows", "macos", "linux", "admin-workstation")
"""`windows` means clients and servers; `admin-workstation` is a person's browser, whatever it runs on."""

REQUIRED: Final = ("yes", "optional", "legacy")
"""Ordered: a selection at one level includes the levels before it."""

METHODS: Final = ("GET", "HEAD", "POST")

SOURCE_ROLES: Final = ("host", "path", "status", "wildcard")
"""What of an entry a source vouches for, when not for all of it."""

PLACEHOLDERS: Final = ("workspace", "workspace_id", "vm_region", "dce", "region")
"""Names that the bundled catalogs declare. Known to `--set` even when the catalog that uses them is not loaded,
so that one prober.yaml serves several selections."""

BUNDLED: Final = ("mde", "mdav", "mdi", "mma", "ama", "common")
"""The catalogs that come with prober, in the order they are loaded."""
