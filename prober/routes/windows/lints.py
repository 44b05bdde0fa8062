"""What is odd about a device's settings: twenty rules, in the order of the fact sheet they come from.

docs/windows.md has them as a table; a test keeps both equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Final

from prober.routes.severity import Severity
from prober.routes.windows import lint_accounts, lint_edr, lint_mdav, lint_values, lint_ways
from prober.routes.windows.candidates import Component, Reading
from prober.routes.windows.device import Device
from prober.routes.windows.lint_words import Case, Lint, Rule

__all__ = ["RULES", "Lint", "Rule", "Severity", "lint"]

RULES: Final = (
    Rule(
        "edr-static-form",
        "TelemetryProxyServer with a scheme, a blank, a list, a login, or without a port",
        lint_edr.static_form,
    ),
    Rule(
        "edr-login-not-disabled", "TelemetryProxyServer without DisableEnterpriseAuthProxy = 1", lint_edr.login_allowed
    ),
    Rule(
        "edr-static-not-preferred",
        "A static proxy, no WinHTTP proxy, and PreferStaticProxyForHttpRequest is not 1",
        lint_edr.not_preferred,
    ),
    Rule("proxy-one-sided", "A proxy for the EDR sensor and none for Antivirus, or the reverse", lint_edr.one_sided),
    Rule("mdav-scheme-missing", "ProxyServer of Antivirus without http:// or https://", lint_mdav.scheme_missing),
    Rule("mdav-ssl-options", "SSLOptions other than 3", lint_mdav.ssl_options),
    Rule(
        "mdi-user-only",
        "WinINET settings for a user, none for the Identity sensor's accounts (where that sensor is seen)",
        lint_accounts.user_only,
    ),
    Rule(
        "mdi-accounts-differ",
        "WinINET settings of S-1-5-18 and S-1-5-19 that differ in meaning, or one of them missing",
        lint_accounts.accounts_differ,
    ),
    Rule(
        "misspelt-name", "`InternetSetting`, `DefaultConnectionSetting`: misprints of an old page", lint_values.misspelt
    ),
    Rule(
        "flag-and-text",
        "A proxy or PAC text whose flag is off; a flag whose text is empty",
        lint_accounts.flags_and_texts,
    ),
    Rule(
        "bypass-entry",
        "A Defender host, a CIDR block, an inner star (WinHTTP) or `<-loopback>` in a bypass list",
        lint_ways.bypass_entries,
    ),
    Rule(
        "pac-unusable",
        "A PAC script by file:// or the like; a script that looks at paths of https URLs",
        lint_ways.pac_unusable,
    ),
    Rule("wpad-disabled", "DisableWpad = 1 where auto-detection is all there is", lint_ways.detection_disabled),
    Rule("registry-type", "A value of another registry type than the documented one", lint_values.wrong_type),
    Rule("socks-proxy", "A SOCKS proxy for any component", lint_ways.socks),
    Rule("mdav-policy-and-local", "Policy and local values of Antivirus that differ", lint_mdav.policy_and_local),
    Rule(
        "exporter-account",
        "WinINET settings of the exporter's account (HKCU), none of a service's",
        lint_accounts.exporter_only,
    ),
    Rule("ipv6-only", "All proxies of a component are IPv6 addresses", lint_ways.ipv6_only),
    Rule("winhttp-views-differ", "WinHttpSettings of 32-bit and 64-bit programs differ", lint_accounts.views_differ),
    Rule(
        "environment-disagrees",
        "Proxy variables that disagree with the sensor's settings on Server 2012 R2 or 2016",
        lint_edr.environment_disagrees,
    ),
)

MAX_OF_A_RULE: Final = 50
"""Findings of one rule: a file may hold any number of connections."""
_ORDER: Final = (Severity.HIGH, Severity.WARNING, Severity.INFO)


def lint(
    device: Device, readings: Mapping[Component, Reading], *, scripts: Mapping[str, str] | None = None
) -> tuple[Lint, ...]:
    """Everything odd, the gravest first. `scripts` are texts of PAC scripts by URL or file name, if any are at hand."""
    case = Case(device, readings, scripts or {})
    found = [each for rule in RULES for each in _found(rule, case)]
    return tuple(sorted(found, key=lambda each: _ORDER.index(each.severity)))


def _found(rule: Rule, case: Case) -> list[Lint]:
    """What one rule finds, each thing once, bounded."""
    found = list(dict.fromkeys(islice(rule.check(case), MAX_OF_A_RULE + 1)))
    lints = [Lint(rule.id, *each) for each in found[:MAX_OF_A_RULE]]
    if len(found) > MAX_OF_A_RULE:
        lints[-1] = replace(lints[-1], text=f"{lints[-1].text} There is more of this kind.")
    return lints
