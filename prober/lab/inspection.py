"""A proxy that opens TLS: mints a certificate for the name asked for, then speaks to the origin itself.

Behaves as products were seen to: the origin's chain is fetched first; ALPN and the wish for a client certificate are
lost; an origin that does not verify gets an issuer called `Not trusted by "<CA>"` and a chain of one.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography import x509
from OpenSSL import SSL

from prober.lab.addresses import Addresses
from prober.lab.authorities import Authority, Credential, PrivateKey, Validity, make_key
from prober.lab.clienthello import NotTlsError
from prober.lab.contexts import client_context, server_context
from prober.lab.link import Link
from prober.lab.proxies import TUNNEL_IDLE_SECONDS, HttpProxy

HANDSHAKE_SECONDS: Final = 30.0
MINTED_KEPT: Final = 1024


class LeafKey(StrEnum):
    """Whose key a minted certificate carries."""

    AUTHORITY = "authority"
    """The inspection authority's own (squid, mitmproxy)."""
    SHARED = "shared"
    """One key for all hosts (sslsplit)."""
    OWN = "own"
    """A new one for each host (cloud gateways)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an interceptor opens, and how it forges."""

    key: LeafKey = LeafKey.AUTHORITY
    mimic: bool = True
    """Copy subject, names and validity from the origin's certificate."""
    bypass: Sequence[str] = ()
    """Domains left alone, with all below them."""
    every: int = 1
    """Open one tunnel in this many."""


class Interceptor(HttpProxy):
    """A plain CONNECT proxy that opens the TLS inside."""

    def __init__(
        self,
        name: str,
        addresses: Addresses,
        authority: Authority,
        roots: Sequence[x509.Certificate],
        policy: Policy | None = None,
    ) -> None:
        super().__init__(name, addresses)
        self._authority = authority
        self._distrust = Authority(f'Not trusted by "{authority.name}"', key="ecdsa")
        self._upstream = client_context(roots)
        self._policy = policy or Policy()
        self._shared_key = make_key("ecdsa")
        self._minted: OrderedDict[tuple[str, bytes], SSL.Context] = OrderedDict()
        self._seen = 0
        self.opened = 0
        """Tunnels opened so far."""

    async def tunnel(self, link: Link, upstream: Link, host: str) -> None:
        """Opens the tunnel unless the policy, or what comes through it, says otherwise."""
        if not self._wants(host):
            await super().tunnel(link, upstream, host)
            return
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                name = await link.peek_server_name() or host
        except NotTlsError:
            await super().tunnel(link, upstream, host)
            return
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            await upstream.start_tls(self._upstream, server=False, host=name)
            await link.start_tls(self._mint(name, upstream.tls), server=True)
        self.opened += 1
        await link.join(upstream, idle=TUNNEL_IDLE_SECONDS)

    def _wants(self, host: str) -> bool:
        if any(host == domain or host.endswith(f".{domain}") for domain in self._policy.bypass):
            return False
        self._seen += 1
        return self._seen % self._policy.every == 0

    def _mint(self, name: str, origin: SSL.Connection | None) -> SSL.Context:
        found = origin.get_peer_certificate(as_cryptography=True) if origin is not None else None
        if origin is None or found is None:
            raise ConnectionAbortedError("the origin went away")
        trusted = origin.get_app_data() is None
        key = (name, found.tbs_certificate_bytes)
        if key not in self._minted:
            self._minted[key] = server_context(self._forge(name, found, trusted=trusted), alpn=())
            if len(self._minted) > MINTED_KEPT:
                self._minted.popitem(last=False)
        return self._minted[key]

    def _forge(self, name: str, origin: x509.Certificate, *, trusted: bool) -> Credential:
        signer = self._authority if trusted else self._distrust
        names: Sequence[str] = [name]
        subject: x509.Name | None = None
        valid: Validity | None = None
        if self._policy.mimic:
            names = _names(origin) or names
            subject = origin.subject
            valid = (origin.not_valid_before_utc, origin.not_valid_after_utc)
        forged = signer.leaf(names, key=self._leaf_key(signer), subject=subject, valid=valid, bare=True)
        return Credential(forged.key, forged.certificate, (signer.certificate,) if trusted else ())

    def _leaf_key(self, signer: Authority) -> PrivateKey | None:
        if self._policy.key is LeafKey.AUTHORITY:
            return signer.key
        return self._shared_key if self._policy.key is LeafKey.SHARED else None


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))]
