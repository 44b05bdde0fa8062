"""Certificate facts and trust: what a chain says and where it ends. Pure.

Names are looked up when they are asked for: who wants the words of `verdict` only, as `prober diff` does, need not wait
for the libraries that read certificates (0.15 s).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from prober.interception.anchors import UserRoot
    from prober.interception.certificates import CertificateFacts, certificate_facts
    from prober.interception.holdings import SavedAnchor, TrustSnapshot
    from prober.interception.trust import Trust, TrustStore

__all__ = ["CertificateFacts", "SavedAnchor", "Trust", "TrustSnapshot", "TrustStore", "UserRoot", "certificate_facts"]
_HOMES: Final = {
    "CertificateFacts": "certificates",
    "SavedAnchor": "holdings",
    "Trust": "trust",
    "TrustSnapshot": "holdings",
    "TrustStore": "trust",
    "UserRoot": "anchors",
    "certificate_facts": "certificates",
}


def __getattr__(name: str) -> Any:
    """A public name, from the module it lives in (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
