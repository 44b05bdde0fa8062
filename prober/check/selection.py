"""What the settings select from the catalogs."""

from __future__ import annotations

from collections.abc import Iterator

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


def wider(settings: Settings) -> Iterator[tuple[str, int]]:
    """Options that would find targets where the selection holds none, with how many; the narrowest change first."""
    for other in ({"required": "all"}, {"cloud": "all"}, {"required": "all", "cloud": "all"}):
        opened = settings.model_copy(update={"select": settings.select.model_copy(update=other)})
        count = len(select(opened)[1].targets)
        if count:
            yield " ".join(f"--{name} {value}" for name, value in other.items()), count
