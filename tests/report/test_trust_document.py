"""The trust of a run goes into its document and comes out of it as it was."""

from __future__ import annotations

import hashlib
from types import ModuleType

import msgspec
import pytest

from prober.interception.holdings import SavedAnchor, TrustSnapshot
from prober.model import Anchor
from prober.report.build import collect_certificates
from prober.report.document import Run
from prober.report.files import decode, encode
from prober.report.trust import certificates_of, snapshot_of, trust_document

SNAPSHOT = TrustSnapshot(
    shipped_version=4,
    shipped_dated="2026-11-20",
    with_shipped=False,
    mozilla_sha256="ab" * 32,
    anchors=(
        SavedAnchor(b"user's root", Anchor.PINNED, ("corp.example",), "user"),
        SavedAnchor(b"machine's root", Anchor.OS_ONLY, (), "os"),
    ),
    bridges=(b"bridge",),
    os_keys=("cd" * 32,),
    pins=(("a.example", ("01" * 32, "02" * 32)), ("*.b.example", ("03" * 32,))),
    interceptor_certificates=(b"our own inspection",),
    interceptor_digests=("ef" * 32,),
    known_bad=(("12" * 32, "Superfish"),),
)


@pytest.fixture
def run(world: ModuleType) -> Run:
    made: Run = world.run_of(world.ROUTES[:1], 1)
    certificates = collect_certificates([], certificates_of(SNAPSHOT))
    return msgspec.structs.replace(made, trust=trust_document(SNAPSHOT), certificates=certificates)


def test_it_comes_back(run: Run) -> None:
    assert snapshot_of(decode(encode(run))) == SNAPSHOT


def test_older_runs_have_none(run: Run) -> None:
    assert snapshot_of(msgspec.structs.replace(run, trust=None)) is None


@pytest.mark.parametrize("lost", list(certificates_of(SNAPSHOT)))
def test_a_missing_certificate_is_named(run: Run, lost: bytes) -> None:
    digest = hashlib.sha256(lost).hexdigest()
    del run.certificates[digest]
    with pytest.raises(ValueError, match=f"is missing: {digest}"):
        snapshot_of(run)


def test_a_root_of_an_unknown_kind_is_named(run: Run) -> None:
    assert run.trust is not None
    roots = (msgspec.structs.replace(run.trust.roots[0], anchor="blessed"),)
    with pytest.raises(ValueError, match="unknown here: blessed"):
        snapshot_of(msgspec.structs.replace(run, trust=msgspec.structs.replace(run.trust, roots=roots)))
