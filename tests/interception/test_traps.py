"""The traps of interception.md section 3: honest networks that look like interception. Each by its number there.

Each is run with single looks, with confirmations, with several attempts, and judged in shuffled orders (`Scene.run`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import certifi
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.interception import TrustStore, UserRoot
from prober.interception.anchors import shipped
from prober.interception.baseline import Baseline
from prober.interception.looks import Ground, view_of
from prober.interception.verdict import Basis, Verdict, Why, Word
from prober.model import Anchor, HopFacts, TrustClass

from .forging import DAY, NOW, Made, dn, forge, make, new_key, root
from .scenes import (
    BRANCH,
    CORP,
    CORP_ISSUING,
    DIRECT,
    HQ,
    ISSUING,
    ISSUING_2,
    LEGACY,
    OTHER_ISSUING,
    OTHER_PUBLIC,
    PUBLIC,
    VENDOR,
    VENDOR_ISSUING,
    Face,
    Names,
    Pair,
    Run,
    Scene,
    after,
    face,
    in_turn,
    self_signed,
)

HOST = "a.alpha.test"
OTHER_HOST = "b.beta.test"
CLEAN = {Word.CLEAN}
NOT_FOUND = {Word.INCONCLUSIVE}
AT_MOST_SUSPECT = {Word.SUSPECT, Word.INCONCLUSIVE, Word.CLEAN}
"""Where the page says that more cannot honestly be said."""


def holds(scene: Scene, expected: Mapping[Pair, set[Word]]) -> list[Run]:
    """No run says `intercepted`, and each pair gets one of its words in every run. Gives the runs."""
    runs = list(scene.runs())
    for run in runs:
        assert Word.INTERCEPTED not in run.words.values(), run.verdicts
        for pair, words in expected.items():
            assert run.words[pair] in words, (pair, run.verdicts[pair])
    return runs


def everywhere(scene: Scene, words: set[Word]) -> list[Run]:
    """As `holds`, the same for all pairs."""
    return holds(scene, dict.fromkeys(scene.run(shuffled=0).verdicts, words))


def last(scene: Scene, words: set[Word], host: str = HOST, route: str = "hq") -> Verdict:
    return holds(scene, {(host, route): words})[-1].verdicts[host, route]


class TestMissingBridge:
    """1. Microsoft G2: valid only through a cross-certificate that some front ends omit."""

    key = new_key()
    twin = root("Vendor TLS Root G2", "Vendor Corporation", key=key)
    bridge = PUBLIC.authority("Vendor TLS Root G2", "Vendor Corporation", key=key)
    issuing = twin.authority("Vendor TLS G2 CA 04", "Vendor Corporation")
    leaf = issuing.server("x.vendor.test", organisation="Vendor Corporation")
    renewed = issuing.server("x.vendor.test", organisation="Vendor Corporation")
    whole = face(leaf, issuing, bridge)

    def test_same_key_over_both_routes(self) -> None:
        scene = Scene()
        scene.shows("x.vendor.test", DIRECT, self.whole)
        scene.shows("x.vendor.test", HQ, face(self.leaf, self.issuing))
        everywhere(scene, CLEAN)

    def test_the_bridge_is_learned_from_another_host(self) -> None:
        scene = Scene()
        scene.shows("x.vendor.test", HQ, face(self.leaf, self.issuing))
        scene.shows("y.vendor.test", HQ, face(self.issuing.server("y.vendor.test"), self.issuing, self.bridge))
        for run in everywhere(scene, CLEAN):
            assert run.verdicts["x.vendor.test", "hq"].basis is Basis.AUTHORITY

    def test_another_front_end_omits_it(self) -> None:
        scene = Scene()
        scene.shows("x.vendor.test", DIRECT, self.whole)
        scene.shows("x.vendor.test", HQ, face(self.renewed, self.issuing))
        everywhere(scene, CLEAN)

    def test_the_self_signed_twin_is_known_as_the_vendors(self) -> None:
        scene = Scene(roots=[UserRoot(self.twin.pem, Anchor.VENDOR_PRIVATE, ("vendor.test",))])
        scene.shows("x.vendor.test", [DIRECT, HQ], face(self.leaf, self.issuing))
        everywhere(scene, CLEAN)

    def test_nobody_sends_it_and_nothing_is_known(self) -> None:
        scene = Scene()
        scene.shows("x.vendor.test", [DIRECT, HQ], face(self.leaf, self.issuing))
        everywhere(scene, NOT_FOUND)

    def test_without_any_reference(self) -> None:
        scene = Scene()
        scene.shows("x.vendor.test", HQ, face(self.leaf, self.issuing))
        assert last(scene, NOT_FOUND, "x.vendor.test").reason is Why.CHAIN_INCOMPLETE

    def test_an_unknown_bridge_to_an_issuer_that_was_omitted_too(self) -> None:
        """Nothing can be learned from the other route: it has another branch of the vendor's tree."""
        scene = Scene()
        scene.shows("x.vendor.test", DIRECT, face(ISSUING.server("x.vendor.test"), ISSUING))
        scene.shows("x.vendor.test", HQ, face(self.leaf))
        last(scene, AT_MOST_SUSPECT, "x.vendor.test")

    def test_that_front_end_asks_for_no_client_certificate_either(self) -> None:
        """Two ways in which one front end differs from another are no two kinds of evidence."""
        scene = Scene()
        scene.shows("x.vendor.test", DIRECT, face(ISSUING.server("x.vendor.test"), ISSUING, asks=True))
        scene.shows("x.vendor.test", HQ, face(self.leaf))
        everywhere(scene, AT_MOST_SUSPECT)

    def test_one_certificate_for_several_hosts_at_that_front_end(self) -> None:
        scene = Scene()
        both = self.issuing.server("x.vendor.test", "y.vendor.test")
        for host, issuing in (("x.vendor.test", ISSUING), ("y.vendor.test", OTHER_ISSUING)):
            scene.shows(host, DIRECT, face(issuing.server(host), issuing))
            scene.shows(host, HQ, face(both))
        everywhere(scene, AT_MOST_SUSPECT)

    @pytest.mark.parametrize("number", ["02", "04"])
    def test_the_real_certificates(self, number: str) -> None:
        """The real issuing authority stands for its leaf: nobody here could sign one."""
        der = next(c.der for c in shipped().bridges if f"G2 RSA CA OCSP {number}," in c.facts.subject)
        store = TrustStore(Path(certifi.where()).read_bytes())
        host, at = "www.microsoft.com", 1_795_000_000.0
        view = view_of((der,), store.judge((der,), host, at), store)
        assert (view.ground, view.trust.anchor) == (Ground.ANCHORED, Anchor.PUBLIC)
        without = TrustStore(b"")
        view = view_of((der,), without.judge((der,), host, at), without)
        assert (view.ground, view.trust.anchor) == (Ground.ANCHORED, Anchor.VENDOR_PRIVATE)


class TestCrossSignedTwins:
    """2. One issuing authority, two certificates under two roots, one of them expired."""

    key = new_key()
    valid = PUBLIC.authority("Vendor RSA TLS CA 08", "Vendor Corporation", key=key)
    expired = OTHER_PUBLIC.authority("Vendor RSA TLS CA 08", "Vendor Corporation", key=key, ends=-1)

    def test_each_route_sends_its_own(self) -> None:
        scene = Scene()
        leaves = [self.valid.server(HOST), self.valid.server(HOST)]
        scene.shows(HOST, DIRECT, face(leaves[0], self.valid))
        scene.shows(HOST, HQ, face(leaves[1], self.expired))
        everywhere(scene, CLEAN)

    def test_only_the_expired_one_is_sent(self) -> None:
        scene = Scene()
        scene.shows(HOST, [DIRECT, HQ], face(self.valid.server(HOST), self.expired))
        everywhere(scene, {Word.CLEAN, Word.INCONCLUSIVE})

    def test_the_real_pair_of_2026_08(self) -> None:
        """Microsoft Azure RSA TLS Issuing CA 08 on the day after its DigiCert-signed form expired."""
        store = TrustStore(Path(certifi.where()).read_bytes())
        forms = [c.der for c in shipped().bridges if "Azure RSA TLS Issuing CA 08" in c.facts.subject]
        assert len(forms) == 2
        at = 1_787_740_000.0
        chains = [(forms[0], forms[1]), (forms[1], forms[0])]
        grounds = {view_of(c, store.judge(c, "x.microsoft.com", at), store).ground for c in chains}
        assert grounds == {Ground.ANCHORED}


class TestPrivateVendorRoots:
    """3. The vendor's private roots vouch for its own names."""

    def test_over_all_routes(self) -> None:
        scene = Scene()
        leaf = VENDOR_ISSUING.server("update.vendor.test", organisation="Vendor Corporation")
        scene.target("update.vendor.test", TrustClass.VENDOR_PRIVATE)
        scene.shows("update.vendor.test", [DIRECT, HQ], face(leaf, VENDOR_ISSUING))
        everywhere(scene, CLEAN)

    def test_public_here_and_private_there(self) -> None:
        scene = Scene()
        scene.shows("update.vendor.test", DIRECT, face(ISSUING.server("update.vendor.test"), ISSUING))
        scene.shows("update.vendor.test", HQ, face(VENDOR_ISSUING.server("update.vendor.test"), VENDOR_ISSUING, VENDOR))
        (verdict,) = {run.verdicts["update.vendor.test", "hq"].issuer_changed for run in everywhere(scene, CLEAN)}
        assert verdict is True

    def test_in_the_machines_store_too(self) -> None:
        scene = Scene(os_pem=VENDOR.pem)
        scene.shows("update.vendor.test", HQ, face(VENDOR_ISSUING.server("update.vendor.test"), VENDOR_ISSUING))
        everywhere(scene, CLEAN)

    def test_the_vendors_next_root_is_not_known_yet(self) -> None:
        """OONI's false alarm: Signal rotated its private root. Two of the vendor's hosts show the new one."""
        new = root("Vendor Private Root 2", "Vendor Corporation")
        scene = Scene()
        for host in ("update.vendor.test", "events.vendor-cloud.test"):
            scene.target(host, TrustClass.VENDOR_PRIVATE if host.startswith("update") else TrustClass.PUBLIC)
            scene.shows(host, HQ, face(new.server(host), new))
        everywhere(scene, AT_MOST_SUSPECT)


class TestOtherPublicRoots:
    """4 and 5. Roots that have left Mozilla's store, and roots of other stores."""

    def test_a_removed_root(self) -> None:
        scene = Scene()
        scene.shows(HOST, DIRECT, face(ISSUING.server(HOST), ISSUING))
        scene.shows(HOST, HQ, face(LEGACY.server(HOST)))
        everywhere(scene, CLEAN)

    def test_the_real_ones(self) -> None:
        store = TrustStore(b"")
        for authority in shipped().authorities:
            if authority.anchor is Anchor.PUBLIC_LEGACY:
                der = authority.certificate.der
                at = authority.certificate.facts.not_after - DAY
                assert view_of((der,), store.judge((der,), HOST, at), store).ground is Ground.ANCHORED

    def test_a_root_of_another_store_named_by_the_user(self) -> None:
        elsewhere = root("Windows-only Root", "Third Trust")
        scene = Scene(roots=[UserRoot(elsewhere.pem, Anchor.PUBLIC)])
        scene.shows(HOST, DIRECT, face(ISSUING.server(HOST), ISSUING))
        scene.shows(HOST, HQ, face(elsewhere.server(HOST), elsewhere))
        everywhere(scene, CLEAN)

    @pytest.mark.parametrize("os_pem", [True, False], ids=["in the machine's store", "nowhere"])
    def test_a_root_of_another_store_that_nobody_named(self, os_pem: bool) -> None:
        """At one POP; more than suspicion would be wrong, though the machine's store vouches for nothing."""
        elsewhere = root("Windows-only Root", "Third Trust")
        scene = Scene(os_pem=elsewhere.pem if os_pem else b"")
        scene.shows(HOST, DIRECT, face(ISSUING.server(HOST), ISSUING))
        scene.shows(HOST, HQ, face(elsewhere.server(HOST), elsewhere))
        last(scene, {Word.SUSPECT})

    @pytest.mark.parametrize("os_pem", [True, False], ids=["in the machine's store", "nowhere"])
    def test_a_familiar_authoritys_next_root_at_one_front_end(self, os_pem: bool) -> None:
        """The same service with the same names and organisation: nobody has copied them, they are its own."""
        new = root("First Trust Root G9", "First Trust Inc")
        issuing = new.authority("First Trust TLS CA G9", "First Trust Inc")
        scene = Scene(os_pem=new.pem if os_pem else b"")
        for host, before in ((HOST, ISSUING), (OTHER_HOST, OTHER_ISSUING)):
            names = (host, f"www.{host}")
            scene.shows(host, DIRECT, face(before.server(*names, organisation="Alpha Ltd"), before))
            scene.shows(host, HQ, face(issuing.server(*names, organisation="Alpha Ltd"), issuing, new))
        everywhere(scene, AT_MOST_SUSPECT)


class TestDualCertificates:
    """6. An RSA and an EC certificate for one host: another key, the same issuer."""

    def test_by_route_and_by_connection(self) -> None:
        both = [
            face(ISSUING.server(HOST), ISSUING),
            face(ISSUING.server(HOST, key=rsa.generate_private_key(65537, 2048)), ISSUING),
        ]
        scene = Scene()
        scene.shows(HOST, DIRECT, both[0])
        scene.shows(HOST, HQ, both[1])
        scene.shows(HOST, BRANCH, lambda number, _: both[number % 2])
        everywhere(scene, CLEAN)


class TestManyFrontEnds:
    """7. Another POP, another issuer family, another protocol: anchored is clean."""

    def test_issuers_versions_and_alpn_differ(self) -> None:
        scene = Scene()
        scene.shows(HOST, DIRECT, face(ISSUING.server(HOST, organisation="Vendor Corporation"), ISSUING))
        scene.shows(HOST, HQ, face(OTHER_ISSUING.server(HOST), OTHER_ISSUING, version="TLSv1.2", alpn=None, hello=None))
        scene.shows(HOST, BRANCH, face(ISSUING_2.server(HOST), ISSUING_2))
        for run in everywhere(scene, CLEAN):
            changed = {route: run.verdicts[HOST, route].issuer_changed for route in ("hq", "branch")}
            assert changed == {"hq": True, "branch": False}

    def test_a_cdn_adds_its_own_via(self) -> None:
        scene = Scene()
        plain, cdn = (("server", "x"),), (("via", "1.1 varnish"), ("x-cache", "HIT"))
        scene.shows(HOST, DIRECT, face(ISSUING.server(HOST), ISSUING, headers=plain))
        scene.shows(HOST, HQ, face(OTHER_ISSUING.server(HOST), OTHER_ISSUING, headers=cdn))
        everywhere(scene, CLEAN)

    def test_a_farm_whose_members_have_their_own_keys(self) -> None:
        farm = [face(ISSUING.server(HOST), ISSUING) for _ in range(3)]
        scene = Scene()
        scene.shows(HOST, [DIRECT, HQ, BRANCH], lambda number, at: farm[int(at * 8) % 3])
        everywhere(scene, CLEAN)


class TestRotation:
    """8. The certificate changes while the run goes on."""

    @pytest.mark.parametrize("moment", [0.1, 0.3, 0.6])
    def test_of_a_public_one(self, moment: float) -> None:
        old, new = (face(issuing.server(HOST), issuing) for issuing in (ISSUING, OTHER_ISSUING))
        scene = Scene()
        scene.shows(HOST, [DIRECT, HQ, BRANCH], after(moment, old, new))
        everywhere(scene, CLEAN)

    @pytest.mark.parametrize("moment", [0.1, 0.2, 0.4, 0.6])
    @pytest.mark.parametrize("routes", [[DIRECT, HQ, BRANCH], [HQ, BRANCH]], ids=["direct", "without"])
    def test_of_a_private_appliance(self, moment: float, routes: list) -> None:  # type: ignore[type-arg]
        old, new = (face(self_signed("nas.corp.test")) for _ in range(2))
        scene = Scene()
        scene.target("nas.corp.test", None)
        scene.shows("nas.corp.test", routes, after(moment, old, new))
        everywhere(scene, AT_MOST_SUSPECT)

    @pytest.mark.parametrize("moment", [0.1, 0.2, 0.4, 0.6])
    def test_of_an_appliance_that_gets_its_first_public_certificate(self, moment: float) -> None:
        """Unknown before, anchored after: for a moment one route contradicts the other."""
        old, new = face(self_signed(HOST)), face(ISSUING.server(HOST), ISSUING)
        for faces in ((old, new), (new, old)):
            scene = Scene()
            scene.shows(HOST, [DIRECT, HQ], after(moment, *faces))
            everywhere(scene, AT_MOST_SUSPECT)

    @pytest.mark.parametrize("moment", [0.1, 0.2, 0.4, 0.6])
    def test_of_a_private_authority_that_copies_what_was_there(self, moment: float) -> None:
        """As before, and the next certificate repeats names, organisation and validity: evidence enough, were it not
        that the reference changes as well."""
        real = ISSUING.server(HOST, "www.alpha.test", organisation="Alpha Ltd")
        twin = forge(real, CORP_ISSUING, host=HOST)
        for faces in (
            (face(real, ISSUING), face(twin, CORP_ISSUING, CORP)),
            (face(twin, CORP_ISSUING, CORP), face(real, ISSUING)),
        ):
            scene = Scene()
            scene.shows(HOST, [DIRECT, HQ], after(moment, *faces))
            everywhere(scene, AT_MOST_SUSPECT)


class TestSplitHorizon:
    """9. Over one route the name leads to a private twin of the service. The worst honest case: 7 points, `suspect`."""

    def twin(self, *, known_here: bool = False, names: tuple[str, ...] = (HOST, "twin.corp.test"), **options):  # type: ignore[no-untyped-def]  # options of a face
        scene = Scene(os_pem=CORP.pem if known_here else b"")
        leaf = CORP_ISSUING.server(*names, days=(-30, 700), organisation="Example Corp")
        scene.shows(HOST, DIRECT, face(ISSUING.server(HOST, "www.alpha.test", organisation="Alpha Ltd"), ISSUING))
        scene.shows(HOST, HQ, face(leaf, CORP_ISSUING, **options))
        return scene

    @pytest.mark.parametrize("known_here", [False, True])
    def test_a_twin_with_names_of_its_own(self, known_here: bool) -> None:
        scene = self.twin(known_here=known_here)
        for run in scene.runs():
            assert run.words[HOST, "direct"] is Word.CLEAN
            assert run.words[HOST, "hq"] in AT_MOST_SUSPECT

    @pytest.mark.parametrize("known_here", [False, True])
    def test_it_sends_its_root_lasts_two_years_and_speaks_old_tls(self, known_here: bool) -> None:
        scene = Scene(os_pem=CORP.pem if known_here else b"")
        leaf = CORP_ISSUING.server(HOST, "twin.corp.test", days=(-1, 729), organisation="Example Corp")
        real = face(ISSUING.server(HOST, "www.alpha.test", organisation="Alpha Ltd"), ISSUING, headers=())
        scene.shows(HOST, DIRECT, real)
        old = face(
            leaf, CORP_ISSUING, CORP, version="TLSv1.2", alpn=None, headers=(("server", "IIS"), ("via", "1.1 lb"))
        )
        scene.shows(HOST, HQ, old)
        assert last(scene, {Word.SUSPECT}).reason is Why.WEAK

    def test_the_other_way_round(self) -> None:
        """The direct route leads to the twin, the proxy goes out."""
        scene = Scene()
        scene.shows(HOST, DIRECT, face(CORP_ISSUING.server(HOST, "twin.corp.test"), CORP_ISSUING, CORP))
        scene.shows(HOST, HQ, face(ISSUING.server(HOST), ISSUING))
        for run in holds(scene, {(HOST, "hq"): CLEAN, (HOST, "direct"): {Word.SUSPECT}}):
            assert run.verdicts[HOST, "direct"].hop in (None, 0)

    def test_a_self_signed_twin(self) -> None:
        scene = Scene()
        scene.shows(HOST, DIRECT, face(ISSUING.server(HOST, "www.alpha.test"), ISSUING))
        scene.shows(HOST, HQ, face(self_signed(HOST, common_name="appliance")))
        last(scene, {Word.SUSPECT})

    def test_a_single_name(self) -> None:
        scene = Scene()
        scene.shows(HOST, DIRECT, face(ISSUING.server(HOST), ISSUING))
        scene.shows(HOST, HQ, face(CORP_ISSUING.server(HOST), CORP_ISSUING, CORP))
        last(scene, {Word.SUSPECT})

    def test_twins_of_two_services_of_one_vendor(self) -> None:
        """Their references have one family: nothing unrelated converges."""
        scene = Scene()
        for host in (HOST, OTHER_HOST):
            scene.shows(host, DIRECT, face(ISSUING.server(host), ISSUING))
            scene.shows(host, HQ, face(CORP_ISSUING.server(host, f"twin.{host}"), CORP_ISSUING, CORP))
        holds(scene, {(HOST, "hq"): {Word.SUSPECT}, (OTHER_HOST, "hq"): {Word.SUSPECT}})

    def test_one_appliance_with_one_certificate_for_several_services(self) -> None:
        """The key is shared, as that of any server with several names is."""
        scene = Scene()
        shared = CORP_ISSUING.server(HOST, OTHER_HOST, "twin.corp.test")
        for host in (HOST, OTHER_HOST):
            scene.shows(host, DIRECT, face(ISSUING.server(host), ISSUING))
            scene.shows(host, HQ, face(shared, CORP_ISSUING, CORP))
        everywhere(scene, AT_MOST_SUSPECT)

    def test_a_twin_beside_other_private_hosts_of_the_same_authority(self) -> None:
        scene = self.twin()
        scene.target("wiki.corp.test", None)
        scene.shows("wiki.corp.test", [DIRECT, HQ], face(CORP_ISSUING.server("wiki.corp.test"), CORP_ISSUING))
        everywhere(scene, AT_MOST_SUSPECT)

    def test_against_a_baseline_only(self) -> None:
        before = Scene()
        before.shows(HOST, DIRECT, face(ISSUING.server(HOST, "www.alpha.test"), ISSUING))
        baseline = Baseline.of(before.run(shuffled=0).comparison.references())
        scene = Scene(baseline=baseline, start=NOW + DAY)
        scene.shows(HOST, HQ, face(CORP_ISSUING.server(HOST, "twin.corp.test"), CORP_ISSUING, CORP))
        assert last(scene, {Word.SUSPECT}).basis is Basis.BASELINE


class TestCaptivePortals:
    """10. A page of somebody else's under another name: `blocked`."""

    public = face(OTHER_ISSUING.server("login.hotel.test"), OTHER_ISSUING)
    own = face(self_signed("login.hotel.test"))
    corporate = face(CORP_ISSUING.server("blocked.corp.test"), CORP_ISSUING, CORP)

    @pytest.mark.parametrize("page", ["public", "own", "corporate"])
    @pytest.mark.parametrize("with_direct", [True, False])
    @pytest.mark.parametrize("hosts", [[HOST], [HOST, OTHER_HOST, "c.gamma.test"]], ids=["one", "many"])
    def test_block_page(self, page: str, with_direct: bool, hosts: list[str]) -> None:
        scene = Scene()
        for host, issuing in zip(hosts, (ISSUING, OTHER_ISSUING, ISSUING_2), strict=False):
            if with_direct:
                scene.shows(host, DIRECT, face(issuing.server(host), issuing))
            scene.shows(host, HQ, getattr(self, page))
        holds(scene, {(host, "hq"): {Word.BLOCKED} for host in hosts})

    @pytest.mark.parametrize("page", ["public", "own", "corporate"])
    def test_before_everything(self, page: str) -> None:
        """The same over all routes: nobody is logged in to the portal."""
        scene = Scene()
        for host in (HOST, OTHER_HOST):
            scene.shows(host, [DIRECT, HQ], getattr(self, page))
        everywhere(scene, {Word.BLOCKED, Word.INCONCLUSIVE})

    def test_the_authority_of_the_page_signs_private_hosts_too(self) -> None:
        """Their names fit, as they should; that makes the page no forgery of the public ones."""
        scene = Scene()
        for host, issuing in ((HOST, ISSUING), (OTHER_HOST, OTHER_ISSUING)):
            scene.shows(host, DIRECT, face(issuing.server(host), issuing))
            scene.shows(host, HQ, self.corporate)
        scene.target("wiki.corp.test", None)
        scene.shows("wiki.corp.test", [DIRECT, HQ], face(CORP_ISSUING.server("wiki.corp.test"), CORP_ISSUING, CORP))
        holds(scene, {(HOST, "hq"): {Word.BLOCKED}, (OTHER_HOST, "hq"): {Word.BLOCKED}})

    def test_two_pages_of_one_name(self) -> None:
        """Over two routes, one of them with an authority: the service itself, as direct shows, has another name."""
        scene = Scene()
        for host, issuing in ((HOST, ISSUING), (OTHER_HOST, OTHER_ISSUING)):
            scene.shows(host, DIRECT, face(issuing.server(host), issuing))
            scene.shows(host, HQ, self.own)
            scene.shows(host, BRANCH, self.public)
        holds(scene, {(HOST, "hq"): {Word.BLOCKED}, (OTHER_HOST, "hq"): {Word.BLOCKED}})

    def test_the_page_itself_is_a_target(self) -> None:
        scene = Scene()
        for host, issuing in ((HOST, ISSUING), (OTHER_HOST, OTHER_ISSUING)):
            scene.shows(host, DIRECT, face(issuing.server(host), issuing))
            scene.shows(host, HQ, self.own)
        scene.target("login.hotel.test", None)
        scene.shows("login.hotel.test", [DIRECT, HQ], self.own)
        holds(scene, {(HOST, "hq"): {Word.BLOCKED}, (OTHER_HOST, "hq"): {Word.BLOCKED}})

    def test_a_front_end_with_a_wrong_name_is_nobodys_page(self) -> None:
        scene = Scene()
        scene.shows(HOST, [DIRECT, HQ], self.public)
        for run in everywhere(scene, NOT_FOUND):
            assert run.verdicts[HOST, "hq"].reason is Why.WRONG_NAME


class TestClocks:
    """11. Expired origins and skewed clocks: dates are no evidence."""

    def test_an_expired_origin(self) -> None:
        scene = Scene()
        scene.shows(HOST, [DIRECT, HQ], face(ISSUING.server(HOST, days=(-90, -1)), ISSUING))
        everywhere(scene, {Word.CLEAN, Word.INCONCLUSIVE})

    def test_expired_at_one_front_end_only(self) -> None:
        scene = Scene()
        scene.shows(HOST, DIRECT, face(ISSUING.server(HOST), ISSUING))
        scene.shows(HOST, HQ, face(OTHER_ISSUING.server(HOST, days=(-90, -1)), OTHER_ISSUING))
        assert last(scene, NOT_FOUND).reason is Why.CLOCK

    def test_not_yet_valid_without_any_reference(self) -> None:
        scene = Scene()
        scene.shows(HOST, HQ, face(ISSUING.server(HOST, days=(1, 90)), ISSUING))
        assert last(scene, NOT_FOUND).reason is Why.CLOCK

    @pytest.mark.parametrize("years", [-4, 4])
    def test_a_clock_that_is_years_off(self, years: int) -> None:
        scene = Scene(start=NOW + years * 365 * DAY)
        scene.shows(HOST, DIRECT, face(ISSUING.server(HOST), ISSUING))
        scene.shows(HOST, HQ, face(OTHER_ISSUING.server(HOST), OTHER_ISSUING))
        for run in everywhere(scene, NOT_FOUND):
            assert {verdict.reason for verdict in run.verdicts.values()} == {Why.CLOCK}

    def test_expired_and_for_another_name(self) -> None:
        scene = Scene()
        scene.shows(HOST, HQ, face(ISSUING.server("x.other.test", days=(-90, -1)), ISSUING))
        everywhere(scene, {Word.BLOCKED})


class TestLifetimes:
    """12. Limits of validity change, private roots are exempt, six days are normal."""

    @pytest.mark.parametrize("days", [(-1, 5), (-3, 820), (-0.5, 0.5)], ids=["six days", "old rules", "a day"])
    def test_anchored_is_clean_however_long_it_lasts(self, days: tuple[float, float]) -> None:
        scene = Scene()
        scene.shows(HOST, DIRECT, face(ISSUING.server(HOST), ISSUING))
        scene.shows(HOST, HQ, face(OTHER_ISSUING.server(HOST, days=days), OTHER_ISSUING, PUBLIC))
        everywhere(scene, CLEAN)

    def test_a_private_vendor_root_with_five_years(self) -> None:
        scene = Scene()
        leaf = VENDOR_ISSUING.server("update.vendor.test", days=(-900, 900))
        scene.shows("update.vendor.test", HQ, face(leaf, VENDOR_ISSUING))
        everywhere(scene, CLEAN)


class TestTimestamps:
    """13. No embedded timestamps (sent another way, or by opt-out)."""

    def test_none_at_one_front_end(self) -> None:
        scene = Scene()
        bare = make(dn(HOST), signer=OTHER_ISSUING, names=[HOST])
        scene.shows(HOST, DIRECT, face(ISSUING.server(HOST), ISSUING))
        scene.shows(HOST, HQ, face(bare, OTHER_ISSUING))
        everywhere(scene, CLEAN)


class TestVendorsOwnHosts:
    """14. A host of an inspection vendor's bears its name."""

    names = Names({"Inspector Inc": "high", "First Trust Inc": "high"})

    def test_over_all_routes(self) -> None:
        scene = Scene(middleboxes=self.names)
        leaves = [issuing.server(HOST, organisation="Inspector Inc") for issuing in (ISSUING, OTHER_ISSUING)]
        scene.shows(HOST, DIRECT, face(leaves[0], ISSUING))
        scene.shows(HOST, HQ, face(leaves[1], OTHER_ISSUING))
        everywhere(scene, CLEAN)

    def test_without_a_reference(self) -> None:
        scene = Scene(middleboxes=self.names)
        scene.shows(HOST, HQ, face(ISSUING.server(HOST, organisation="Inspector Inc"), ISSUING))
        everywhere(scene, CLEAN)


class TestSelectivePolicies:
    """15. One box, one host opened, one not."""

    def test_the_verdict_is_for_each_target(self) -> None:
        real = {host: ISSUING.server(host, f"www.{host}", organisation="Alpha Ltd") for host in (HOST, OTHER_HOST)}
        scene = Scene()
        for host, leaf in real.items():
            scene.shows(host, DIRECT, face(leaf, ISSUING))
        scene.shows(HOST, HQ, face(forge(real[HOST], CORP_ISSUING, host=HOST), CORP_ISSUING, CORP))
        scene.shows(OTHER_HOST, HQ, face(real[OTHER_HOST], ISSUING))
        for run in scene.runs():
            assert run.words[OTHER_HOST, "hq"] is Word.CLEAN
            assert run.verdicts[OTHER_HOST, "hq"].basis is Basis.PROVEN
        assert run.words[HOST, "hq"] is Word.INTERCEPTED


class TestPrivateAuthorities:
    """16. On-premises hosts under an authority of the user's own."""

    def scene(self, **options) -> Scene:  # type: ignore[no-untyped-def]  # options of a scene
        scene = Scene(**options)
        for host in ("wiki.corp.test", "mail.corp.test"):
            scene.target(host, None)
            scene.shows(host, [DIRECT, HQ, BRANCH], face(CORP_ISSUING.server(host), CORP_ISSUING, CORP))
        return scene

    @pytest.mark.parametrize("known_here", [False, True])
    def test_the_same_over_all_routes(self, known_here: bool) -> None:
        for run in everywhere(self.scene(os_pem=CORP.pem if known_here else b""), NOT_FOUND):
            assert run.verdicts["wiki.corp.test", "hq"].reason is Why.NOT_RETERMINATED_BY_PROXY
            assert run.verdicts["wiki.corp.test", "direct"].reason is Why.CONSISTENT_UNANCHORED

    def test_without_the_direct_route(self) -> None:
        scene = Scene()
        scene.target("wiki.corp.test", None)
        scene.shows("wiki.corp.test", [HQ, BRANCH], face(CORP_ISSUING.server("wiki.corp.test"), CORP_ISSUING, CORP))
        for run in everywhere(scene, NOT_FOUND):
            assert run.verdicts["wiki.corp.test", "hq"].reason is Why.CONSISTENT_UNANCHORED

    def test_named_as_a_root_it_is_clean(self) -> None:
        for run in everywhere(self.scene(roots=[UserRoot(CORP.pem)]), CLEAN):
            assert run.verdicts["wiki.corp.test", "hq"].basis is Basis.PROVEN

    def test_pinned_it_is_clean(self) -> None:
        leaf = CORP_ISSUING.server("wiki.corp.test")
        scene = Scene(pins={"wiki.corp.test": frozenset({leaf.spki})})
        scene.shows("wiki.corp.test", HQ, face(leaf, CORP_ISSUING))
        for run in everywhere(scene, CLEAN):
            assert run.verdicts["wiki.corp.test", "hq"].basis is Basis.PINNED

    def test_several_names_on_one_server(self) -> None:
        shared = face(CORP_ISSUING.server("wiki.corp.test", "mail.corp.test"), CORP_ISSUING, CORP)
        scene = Scene()
        for host in ("wiki.corp.test", "mail.corp.test"):
            scene.target(host, None)
            scene.shows(host, [DIRECT, HQ], shared)
        everywhere(scene, NOT_FOUND)

    def test_a_home_made_server_that_signs_with_its_one_key(self) -> None:
        own = root("Appliance CA", "Somebody at home")
        scene = Scene()
        scene.target("nas.corp.test", None)
        scene.shows("nas.corp.test", [DIRECT, HQ], face(own.server("nas.corp.test", key=own.key), own))
        everywhere(scene, NOT_FOUND)

    def test_a_home_made_server_of_an_authority_that_also_signs_a_twin(self) -> None:
        own = root("Home CA", "Somebody at home")
        scene = Scene()
        scene.shows(HOST, DIRECT, face(own.server(HOST, "twin.corp.test"), own))
        scene.shows(HOST, HQ, face(ISSUING.server(HOST), ISSUING))
        scene.target("nas.corp.test", None)
        scene.shows("nas.corp.test", [DIRECT, HQ], face(own.server("nas.corp.test", key=own.key), own))
        holds(scene, {("nas.corp.test", route): NOT_FOUND for route in ("direct", "hq")})

    def test_one_route_and_nothing_else(self) -> None:
        scene = Scene()
        for host in ("wiki.corp.test", "mail.corp.test"):
            scene.target(host, None)
            scene.shows(host, HQ, face(CORP_ISSUING.server(host), CORP_ISSUING, CORP))
        assert last(scene, {Word.SUSPECT}, "wiki.corp.test").reason is Why.WEAK

    def test_a_farm_with_a_key_for_each_member(self) -> None:
        farm = [face(CORP_ISSUING.server("wiki.corp.test"), CORP_ISSUING, CORP) for _ in range(3)]
        scene = Scene()
        scene.target("wiki.corp.test", None)
        scene.shows("wiki.corp.test", [DIRECT, HQ, BRANCH], lambda number, at: farm[int(at * 8) % 3])
        everywhere(scene, AT_MOST_SUSPECT)


class TestTheProxysOwnSession:
    """17. TLS to the proxy, under a corporate authority, is no business of the target's."""

    def test_it_makes_no_difference(self) -> None:
        outer = face(CORP_ISSUING.server("hq.corp.test"), CORP_ISSUING, CORP).tls
        real = ISSUING.server(HOST)
        scenes = []
        for hops in ((), (HopFacts(status=200, tls=outer),)):
            scene = Scene()
            scene.shows(HOST, DIRECT, face(real, ISSUING))
            scene.shows(HOST, HQ, face(real, ISSUING, hops=hops))
            scene.shows(OTHER_HOST, HQ, face(OTHER_ISSUING.server(OTHER_HOST), OTHER_ISSUING, hops=hops))
            everywhere(scene, CLEAN)
            scenes.append(scene.run(confirm=False).words)
        assert scenes[0] == scenes[1]


class TestSecuritySoftwareOnThisHost:
    """18. Every route is opened alike, here. No proxy may be blamed."""

    av = root("Shield Web Root", "Shield Software")

    def opened(self, real: Made, host: str) -> Face:
        return face(forge(real, self.av, host=host), self.av)

    def test_one_target_same_certificate(self) -> None:
        scene = Scene(os_pem=self.av.pem)
        scene.shows(HOST, [DIRECT, HQ, BRANCH], self.opened(ISSUING.server(HOST), HOST))
        for run in everywhere(scene, NOT_FOUND):
            assert run.verdicts[HOST, "hq"].reason is Why.NOT_RETERMINATED_BY_PROXY

    def test_one_target_a_key_for_each_connection(self) -> None:
        real = ISSUING.server(HOST)
        faces = [self.opened(real, HOST) for _ in range(12)]
        scene = Scene(os_pem=self.av.pem)
        scene.shows(HOST, [DIRECT, HQ, BRANCH], lambda number, at: faces[int((at - NOW) * 8) % 12])
        for run in everywhere(scene, AT_MOST_SUSPECT):
            assert run.verdicts[HOST, "hq"].reason is Why.NOT_RETERMINATED_BY_PROXY

    def test_many_targets_are_intercepted_here_and_not_at_the_proxy(self) -> None:
        """That is no trap but the truth; the trap is the hop."""
        scene = Scene(os_pem=self.av.pem)
        for host in (HOST, OTHER_HOST):
            scene.shows(host, [DIRECT, HQ], self.opened(ISSUING.server(host), host))
        for run in scene.runs():
            for verdict in run.verdicts.values():
                assert (verdict.word, verdict.basis, verdict.hop) == (Word.INTERCEPTED, Basis.CONVERGENCE, 0)


def _honest(host: str) -> list[Face | None]:
    """All that a host may honestly show: its own certificates, neglect, pages of portals, a private twin."""
    names = (host, f"www.{host}", f"api.{host}")
    twin = root(f"Private authority of {host}", "Alpha Private")
    real = ISSUING.server(*names, organisation="Alpha Ltd")
    return [
        face(real, ISSUING, headers=()),
        face(real, ISSUING, asks=True),
        face(real),
        face(ISSUING_2.server(*names, organisation="Alpha Ltd"), ISSUING_2, headers=(("via", "1.1 cdn"),)),
        face(OTHER_ISSUING.server(*names, organisation="Alpha Ltd"), OTHER_ISSUING, version="TLSv1.2", alpn=None),
        face(OTHER_ISSUING.server(*names, organisation="Alpha Ltd"), version="TLSv1.2", hello=None),
        face(LEGACY.server(*names, organisation="Alpha Ltd")),
        face(ISSUING.server(*names, days=(-90, -1), organisation="Alpha Ltd"), ISSUING),
        face(ISSUING.server(*names, organisation="Alpha Ltd"), ISSUING, proven=False),
        face(SHARED_BY_ALL, ISSUING),
        face(SHARED_BY_ALL),
        face(twin.server(host, f"twin.{host}", days=(-1, 800)), twin, version="TLSv1.2", alpn=None, headers=VIA),
        face(twin.server(host, f"twin.{host}", days=(-1, 800)), twin),
        TestCaptivePortals.public,
        TestCaptivePortals.own,
        TestCaptivePortals.corporate,
        None,
    ]


VIA = (("via", "1.1 lb"),)
EVERY_HOST = (HOST, OTHER_HOST, "c.gamma.test")
SHARED_BY_ALL = ISSUING.server(*EVERY_HOST, organisation="Alpha Ltd")
HONEST = {host: _honest(host) for host in EVERY_HOST}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_mixture_of_honest_faces(data: st.DataObject) -> None:
    """Every connection of every pair shows any of them: nobody can say `intercepted`."""
    scene = Scene(os_pem=CORP.pem)
    for host, faces in HONEST.items():
        scene.target(host, data.draw(st.sampled_from([TrustClass.PUBLIC, None])))
        for route in (DIRECT, HQ, BRANCH):
            order = data.draw(st.lists(st.integers(0, len(faces) - 1), min_size=1, max_size=3))
            scene.shows(host, route, in_turn([faces[place] for place in order]))
    run = scene.run(attempts=data.draw(st.integers(1, 3)), shuffled=0)
    assert Word.INTERCEPTED not in run.words.values(), run.verdicts
