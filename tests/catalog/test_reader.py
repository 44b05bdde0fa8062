"""One file into entries: what each key means, and all mistakes at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from prober.catalog.fields import OWN, SETTINGS
from prober.catalog.reader import STANDARD, CatalogFile, read_catalog
from prober.model import Required, Scheme, TrustClass

GOOD = """\
service: CONTOSO
about: Our own services
proxy_login: no
placeholders:
  site: the site's short name
sources:
  cmdb: {name: our CMDB, date: 2026-11-01}
  wiki: {name: the wiki, date: 2025}
groups:
  - name: web
    about: What the browsers need
    defaults: {geography: EU, source: [cmdb], expected: [200, 204], inspection_bypass: yes, trust: public}
    targets:
      - {id: portal, host: portal.contoso.example}
      - id: portal.health
        host: portal.contoso.example
        port: 8443
        path: /health?deep=1
        method: HEAD
        required: optional
        os: [windows, linux]
        os_note: Windows 11, any Linux
        cloud: [commercial, gcc]
        expected: 204
        inspection_bypass: unstated
        trust: unknown
        client_certificate: yes
        proxy_login: yes
        source: [wiki, status cmdb]
        note: behind the old balancer
      - {id: site, host: "{site}.contoso.example", geography: WW}
      - {id: any, host: "*.contoso.example", expansion: [portal.contoso.example, "{site}.contoso.example"]}
  - name: raw
    targets:
      - {id: dns, host: dns.contoso.example, scheme: tls, port: 853}
      - {id: crl, host: crl.contoso.example, scheme: http, path: /ca.crl, trust: vendor_private}
"""

BROKEN = """\
service: contoso
abuot: typo
proxy_login: perhaps
placeholders: {Site: x}
sources:
  cmdb: {name: our CMDB}
  wiki: the wiki
groups:
  - name: Web
    defaults: {geografy: EU, port: 0}
    targets:
      - {id: Bad Id, host: "https://portal.contoso.example/"}
      - {host: portal.contoso.example, port: 70000, scheme: htps}
      - {id: a, host: a.example, required: mandatory, expected: [200, 20, 200], cloud: [gcc-hihg], os: []}
      - {id: b, host: "{sit}.example", source: [cmbd, "statsu wiki"]}
      - {id: c, host: c.example, path: no slash, expansion: [d.example]}
      - {id: d, host: d.example, scheme: tls, path: /x, method: POST}
      - {id: e, host: e.example, client_certificate: unstated, trust: privat, inspection_bypass: maybe}
      - just text
  - {name: empty, targets: []}
  - name: web
    targts: []
"""


def read(text: str) -> CatalogFile:
    return read_catalog(text.encode(), "c.yaml")


def test_a_good_catalog() -> None:
    file = read(GOOD)
    assert file.errors == ()
    assert file.service == "CONTOSO"
    assert file.placeholders == {"site": "the site's short name"}
    portal, health, site, wildcard, dns, crl = file.entries
    assert portal.target.id == "contoso.web.portal"
    assert (portal.target.scheme, portal.target.port, portal.target.path) == (Scheme.HTTPS, 443, "/")
    assert (portal.target.geography, portal.target.cloud) == ("EU", ("commercial",))
    assert portal.target.expected == (200, 204)
    assert portal.target.inspection_bypass is True
    assert portal.target.trust is TrustClass.PUBLIC
    assert portal.target.required is Required.YES
    assert not portal.target.proxy_login
    assert (portal.target.source, portal.target.dated) == ("our CMDB", "2026-11-01")
    assert (portal.file, portal.path, portal.line) == ("c.yaml", "groups[0].targets[0]", 14)
    assert health.target.id == "contoso.web.portal.health"
    assert (health.target.port, health.target.path, health.target.method) == (8443, "/health?deep=1", "HEAD")
    assert (health.target.os, health.target.os_note) == (("windows", "linux"), "Windows 11, any Linux")
    assert health.target.cloud == ("commercial", "gcc")
    assert health.target.expected == (204,)
    assert health.target.inspection_bypass is None
    assert health.target.trust is None
    assert health.target.client_certificate
    assert health.target.proxy_login
    assert (health.target.source, health.target.dated) == ("the wiki; status: our CMDB", "2025; 2026-11-01")
    assert health.note == "behind the old balancer"
    assert site.placeholders == ("site",)
    assert wildcard.wildcard
    assert wildcard.expansion == ("portal.contoso.example", "{site}.contoso.example")
    assert (dns.target.scheme, dns.target.port) == (Scheme.TLS, 853)
    assert (crl.target.scheme, crl.target.port, crl.target.expected) == (Scheme.HTTP, 80, ())


def test_a_broken_catalog_yields_every_mistake_with_its_place() -> None:
    assert [str(error) for error in read(BROKEN).errors] == [
        'c.yaml:1: service: expected a name in upper case, such as MDE, got "contoso"',
        'c.yaml:2: abuot: unknown key "abuot": did you mean "about"?',
        'c.yaml:3: proxy_login: expected yes or no, got "perhaps"',
        'c.yaml:4: placeholders.Site: "Site" is not a name of lower-case letters and digits',
        "c.yaml:6: sources.cmdb.date: the key is missing",
        'c.yaml:7: sources.wiki: expected name and date, got "the wiki"',
        'c.yaml:9: groups[0].name: expected a name of lower-case words joined by hyphens, got "Web"',
        'c.yaml:10: groups[0].defaults.geografy: unknown key "geografy": did you mean "geography"?',
        'c.yaml:10: groups[0].defaults.port: expected a whole number from 1 to 65535, got "0"',
        "c.yaml:12: groups[0].targets[0].id: expected an id of lower-case words, joined by hyphens and dots,"
        ' got "Bad Id"',
        "c.yaml:12: groups[0].targets[0].host: expected a host name in lower case, *.name or a name with {placeholder}s"
        ', without scheme, port and path, got "https://portal.contoso.example/"',
        "c.yaml:13: groups[0].targets[1].id: the key is missing",
        'c.yaml:13: groups[0].targets[1].scheme: unknown scheme "htps": did you mean "https"?',
        'c.yaml:13: groups[0].targets[1].port: expected a whole number from 1 to 65535, got "70000"',
        'c.yaml:14: groups[0].targets[2].cloud[0]: unknown cloud "gcc-hihg": did you mean "gcc-high"?',
        'c.yaml:14: groups[0].targets[2].required: unknown level "mandatory": expected one of yes, optional, legacy',
        'c.yaml:14: groups[0].targets[2].expected[1]: expected a whole number from 100 to 599, got "20"',
        'c.yaml:14: groups[0].targets[2].expected[2]: "200" is in the list already',
        'c.yaml:15: groups[0].targets[3].source[1]: unknown role "statsu": did you mean "status"?',
        'c.yaml:15: groups[0].targets[3].host: unknown placeholder "sit": expected nothing'
        " (declare it under `placeholders`)",
        'c.yaml:16: groups[0].targets[4].path: expected a path that begins with / and has no spaces, got "no slash"',
        "c.yaml:16: groups[0].targets[4].expansion: only a host or path with * has an expansion",
        "c.yaml:17: groups[0].targets[5].path: a bare TLS handshake (scheme tls) has none",
        "c.yaml:17: groups[0].targets[5].method: a bare TLS handshake (scheme tls) has none",
        'c.yaml:18: groups[0].targets[6].inspection_bypass: expected yes, no or unstated, got "maybe"',
        'c.yaml:18: groups[0].targets[6].trust: unknown trust class "privat": did you mean "vendor_private"?',
        'c.yaml:18: groups[0].targets[6].client_certificate: expected yes or no, got "unstated"',
        'c.yaml:19: groups[0].targets[7]: expected a mapping, got "just text"',
        "c.yaml:20: groups[1].targets: expected a list of targets, got an empty one",
        "c.yaml:21: groups[2].targets: the key is missing",
        'c.yaml:22: groups[2].targts: unknown key "targts": did you mean "targets"?',
    ]


def test_an_undeclared_source_is_told_with_the_nearest_one() -> None:
    text = GOOD.replace("source: [cmdb]", "source: [cmbd]").replace("[wiki, status cmdb]", "[wikki]")
    assert [str(error) for error in read(text).errors] == [
        'c.yaml:12: groups[0].defaults.source: unknown source "cmbd": did you mean "cmdb"?'
        " (declare it under `sources`)",
        'c.yaml:29: groups[0].targets[1].source: unknown source "wikki": did you mean "wiki"?'
        " (declare it under `sources`)",
    ]


def test_structural_mistakes_do_not_hide_the_others() -> None:
    text = GOOD.replace("about: Our own services", "service: TWICE").replace("method: HEAD", "method: HAED")
    assert [str(error) for error in read(text).errors] == [
        "c.yaml:2: service: the key stands on line 1 already",
        'c.yaml:19: groups[0].targets[1].method: unknown method "HAED": did you mean "HEAD"?',
    ]


def test_not_a_mapping_and_nothing_in_it() -> None:
    assert [str(error) for error in read("- a\n").errors] == ["c.yaml:1: expected the keys of a catalog, got a list"]
    assert [error.path for error in read("about: x\n").errors] == ["service", "groups"]
    assert [str(error) for error in read("service: A\ngroups: x\n").errors] == [
        'c.yaml:2: groups: expected a list of groups, got "x"'
    ]


def test_every_setting_has_a_standard_value() -> None:
    assert set(STANDARD) == {*SETTINGS, "expansion"}
    assert set(OWN) == {"id", "host", "expansion"}


YAMLISH = st.text(alphabet="abgst :-[]{},\n\"'*/.01", max_size=120)


@given(st.sampled_from([GOOD, BROKEN]), st.integers(0, 900), st.integers(0, 40), YAMLISH)
def test_a_damaged_catalog_yields_errors_or_entries_never_an_exception(
    text: str, start: int, cut: int, insert: str
) -> None:
    file = read(text[:start] + insert + text[start + cut :])
    assert file.errors or file.entries
