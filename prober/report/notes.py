"""Notes about a run as a whole: a closed list of ids."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from prober.report.document import NoteDoc


class NoteId(StrEnum):
    """What a note is about."""

    EGRESS_WITHOUT_IPV4 = "egress-without-ipv4"
    PROXY_IPV6_ONLY = "proxy-ipv6-only"
    TARGET_IPV6_ONLY = "target-ipv6-only"
    CONCURRENCY_CLAMPED = "concurrency-clamped"
    DESCRIPTORS_LOW = "descriptors-low"
    PASSWORD_IN_CLEAR = "password-in-clear"  # noqa: S105 — the id of a warning
    PASSWORD_ON_COMMAND_LINE = "password-on-command-line"  # noqa: S105 — the id of a warning
    LOOP_LAG = "loop-lag"
    OS_TRUST_STORE_MISSING = "os-trust-store-missing"
    CLOCK_DOUBTFUL = "clock-doubtful"
    CONFIGURATION = "configuration"
    DEVICE = "device"
    INTERRUPTED = "interrupted"
    NOT_PROBED = "not-probed"
    REJUDGED = "rejudged"
    REVOCATION_CUT = "revocation-cut"
    DIRECT_IS_PROXIED = "direct-is-proxied"
    MERGED = "merged"


NOTES: Final[dict[NoteId, str]] = {
    NoteId.EGRESS_WITHOUT_IPV4: "This machine has no IPv4 way out; Defender does not support IPv6-only devices.",
    NoteId.PROXY_IPV6_ONLY: "The name of a proxy has IPv6 addresses only; Defender's services expect IPv4.",
    NoteId.TARGET_IPV6_ONLY: "The name of a target has IPv6 addresses only, as seen from here.",
    NoteId.CONCURRENCY_CLAMPED: "Fewer probes ran at once than asked for: the descriptor limit allows no more.",
    NoteId.DESCRIPTORS_LOW: "The descriptor limit of this machine is low and could not be raised.",
    NoteId.PASSWORD_IN_CLEAR: "A proxy's password crosses a connection that is not encrypted.",
    NoteId.PASSWORD_ON_COMMAND_LINE: "A proxy's password stands in a URL; command lines and files with it can be read.",
    NoteId.LOOP_LAG: "The prober itself was late at times: its timings are doubtful, its other findings are not.",
    NoteId.OS_TRUST_STORE_MISSING: "No certificate store of the operating system was found.",
    NoteId.CLOCK_DOUBTFUL: "This machine's clock seems to be wrong, so validity periods cannot be judged.",
    NoteId.CONFIGURATION: "A warning about the configuration.",
    NoteId.DEVICE: "Something odd in the device's own settings (--device).",
    NoteId.INTERRUPTED: "The run was interrupted; what was measured until then is reported.",
    NoteId.NOT_PROBED: "No agent was left to probe some pairs; what was measured is reported.",
    NoteId.REJUDGED: "The verdicts are of a later judgement on what the run saw, not of its own time.",
    NoteId.REVOCATION_CUT: "The certificates name more addresses for revocation than are asked over one route.",
    NoteId.DIRECT_IS_PROXIED: "The direct route is not direct: something on the way out answers for others, so it is "
    "no reference for interception.",
    NoteId.MERGED: "Joined from the runs of several egress points (prober merge).",
}
"""What each id means; also the text of a note that has nothing more exact to say."""


def note(kind: NoteId, text: str = "") -> NoteDoc:
    """A note for a run document."""
    return NoteDoc(id=kind.value, text=text or NOTES[kind])
