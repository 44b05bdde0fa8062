"""What the settings select from the catalogs."""

from __future__ import annotations

from prober import catalog as catalogs
from prober.catalog import Catalog, Selection
from prober.config.settings import Settings


def select(settings: Settings) -> tuple[Catalog, Selection]:
    """The catalogs in force and what is selected of them. Raises CatalogErrors or SelectionErrors, with all errors."""
    catalog = catalogs.load(settings.catalogs)
    wanted = settings.select
    return catalog, catalogs.select(
        catalog,
        cloud=wanted.cloud,
        geography=wanted.geography,
        required=wanted.required,
        service=wanted.service,
        os=wanted.os,
        placeholders=settings.set,
    )
