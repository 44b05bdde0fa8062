"""Certificate facts and trust: what a chain says and where it ends. Pure."""

from prober.interception.anchors import UserRoot
from prober.interception.certificates import CertificateFacts, certificate_facts
from prober.interception.holdings import SavedAnchor, TrustSnapshot
from prober.interception.trust import Trust, TrustStore

__all__ = ["CertificateFacts", "SavedAnchor", "Trust", "TrustSnapshot", "TrustStore", "UserRoot", "certificate_facts"]
