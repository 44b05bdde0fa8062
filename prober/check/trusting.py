"""Trust stores from settings: Mozilla's, the machine's, the user's roots, pins and known interceptors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from prober.check.errors import PlanErrors
from prober.config import Loaded, is_fingerprint
from prober.engine.stores import machine_roots, mozilla_roots
from prober.interception.anchors import UserRoot, certificates_in
from prober.interception.holdings import SavedAnchor, TrustSnapshot
from prober.interception.trust import TrustStore
from prober.model import Anchor


def trust_store(loaded: Loaded) -> TrustStore:
    """What targets' certificates are judged with. Raises PlanErrors with everything that cannot be read."""
    errors: list[str] = []
    roots = _roots(loaded, errors)
    interceptors = _interceptors(loaded, errors)
    if errors:
        raise PlanErrors(errors)
    return TrustStore(mozilla_roots(), machine_roots(), roots, _pins(loaded), interceptors=interceptors)


def further_trust(snapshot: TrustSnapshot, loaded: Loaded) -> TrustSnapshot:
    """A saved run's trust with what the settings in force add. Raises PlanErrors."""
    errors: list[str] = []
    roots = _roots(loaded, errors)
    interceptors = _interceptors(loaded, errors)
    if errors:
        raise PlanErrors(errors)
    anchors = (
        SavedAnchor(certificate.der, root.anchor, root.names, "user")
        for root in roots
        for certificate in certificates_in(root.pem)
    )
    given = [each for each in interceptors if isinstance(each, bytes)]
    pems = (certificate.der for pem in given for certificate in certificates_in(pem))
    return replace(
        snapshot,
        anchors=(*snapshot.anchors, *anchors),
        pins=tuple({**dict(snapshot.pins), **{host: tuple(keys) for host, keys in _pins(loaded).items()}}.items()),
        interceptor_certificates=(*snapshot.interceptor_certificates, *pems),
        interceptor_digests=(
            *snapshot.interceptor_digests,
            *(each for each in interceptors if isinstance(each, str)),
        ),
    )


def _roots(loaded: Loaded, errors: list[str]) -> list[UserRoot]:
    roots: list[UserRoot] = []
    for root in loaded.settings.trust.roots:
        try:
            user_root = UserRoot(Path(root.file).read_bytes(), Anchor(root.anchor), tuple(root.names))
            TrustStore(b"", None, [user_root])  # a file without a certificate is found here, under its name
        except OSError as error:
            errors.append(f"trusted roots {root.file}: {error.strerror}")
        except ValueError as error:
            errors.append(f"trusted roots {root.file}: {error}")
        else:
            roots.append(user_root)
    return roots


def _interceptors(loaded: Loaded, errors: list[str]) -> Sequence[bytes | str]:
    found: list[bytes | str] = []
    for text in loaded.settings.trust.known_interceptors:
        if is_fingerprint(text):
            found.append(text.lower())
            continue
        try:
            pem = Path(text).read_bytes()
            TrustStore(b"", interceptors=[pem])
        except OSError as error:
            errors.append(f"known interceptor {text}: {error.strerror}")
        except ValueError as error:
            errors.append(f"known interceptor {text}: {error}")
        else:
            found.append(pem)
    return found


def _pins(loaded: Loaded) -> dict[str, frozenset[str]]:
    return {host: frozenset(keys) for host, keys in loaded.pins.items()}
