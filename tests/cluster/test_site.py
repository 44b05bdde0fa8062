"""What leaves a site, and what makes two agents alike."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from prober.catalog import parse_target
from prober.cluster.site import Site, UnlikeError
from prober.cluster.words import Item, Question, Share
from prober.config import Loaded, load
from prober.model import Purpose
from prober.model.inquiry import Inquiry

TARGETS = tuple(map(parse_target, ("tls://a.test", "https://b.test/x", "http://b.test/")))
VIA = ["direct", "hq=http://u5er-one:s3cret-word@10.0.0.6:8080,socks5h://u5er-two:s3cret-too@10.0.0.7:1080"]
QUESTION = Question(TARGETS, no_direct=False, ask_scripts=True)


def loaded(*via: str, **more: object) -> Loaded:
    return load(None, {}, {"egress": "paris", **more}, via=via or VIA)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # without a prober.yaml


def share(site: Site, *items: Item, targets: tuple[int, ...] = (0, 1, 2)) -> Share:
    return Share(site.egress, site.mark, tuple(TARGETS[each] for each in targets), items, 1, False, 2)


def test_no_password_and_no_user_leaves() -> None:
    answer = Site(loaded(), "paris").survey(QUESTION)
    assert not answer.errors
    sent = pickle.dumps(answer)
    for secret in (b"s3cret", b"u5er"):
        assert secret not in sent
    (hq,) = [route for route in answer.routes if route.name == "hq"]
    assert [hop.auth for hop in hq.hops] == ["basic", "password"]


def test_every_pair_of_the_plan_is_answered() -> None:
    answer = Site(loaded(), "paris").survey(QUESTION)
    assert len(answer.ways) == len(TARGETS)
    for way in answer.ways:
        assert {answer.routes[place].name for place in way} == {"direct", "hq"}
    only = Site(loaded(), "paris").survey(replace(QUESTION, no_direct=True))
    assert {route.name for route in only.routes} == {"hq"}


def test_a_share_gets_the_sites_own_routes() -> None:
    site = Site(loaded(), "paris")
    items = (
        Item(0, "hq", None, Purpose.ATTEMPT, frozenset()),
        Item(1, "hq", 1, Purpose.LOCATE, frozenset()),
        Item(2, "direct", None, Purpose.CLIENT_CERTIFICATE, frozenset({"ab"})),
    )
    whole, beginning, direct = site.pairs(share(site, *items))
    passwords = [hop.password.reveal() for hop in whole.route.hops if hop.password is not None]
    assert passwords == ["s3cret-word", "s3cret-too"]
    assert (beginning.route.name, len(beginning.route.hops)) == ("hq[:1]", 1)
    assert beginning.purpose is Purpose.LOCATE
    assert direct.route.hops == ()
    assert direct.present == {"ab"}
    assert [pair.target.host for pair in (whole, beginning, direct)] == ["a.test", "b.test", "b.test"]


def test_a_share_for_other_settings_is_refused() -> None:
    site = Site(loaded(), "paris")
    item = Item(0, "hq", None, Purpose.ATTEMPT, frozenset())
    for strange in (
        replace(share(site, item), mark="other"),
        replace(share(site, item), egress="berlin"),
        share(site, replace(item, rule="branch")),
    ):
        with pytest.raises(UnlikeError):
            site.pairs(strange)


def test_what_certificates_name_is_asked_within_the_sites_own_bounds() -> None:
    """Public addresses, and those that its owner led names to; who asks from afar cannot widen that."""
    site = Site(loaded("direct", resolve={"pki.test": "10.9.9.9"}), "paris")
    (pair,) = site.pairs(share(site, Item(2, "direct", None, Purpose.REVOCATION, frozenset(), 4_000_000)))
    assert (pair.purpose, pair.terms.inquiry) == (Purpose.REVOCATION, Inquiry(body_limit=4_000_000, keep_body=True))
    guard = pair.terms.guard
    assert guard is not None
    refused = {each: guard.refusal(each) is not None for each in ("10.9.9.9", "10.9.9.8", "169.254.169.254", "9.9.9.9")}
    assert refused == {"10.9.9.9": False, "10.9.9.8": True, "169.254.169.254": True, "9.9.9.9": False}


def test_the_way_to_an_address_nobody_knew_of(tmp_path: Path) -> None:
    script = tmp_path / "proxy.pac"
    script.write_text('function FindProxyForURL(url, host) { return "PROXY 10.0.0.8:3128"; }', encoding="utf-8")
    site = Site(loaded(*VIA, f"corp=pac+{script}"), "paris")
    there = parse_target("http://pki.test/ca.crl")
    scripted, hq = (site.way(name, there, no_direct=False) for name in ("corp", "hq"))
    assert scripted is not None
    assert [(hop.host, hop.port) for hop in scripted.hops] == [("10.0.0.8", 3128)]
    assert hq is not None
    assert all(hop.password is None and not hop.user for hop in hq.hops)
    assert site.way("branch", there, no_direct=False) is None
    assert site.way("direct", there, no_direct=True) is None


def test_the_mark_is_of_all_that_plays_a_part(tmp_path: Path) -> None:
    mark = Site(loaded(), "paris").mark
    assert Site(loaded(), "paris").mark == mark
    assert Site(loaded(), "berlin").mark != mark
    assert Site(loaded("direct"), "paris").mark != mark
    assert Site(loaded(*VIA, **{"probe.timeout": 3.0}), "paris").mark != mark
    roots = tmp_path / "roots.pem"
    marks = set()
    for _ in range(2):
        roots.write_bytes(trustme.CA().cert_pem.bytes())
        marks.add(Site(loaded(*VIA, **{"trust.roots": [str(roots)]}), "paris").mark)
    assert len(marks) == 2


def test_what_cannot_be_probed_is_said(tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_text("nothing")
    answer = Site(loaded(*VIA, **{"trust.roots": [str(roots)]}), "paris").survey(QUESTION)
    assert any("roots.pem" in error for error in answer.errors)
    assert answer.routes == ()


def test_it_travels_to_its_worker_process() -> None:
    """The nanny pickles it."""
    again = pickle.loads(pickle.dumps(loaded()))  # noqa: S301 # our own
    assert Site(again, "paris").mark == Site(loaded(), "paris").mark
