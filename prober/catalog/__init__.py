"""`targets/*.yaml` become targets; selection, placeholders, and the reasons why something cannot be probed."""

from prober.catalog.adhoc import parse_target, read_target_file
from prober.catalog.entry import Catalog, Entry, describe
from prober.catalog.errors import CatalogError, CatalogErrors, SelectionError, SelectionErrors
from prober.catalog.loading import load
from prober.catalog.selection import Selection, Skipped, SkippedKind, select

__all__ = [
    "Catalog",
    "CatalogError",
    "CatalogErrors",
    "Entry",
    "Selection",
    "SelectionError",
    "SelectionErrors",
    "Skipped",
    "SkippedKind",
    "describe",
    "load",
    "parse_target",
    "read_target_file",
    "select",
]
