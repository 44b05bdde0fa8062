"""Whether a certificate is for a host (RFC 9525), and whether a host falls under a suffix."""

from __future__ import annotations

import ipaddress
import warnings
from collections.abc import Iterable, Mapping

from cryptography import x509
from service_identity import CertificateError, VerificationError
from service_identity.hazmat import (
    DNS_ID,
    CertificatePattern,
    DNSPattern,
    IPAddress_ID,
    IPAddressPattern,
    verify_service_identity,
)

from prober.interception.certificates import certificate_facts, shown


def normal_host(host: str) -> str:
    """Lower case, without a trailing dot, brackets or zone; the very same string if it is so already."""
    normal = host.strip("[]").rstrip(".").partition("%")[0].lower()
    return host if normal == host else normal


def under(host: str, suffixes: Iterable[str]) -> bool:
    """Whether `host` is one of the suffixes or lies beneath one, whole labels only."""
    return any(host == suffix or host.endswith(f".{suffix}") for suffix in suffixes)


def most_specific(host: str, patterns: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
    """The entry for `host` itself, else the one of the longest `*.suffix` above it; None if there is none."""
    if host in patterns:
        return patterns[host]
    labels = host.split(".")
    for cut in range(1, len(labels)):
        entry = patterns.get("*." + ".".join(labels[cut:]))
        if entry is not None:
            return entry
    return None


def name_problem(der: bytes, host: str) -> str | None:
    """Why the certificate is not for `host` (a name, or an IP literal); None if it is.

    Only the subject alternative name counts, as RFC 9525 section 6.3 has it: a common name never does.
    """
    patterns = _patterns(der)
    if patterns is None:
        return "its names cannot be read"
    try:
        verify_service_identity(patterns, [_identity(host)], [])
    except CertificateError:
        return "it carries no name at all (no subjectAltName)"
    except VerificationError:
        return f"it is for {_some_names(der)}, not for {shown(host)}"
    except ValueError:  # a host that is no host name; idna's errors are ValueErrors too
        return f"{shown(host)} is not a host name a certificate could carry"
    return None


def _identity(host: str) -> DNS_ID | IPAddress_ID:
    try:
        return IPAddress_ID(ipaddress.ip_address(host))
    except ValueError:
        return DNS_ID(host)


def _patterns(der: bytes) -> list[CertificatePattern] | None:
    """DNS and IP patterns of the certificate. A single bad one is passed over and does not spoil the others,
    which is why service_identity's own extraction is not used."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd certificates warn; that is not this function's question
        try:
            names = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            return []
        except Exception:  # noqa: BLE001  malformed extensions raise several unrelated types
            return None
    patterns: list[CertificatePattern] = []
    for name in names.value:
        try:
            if isinstance(name, x509.DNSName):
                patterns.append(DNSPattern.from_bytes(name.value.encode()))
            elif isinstance(name.value, ipaddress.IPv4Address | ipaddress.IPv6Address):
                patterns.append(IPAddressPattern(name.value))
        except CertificateError:
            continue
    return patterns


def _some_names(der: bytes) -> str:
    facts = certificate_facts(der)
    if facts is None or not facts.sans:
        return "other names"
    listed = ", ".join(shown(name, 80) for name in facts.sans[:3])
    more = facts.san_count - min(3, len(facts.sans))
    return f"{listed} and {more} more" if more > 0 else listed
