"""Keys are told apart by their digest, whatever certificate they are in, and within bounds."""

from __future__ import annotations

import trustme

from prober.engine.load import keys
from prober.engine.load.keys import Keys
from prober.load.slices import OTHER_KEYS, Slice
from prober.spki import spki_sha256

from ..world import authority


def der(issued: trustme.LeafCert) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    return x509.load_pem_x509_certificate(issued.cert_chain_pems[0].bytes()).public_bytes(Encoding.DER)


def test_counted_by_key() -> None:
    one, two = (der(authority().issue_cert(f"{name}.example.com")) for name in "ab")
    counting, into = Keys(), Slice(0)
    for leaf, at in ((one, 0.25), (two, 0.5), (one, 0.75)):
        counting.count(leaf, into, at)
    found = into.keys[spki_sha256(one) or ""]
    assert (found.count, found.first) == (2, 0.25)
    assert found.issuer.endswith("O=tests")
    assert into.keys[spki_sha256(two) or ""].count == 1
    later = Slice(1)
    counting.count(one, later, 1.5)
    assert later.keys[spki_sha256(one) or ""].first == 1.5


def test_nonsense_is_counted_too() -> None:
    into = Slice(0)
    Keys().count(b"no certificate", into, 0.0)
    assert into.keys[OTHER_KEYS].count == 1
    assert into.keys[OTHER_KEYS].issuer == ""


def test_bounded(monkeypatch: object) -> None:
    counting, into = Keys(), Slice(0)
    key = keys._IN_A_SECOND + 5
    for number in range(key):
        counting._known[number.to_bytes(4, "big")] = (f"{number}", "CN=x")
    import hashlib

    for number in range(key):
        leaf = b"%d" % number
        counting._known[hashlib.sha256(leaf).digest()] = (f"{number:064}", "CN=x")
        counting.count(leaf, into, 0.0)
    assert len(into.keys) == keys._IN_A_SECOND + 1
    assert into.keys[OTHER_KEYS].count == 5
    many = Keys()
    for number in range(keys._KNOWN + 10):
        many.count(b"%d" % number, Slice(0), 0.0)
    assert len(many._known) <= keys._KNOWN
