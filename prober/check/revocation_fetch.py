"""One address that certificates name as a source, over one route: the request, the redirects, what its answer is worth
to each certificate.

An answer is read as soon as it is there, and only what it says of the certificates at hand is kept: lists can be large.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from typing import Final

from prober.interception.certificates import certificate_facts
from prober.interception.revocation import Revoked, SourceOutcome
from prober.interception.revocation_answers import Answer, ocsp_path, read_issuer, read_list, read_ocsp
from prober.interception.revocation_sources import Source, SourceKind, onward
from prober.model import Failure, HttpFacts, Observation, Reason, Route, Stage, Target
from prober.model.inquiry import REDIRECTS

MAX_REDIRECTS: Final = 3
LIMITS: Final = {
    SourceKind.CRL: 4 * 1024 * 1024,
    SourceKind.OCSP: 64 * 1024,
    SourceKind.ISSUER: 256 * 1024,
}
"""Bytes that are read of an answer; the vendor's largest CRLs are well below."""


class Asked(Enum):
    """What came of a request."""

    DONE = "done"
    ELSEWHERE = "elsewhere"
    """A redirect: ask again, where `Fetch.request` now says."""


class Fetch:
    """One source over one route, on behalf of every certificate that names it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._target: Target | None = None
        """What is asked, as it stands in the request; None = not asked yet."""
        self._redirects = 0
        self._route: Route | None = None
        self._for_leaf = False
        self._wanted = 0
        self._askers: dict[bytes, set[bytes | None]] = {}
        """Certificate to the issuers that it may have (DER); the same one may be seen with and without its issuer."""
        self._subject: tuple[bytes, bytes] | None = None
        """Whom OCSP was asked about: certificate and issuer."""
        self._nobody: SourceOutcome | None = None
        """What is true for all certificates alike."""
        self._answers: dict[bytes | None, Answer] = {}
        """By issuer; an issuer's file is the same for all."""

    @property
    def limit(self) -> int:
        """Bytes of an answer that are read."""
        return LIMITS[self._source.kind]

    def wanted_by(self, certificate: bytes, issuer: bytes | None, *, leaf: bool) -> None:
        """A certificate names this source."""
        self._askers.setdefault(certificate, set()).add(issuer)
        self._for_leaf = self._for_leaf or leaf
        self._wanted += 1

    def urgency(self) -> tuple[int, int]:
        """For sorting: what most certificates depend on comes first, leaves before authorities, lists before OCSP."""
        if not self._source.kind.tells_revocation:
            return 4, -self._wanted
        return (0 if self._for_leaf else 2) + (self._source.kind is SourceKind.OCSP), -self._wanted

    def request(self) -> Target:
        """What is to be asked; its id stays the same over redirects, and no other source has it."""
        if self._target is None:
            self._target = self._first()
        return replace(self._target, id=f"{self._source.kind} {self._source.target.id}")

    def take(self, observation: Observation, route: Route) -> Asked:
        """What the request saw over a route."""
        self._route = route
        http = observation.http
        if observation.failure is not None:
            self._failed(observation.failure, observation)
        elif http is None:
            self._nobody = self._unknown("nothing came back")
        elif http.status in REDIRECTS and (location := _header(http, "location")):
            return self._redirected(location)
        elif http.status != 200:
            self._fail(f"answered {http.status} to GET {self._place}", http.status)
        elif http.body is None or http.body.content is None:
            self._nobody = self._unknown(f"answers with more than {self.limit} bytes, which were not read")
        else:
            self._read(http.body.content, observation.at)
        return Asked.DONE

    def outcome(self, certificate: bytes, issuer: bytes | None) -> SourceOutcome | None:
        """What is known for a certificate; None as long as nothing is."""
        if self._nobody is not None or not self._answers:
            return self._nobody
        answer = self._answer(issuer)
        if answer is None:
            return self._unknown("answers; nothing was asked about this certificate")
        if self._source.kind is SourceKind.OCSP and (certificate, issuer) != self._subject:
            says = "about another certificate of this authority, which alone was asked about"
            return self._outcome(works=answer.works or None, says=f"{answer.says} ({says})")
        if answer.works:
            return self._outcome(works=True, says=answer.says)
        failure = Failure(Stage.HTTP, 0, Reason.REVOCATION_UNREACHABLE, answer.says)
        return self._outcome(works=False, failure=failure, says=answer.says)

    def revoked(self, certificate: bytes, issuer: bytes | None) -> Revoked | None:
        """That the source says a certificate is revoked, if it does."""
        answer = self._answer(issuer)
        facts = certificate_facts(certificate)
        if answer is None or facts is None or issuer is None:  # what is not checked is not believed
            return None
        serial = int(facts.serial, 16)
        if serial not in answer.revoked:
            return None
        return Revoked(self._source.target.id, answer.revoked[serial])

    # asking

    @property
    def _place(self) -> str:
        return self._source.target.id if self._target is None else self._target.id

    def _first(self) -> Target:
        target = self._source.target
        if self._source.kind is not SourceKind.OCSP:
            return target
        for certificate, issuer in self._with_issuers():
            path = ocsp_path(target.path, certificate, issuer)
            if path is not None:
                self._subject = certificate, issuer
                return replace(target, id=target.id.removesuffix(target.path) + path, path=path)
        return target

    @property
    def _hops(self) -> int:
        return 0 if self._route is None else len(self._route.hops)

    def _with_issuers(self) -> Iterator[tuple[bytes, bytes]]:
        for certificate, issuers in self._askers.items():
            yield from ((certificate, issuer) for issuer in issuers if issuer is not None)

    # answers

    def _redirected(self, location: str) -> Asked:
        self._redirects += 1
        if self._redirects > MAX_REDIRECTS:
            self._fail(f"redirects more than {MAX_REDIRECTS} times")
            return Asked.DONE
        try:
            self._target = onward(location, self._target or self._source.target)
        except ValueError as error:
            self._fail(str(error))
            return Asked.DONE
        return Asked.ELSEWHERE

    def _failed(self, failure: Failure, observation: Observation) -> None:
        ours = failure.stage is Stage.LOCAL or failure.reason is Reason.INTERNAL
        if ours or _kept_away(observation):
            self._nobody = self._unknown(failure.detail)
        else:
            self._nobody = self._outcome(works=False, failure=failure, says=failure.detail)

    def _fail(self, text: str, status: int | None = None) -> None:
        failure = Failure(Stage.HTTP, 0, Reason.REVOCATION_UNREACHABLE, text, status)
        self._nobody = self._outcome(works=False, failure=failure, says=text)

    def _read(self, body: bytes, at: float) -> None:
        """Read the body for every certificate; where it is no such file, somebody else answered."""
        kind = self._source.kind
        if kind is SourceKind.ISSUER:
            self._answers[None] = read_issuer(body)
        elif kind is SourceKind.OCSP:
            self._read_response(body, at)
        else:
            self._read_list(body, at)
        foreign = next((answer for answer in self._answers.values() if answer.foreign), None)
        if foreign is not None:
            text = f"200 for GET {self._place}, but {foreign.says}"
            failure = Failure(Stage.PROXY, self._hops, Reason.PROXY_CAPTIVE, text, 200)
            self._nobody = self._outcome(works=False, failure=failure, says=text)

    def _read_response(self, body: bytes, at: float) -> None:
        if self._subject is None:
            self._nobody = self._unknown("the responder answers; without the issuer's certificate nothing can be asked")
            return
        certificate, issuer = self._subject
        self._answers[issuer] = read_ocsp(body, certificate, issuer, at)

    def _read_list(self, body: bytes, at: float) -> None:
        serials: dict[bytes | None, set[int]] = {}
        for certificate, issuers in self._askers.items():
            facts = certificate_facts(certificate)
            for issuer in issuers:
                found = serials.setdefault(issuer, set())
                if facts is not None:
                    found.add(int(facts.serial, 16))
        for issuer, asked in serials.items():
            self._answers[issuer] = read_list(body, issuer, asked, at)
            if self._answers[issuer].foreign:
                return  # and so it is for everybody

    def _answer(self, issuer: bytes | None) -> Answer | None:
        if self._source.kind is SourceKind.ISSUER:
            return self._answers.get(None)
        return self._answers.get(issuer)

    def _unknown(self, why: str) -> SourceOutcome:
        return self._outcome(works=None, says=why)

    def _outcome(self, *, works: bool | None, failure: Failure | None = None, says: str = "") -> SourceOutcome:
        return SourceOutcome(self._source.kind, self._source.target.id, works, failure, says, self._route)


def _kept_away(observation: Observation) -> bool:
    """Whether the address policy ended the probe: then it failed to connect without having tried to."""
    failure = observation.failure
    return failure is not None and failure.stage is Stage.CONNECT and observation.tried is None


def _header(http: HttpFacts, name: str) -> str | None:
    return next((value for key, value in http.headers if key == name), None)
