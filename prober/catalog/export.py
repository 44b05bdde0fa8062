"""Allow-lists in the words of proxies and firewalls. Each list says in its own comments what its format cannot say.

All are deterministic: the same selection gives the same text, with no date in it, so that a list can be kept under
version control and a proxy reloads only what changed.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from prober.catalog.allow_list import HEADINGS, Allowed, without_covered


class ExportFormat(StrEnum):
    """Whose words."""

    FQDN = "fqdn"
    SQUID = "squid"
    PAC = "pac"
    CSV = "csv"
    PALOALTO_EDL = "paloalto-edl"


LIMITS: Final = {
    ExportFormat.FQDN: "names only: ports are in the csv",
    ExportFormat.SQUID: "dstdomain has no ports, and .name is *.name and name itself",
    ExportFormat.PAC: "names only, whatever the port; *.name is any depth below name, without name",
    ExportFormat.CSV: "",
    ExportFormat.PALOALTO_EDL: "a list of type URL has no ports; *.name/ is any depth below name, without name",
}
"""What a format cannot say, in a sentence."""


def export(format_: ExportFormat, rows: Sequence[Allowed], *, listed: str = "DIRECT", others: str = "") -> str:
    """The list as text. `listed` and `others` are a PAC script's answers for hosts that are on it and that are not."""
    hosts = [row.host for row in rows]
    if format_ is ExportFormat.CSV:
        return _csv(rows)
    if format_ is ExportFormat.SQUID:
        return _squid(hosts)
    if format_ is ExportFormat.PAC:
        return _pac(hosts, listed, others)
    if format_ is ExportFormat.PALOALTO_EDL:
        return _edl(hosts)
    return "".join(f"{host}\n" for host in sorted(set(hosts)))


def _csv(rows: Sequence[Allowed]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEADINGS)
    writer.writerows(row.row() for row in rows)
    return stream.getvalue()


def _squid(hosts: Sequence[str]) -> str:
    """For `acl NAME dstdomain "FILE"` (or ssl::server_name). squid complains where one entry covers another."""
    kept = without_covered(hosts, itself=True)
    lines = [f"# {LIMITS[ExportFormat.SQUID]}"]
    return "\n".join([*lines, *sorted(host.removeprefix("*") for host in kept)]) + "\n"


def _edl(hosts: Sequence[str]) -> str:
    """For an external dynamic list of type URL. The slash at the end keeps `name` from standing for `name.example` too.

    No comments: whether a firewall takes them depends on its version.
    """
    return "".join(f"{host}/\n" for host in without_covered(hosts, itself=False))


_SCRIPT: Final = """\
// {limits}
var hosts = {{
{hosts}
}};
var patterns = [
{patterns}
];

function FindProxyForURL(url, host) {{
  host = host.toLowerCase().replace(/\\.$/, "");
  var known = Object.prototype.hasOwnProperty.call(hosts, host);
  for (var i = 0; !known && i < patterns.length; i++) {{
    known = shExpMatch(host, patterns[i]);
  }}
  return known ? {listed} : {others};
}}
"""


def _pac(hosts: Sequence[str], listed: str, others: str) -> str:
    kept = without_covered(hosts, itself=False)
    names = [f"  {json.dumps(host)}: 1" for host in kept if not host.startswith("*.")]
    patterns = [f"  {json.dumps(host)}" for host in kept if host.startswith("*.")]
    return _SCRIPT.format(
        limits=LIMITS[ExportFormat.PAC],
        hosts=",\n".join(names),
        patterns=",\n".join(patterns),
        listed=json.dumps(listed),
        others=json.dumps(others),
    )
