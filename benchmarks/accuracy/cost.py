"""What judging costs: time for a probe once its chain is known, memory under a flood of chains never seen before."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.accuracy.pki import NOW, Keys, der
from benchmarks.accuracy.sites import Site
from benchmarks.accuracy.world import Seen, Way, World
from prober.interception.comparison import Comparison
from prober.lab.authorities import Authority, PrivateKey
from prober.model import Observation, Route, Scheme, Target, TlsFacts

Measured = dict[str, float]
Record = tuple[Site, Way, Seen]
REPEATS = 8
ASKED_EVERY = 25
"""In the flood a verdict is asked for after this many chains: what counts there is memory."""
WINDOW = 8
"""Looks kept of each pair, as a monitor does."""
_TAG_INTEGER, _TAG_BIT_STRING, _TAG_SEQUENCE = 0x02, 0x03, 0x30


def measure(chains: int) -> Measured:
    """All figures. Times are the processor's, in microseconds; memory in megabytes."""
    return {**_known_chains(), **_flood(chains)}


def lines(measured: Measured) -> Iterator[str]:
    """For people, beside the limits promised."""
    yield "\nCOST of a probe whose chain is known, add and verdict, in microseconds (limit 15 where nothing changes)"
    for name, about in (("clean", "without interceptors"), ("forged", "with them")):
        steady, restless = measured[f"{name}_steady_us"], measured[f"{name}_restless_us"]
        yield f"  networks {about}: {steady:.1f}; {restless:.1f} where certificates alternate from probe to probe"
    yield f"  a chain seen for the first time: {measured['first_us']:.0f} at most"
    yield f"MEMORY for {measured['chains']:.0f} distinct forged chains, {WINDOW} looks kept of each of 50 pairs:"
    grown = (f"{measured[f'grown_{place}_of_5_mb']:.1f}" for place in range(1, 6))
    yield f"  MB grown after each fifth of them: {', '.join(grown)}"
    yield f"  {measured['flood_add_us']:.0f} µs to add one, {measured['flood_verdict_us']:.0f} µs for a verdict"


def _known_chains() -> Measured:
    """Observations of whole worlds, added again and again as a monitor does: steady ones, then as they come."""
    worlds = {"clean": [0, 2, 4, 7], "forged": [1, 3, 5, 8]}
    keys = Keys()
    found: Measured = {}
    for name, seeds in worlds.items():
        for seed in seeds:
            world = World(seed, keys)
            records = [record for record in world.attempts_of_all() if record[2].observation.tls is not None]
            for kind, each in (("steady", _first_of_each(records)), ("restless", records)):
                spent, first = _replayed(world, each)
                found[f"{name}_{kind}_us"] = found.get(f"{name}_{kind}_us", 0.0) + spent / len(seeds)
                found["first_us"] = max(found.get("first_us", 0.0), first)
    return found


def _first_of_each(records: Sequence[Record]) -> list[Record]:
    """One observation for each pair: nothing rotates, no certificate alternates."""
    chosen: dict[tuple[str, str], Record] = {}
    for site, way, seen in records:
        chosen.setdefault((site.target.id, way.route.name), (site, way, seen))
    return list(chosen.values())


def _replayed(world: World, records: Sequence[Record]) -> tuple[float, float]:
    """Microseconds for an observation once all windows are full, and the first time."""
    comparison = Comparison(world.land.store(), window=WINDOW)
    began = time.process_time()
    _round(comparison, records)
    first = time.process_time() - began
    for _ in range(WINDOW):
        _round(comparison, records)
    spent = []
    for _ in range(REPEATS):
        began = time.process_time()
        _round(comparison, records)
        spent.append(time.process_time() - began)
    # the least disturbed round: a neighbour on the machine makes even processor time longer
    return min(spent) / len(records) * 1e6, first / len(records) * 1e6


def _round(comparison: Comparison, records: Sequence[Record]) -> None:
    for site, way, seen in records:
        comparison.add(site.target, way.route, seen.observation)
        comparison.verdict(site.target.id, way.route.name)


def _flood(chains: int) -> Measured:
    """Chains of a hostile route, each with a leaf never seen before, over 50 pairs."""
    keys = Keys()
    world = World(0, keys)
    comparison = Comparison(world.land.store(), window=WINDOW)
    mint = Mint(keys)
    targets = [Target(id=f"t{n}", scheme=Scheme.TLS, host=f"h{n}.d0.example", port=443) for n in range(50)]
    route = Route("hostile")
    before = resident()
    grown: list[float] = []
    adding = judging = 0.0
    for number in range(chains):
        target = targets[number % len(targets)]
        facts = TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", "x25519", None, False, False, mint.chain(number))
        observation = Observation(target=target.id, route=route.name, at=NOW.timestamp() + number / 100, tls=facts)
        began = time.process_time()
        comparison.add(target, route, observation)
        adding += time.process_time() - began
        if number % ASKED_EVERY == 0:
            began = time.process_time()
            comparison.verdict(target.id, route.name)
            judging += time.process_time() - began
        if (number + 1) % max(chains // 5, 1) == 0:
            grown.append(resident() - before)
    return {
        "chains": chains,
        **{f"grown_{place + 1}_of_5_mb": megabytes for place, megabytes in enumerate(grown[:5])},
        "flood_add_us": adding / max(chains, 1) * 1e6,
        "flood_verdict_us": judging / max(chains // ASKED_EVERY, 1) * 1e6,
    }


class Mint:
    """Makes forged chains quickly: one certificate is taken apart, and signed again with other serial numbers."""

    def __init__(self, keys: Keys) -> None:
        self._authority = Authority("Flood CA", key=keys.make("ecdsa"))
        template = self._authority.leaf(["*.d0.example"], key=keys.make("ecdsa")).certificate
        self._signature_algorithm = _signature_algorithm(template)
        tbs = template.tbs_certificate_bytes
        serial = template.serial_number.to_bytes((template.serial_number.bit_length() + 8) // 8)
        self._head, self._tail = tbs.split(bytes([_TAG_INTEGER, len(serial)]) + serial, 1)
        self._serial_size = len(serial)
        self._key: PrivateKey = self._authority.key
        self._root = der(self._authority.certificate)

    def chain(self, number: int) -> tuple[bytes, ...]:
        """Leaf and root; every number gives another leaf."""
        serial = (1 << (8 * self._serial_size - 2)) + number
        tbs = self._head + bytes([_TAG_INTEGER, self._serial_size]) + serial.to_bytes(self._serial_size) + self._tail
        if not isinstance(self._key, ec.EllipticCurvePrivateKey):
            raise TypeError("the flood's authority has an EC key")
        signature = self._key.sign(tbs, ec.ECDSA(hashes.SHA256()))
        signed = tbs + self._signature_algorithm + _tlv(_TAG_BIT_STRING, b"\x00" + signature)
        return _tlv(_TAG_SEQUENCE, signed), self._root


def resident() -> float:
    """Resident memory of this process in megabytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def _signature_algorithm(certificate: x509.Certificate) -> bytes:
    """The AlgorithmIdentifier between what is signed and the signature, as encoded."""
    whole = der(certificate)
    start = whole.index(certificate.tbs_certificate_bytes) + len(certificate.tbs_certificate_bytes)
    return whole[start : start + 2 + whole[start + 1]]


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content
