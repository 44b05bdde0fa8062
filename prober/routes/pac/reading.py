"""Whose reading of a PAC script is wanted: engines differ in functions, in the entry point and in what a list means."""

from __future__ import annotations

from enum import StrEnum


class Reading(StrEnum):
    """An engine that PAC scripts are written for."""

    CHROMIUM = "chromium"
    """Calls FindProxyForURL; the result is a list, tried in order."""
    WINHTTP = "winhttp"
    """Prefers FindProxyForURLEx; only the first item of the result is used."""
