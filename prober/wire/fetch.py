"""The whole of an answer, body included, for an inquiry: all about it is noted, the body kept only if asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from prober.model import HttpFacts, Target, TlsFacts
from prober.model.inquiry import REDIRECTS, Inquiry
from prober.model.observation import BodyFacts
from prober.spki import spki_sha256
from prober.wire import http1
from prober.wire.exchange import Exchange
from prober.wire.layer import NEED_MORE, Done, Outcome

_FRAMING: Final = 8
"""How many bytes on the wire one byte of body may cost: chunks of a single byte take six."""
_SLACK: Final = 64 * 1024


class Fetch(Exchange):
    """One request, the whole response. A redirect's body is left unread, as Go's client leaves it."""

    def __init__(
        self,
        target: Target,
        inquiry: Inquiry,
        *,
        user_agent: str,
        proxied: bool = False,
        via_proxy: bool = False,
        can_login: bool = False,
    ) -> None:
        super().__init__(target, user_agent=user_agent, proxied=proxied, via_proxy=via_proxy, can_login=can_login)
        self._inquiry = inquiry

    def _fields(self, place: str) -> tuple[str, http1.Headers]:
        fields = {"user-agent": ("User-Agent", self._user_agent), "accept": ("Accept", "*/*")}
        fields |= {name.lower(): (name, value.reveal()) for name, value in self._inquiry.headers}
        return self._inquiry.host or place, list(fields.values())

    def _noted(self) -> HttpFacts:
        reader = self._reader
        reader.keeps_body = self._inquiry.keep_body
        body = BodyFacts(self._announced(), 0)
        return HttpFacts(reader.status, tuple(reader.headers), reader.version, body)

    def _announced(self) -> int | None:
        """The length that the head announces (RFC 9110 section 8.6); where no body can follow, the length is 0."""
        reader = self._reader
        if self._target.method != "HEAD" and _bodiless(reader.status):
            return 0
        if any("chunked" in value.lower() for value in reader.all("transfer-encoding")):
            return None
        length = reader.first("content-length")
        return int(length) if length is not None and length.isascii() and length.isdigit() else None

    def _wants_body(self) -> bool:
        reader = self._reader
        if self._target.method == "HEAD" or _bodiless(reader.status):
            return False
        return not (reader.status in REDIRECTS and reader.first("location"))

    def _read(self, data: bytes) -> Outcome:
        limit = self._inquiry.body_limit
        reader = self._reader
        try:
            done = reader.body_done or reader.read_body(data, limit * _FRAMING + _SLACK)
        except http1.BodyTooLongError:
            self._count(cut=True)
            return Done()
        except http1.MessageError:
            self._count()
            raise
        self._count(cut=reader.body_length > limit)
        if done:
            self._keep()
        return Done() if done or reader.body_length > limit else NEED_MORE

    def _count(self, *, cut: bool = False) -> None:
        if self.facts is not None and self.facts.body is not None:
            read = min(self._reader.body_length, self._inquiry.body_limit)
            self.facts = replace(self.facts, body=replace(self.facts.body, read=read, cut=cut))

    def _keep(self) -> None:
        """The body is whole."""
        if self._inquiry.keep_body and self.facts is not None and self.facts.body is not None:
            body = self.facts.body
            if not body.cut:
                self.facts = replace(self.facts, body=replace(body, content=bytes(self._reader.body)))

    def _on_body(self) -> Outcome:
        self._keep()
        return Done()


def may_speak(inquiry: Inquiry, tls: TlsFacts) -> bool:
    """Whether the request may be said over this session with the target."""
    if inquiry.only_tls_1_3 and tls.version != "TLSv1.3":
        return False
    return inquiry.keys is None or bool(tls.chain and spki_sha256(tls.chain[0]) in inquiry.keys)


def _bodiless(status: int) -> bool:
    """Whether responses of that status end with their head (RFC 9112 section 6.3)."""
    return status < 200 or status in (204, 304)
