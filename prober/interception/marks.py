"""Authorities that never make anything trusted: known bad ones, and inspection the user says is theirs.

A mark is a digest of a certificate or of a key. It counts only where the signatures of a path hold up to it; being in
the same bag of certificates is nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Final

from prober.interception.anchors import Certificate, certificates_in
from prober.interception.certificates import shown

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@lru_cache(maxsize=1)
def shipped_known_bad() -> Mapping[str, str]:
    """Name of each known bad authority of `data/known_bad.toml` under the digests of its certificate and key."""
    text = resources.files("prober.interception").joinpath("data", "known_bad.toml").read_text("utf-8")
    names: dict[str, str] = {}
    for entry in tomllib.loads(text)["authority"]:
        names |= {entry[key]: entry["name"] for key in ("sha256", "spki_sha256") if key in entry}
    return MappingProxyType(names)


@dataclass(frozen=True, slots=True)
class Marks:
    """Digests (of certificates or keys, lower-case hex) with the names to call them by."""

    known_bad: Mapping[str, str]
    interceptors: Mapping[str, str]
    certificates: tuple[Certificate, ...] = ()
    """Those of the user's inspection that are at hand, so that one which was not sent is still recognised."""

    def on(self, certificates: Sequence[Certificate]) -> bool:
        """Whether any of them is marked."""
        return self.bad(certificates) is not None or self.own(certificates) is not None

    def bad(self, certificates: Sequence[Certificate]) -> str | None:
        """Name of the first known bad authority among them."""
        return _first(self.known_bad, certificates)

    def own(self, certificates: Sequence[Certificate]) -> str | None:
        """Name, or digest, of the user's first inspection authority among them."""
        return _first(self.interceptors, certificates)


def marks_of(interceptors: Sequence[bytes | str], known_bad: Mapping[str, str]) -> Marks:
    """Marks from the shipped list, more `known_bad` ones, and `interceptors`: PEM texts or hex digests.

    Raises ValueError for a PEM text without a certificate, and for what is no SHA-256 digest.
    """
    names: dict[str, str] = {}
    held: list[Certificate] = []
    for interceptor in interceptors:
        if isinstance(interceptor, str):
            digest = interceptor.lower()
            if not _DIGEST.fullmatch(digest):
                raise ValueError(f"not a SHA-256 digest in hex: {shown(interceptor, 80)}")
            names.setdefault(digest, digest)
            continue
        found = list(certificates_in(interceptor))
        if not found:
            raise ValueError("no certificate in the PEM text of a known interceptor")
        held += found
        for certificate in found:
            name = certificate.facts.subject or certificate.facts.sha256
            names |= {certificate.facts.sha256: name, certificate.facts.spki_sha256: name}
    return Marks({**shipped_known_bad(), **known_bad}, names, tuple(held))


def _first(names: Mapping[str, str], certificates: Sequence[Certificate]) -> str | None:
    for certificate in certificates:
        name = names.get(certificate.facts.spki_sha256) or names.get(certificate.facts.sha256)
        if name is not None:
            return name
    return None
