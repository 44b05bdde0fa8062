"""Rules about Antivirus' own values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from prober.routes.severity import Severity
from prober.routes.windows import settings
from prober.routes.windows.candidates import Component
from prober.routes.windows.lint_words import Case, Found
from prober.routes.windows.proxy_list import parse_proxy_list

_NAMES: Final = ("ProxyServer", "ProxyPacUrl", "ProxyBypass")
_SSL_OPTIONS: Final = {
    0: "no certificate pinning and no revocation check",
    1: "no certificate pinning",
    2: "no revocation check",
}


def scheme_missing(case: Case) -> Iterator[Found]:
    """ProxyServer of Antivirus without http:// or https:// in front."""
    for key in (settings.DEFENDER_POLICY, settings.DEFENDER_LOCAL):
        found = settings.text(case.device, key, "ProxyServer")
        if found is None or not re.search(r"[^;\s]", found.text):
            continue
        if not all(entry.prefix in ("http", "https") for entry in parse_proxy_list(found.text).entries):
            yield (
                Severity.WARNING,
                Component.MDAV,
                f'{found.value.path} ({found.value.place}) is "{settings.shown(found.text)}" without http:// or '
                "https:// in front. The vendor's pages contradict themselves on whether that works. Write "
                "http://HOST:PORT.",
            )


def ssl_options(case: Case) -> Iterator[Found]:
    """SSLOptions other than 3."""
    value = case.device.registry.get(settings.SPYNET, "SSLOptions")
    number = settings.number(case.device, settings.SPYNET, "SSLOptions")
    if value is None or number in (None, 3):
        return
    yield (
        Severity.HIGH,
        Component.MDAV,
        f"{value.path} ({value.place}) is {number}: {_SSL_OPTIONS.get(number or 0, 'not a documented number')}. A "
        "workaround, which weakens cloud protection. Give WinHTTP a proxy so that CRLs come through, and set 3.",
    )


def policy_and_local(case: Case) -> Iterator[Found]:
    """Policy and local values of Antivirus that differ."""
    for name in _NAMES:
        policy, local = (
            settings.text(case.device, key, name) for key in (settings.DEFENDER_POLICY, settings.DEFENDER_LOCAL)
        )
        if policy is not None and local is not None and policy.text.casefold() != local.text.casefold():
            yield (
                Severity.WARNING,
                Component.MDAV,
                f'{name} is "{settings.shown(policy.text)}" by policy ({policy.value.place}) and '
                f'"{settings.shown(local.text)}" locally '
                f"({local.value.place}). The policy is taken to win. Take the local one away (Set-MpPreference), or "
                "make them equal.",
            )
