"""What each failure word means and what to do about it, as data, read by `prober.failures`.
Placeholders in `action`: `{peer}` is who failed (the target, or the proxy at that hop), `{name}` the target or targets
meant, `{via}` the way there. `said` ends a sentence about a number of targets, in the past tense so that one and many
read alike; `{count}` marks where the targets stand when the subject is a proxy, `{status}` the HTTP status.

A reason is transient (`retry` begins with "yes") when it came back quickly and often passes by itself. What used up the
whole deadline is not: it covers several retransmissions already, and an outage is when answers are wanted soon.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from prober.model import Reason


@dataclass(frozen=True, slots=True)
class Advice:
    """Everything there is to say about one reason."""

    meaning: str
    """One sentence."""
    causes: tuple[str, ...]
    """Typical causes, likeliest first."""
    action: str
    """What to do: a template of one or two sentences."""
    said: str
    """How a sentence about it ends: a template."""
    retry: str
    """`yes: …` or `no: …`, with the reason of that choice."""

    @property
    def transient(self) -> bool:
        """Whether one more attempt at once is worth its time."""
        return self.retry.startswith("yes")


_DEADLINE: Final = "no: it used up the whole deadline, which already covers several retransmissions"
_DEFINITE: Final = "no: a definite answer; the same question gets it again"
_QUICK: Final = "yes: quick, and often one lost or overloaded connection"
_CERTIFICATE: Final = "no: the same certificate comes back"

ADVICE: Final[dict[Reason, Advice]] = {
    Reason.LOCAL_DESCRIPTORS: Advice(
        "This machine ran out of file descriptors: the prober's own shortage, not an outage.",
        ("a low `ulimit -n`", "more concurrency than the limit allows"),
        "Raise the descriptor limit (`ulimit -n`, `LimitNOFILE=`) or lower --concurrency, then run again.",
        "could not be probed: no file descriptor was left on this machine",
        "yes: passes as other probes end",
    ),
    Reason.LOCAL_PORTS: Advice(
        "This machine had no free local port or address for the connection: the prober's own shortage.",
        ("many probes to one proxy within the TIME_WAIT period", "a narrow `ip_local_port_range`"),
        "Lower --concurrency or the rate, or widen the range of local ports, then run again.",
        "could not be probed: no local port was left on this machine",
        "yes: passes as other probes end",
    ),
    Reason.LOCAL_MEMORY: Advice(
        "This machine ran out of memory or socket buffers: the prober's own shortage.",
        ("too little memory for the concurrency", "a container's memory limit"),
        "Lower --concurrency or give the prober more memory, then run again.",
        "could not be probed: no memory was left on this machine",
        "no: another attempt needs the memory that is missing",
    ),
    Reason.DNS_NXDOMAIN: Advice(
        "DNS says that the name does not exist.",
        ("a resolver that forwards to no Internet resolver", "a filter that answers NXDOMAIN", "a mistyped proxy name"),
        "Ask the resolver of this machine for {peer}: it must forward that zone to the Internet, "
        "unless a proxy is to resolve it.",
        "did not exist in DNS (NXDOMAIN)",
        _DEFINITE,
    ),
    Reason.DNS_NODATA: Advice(
        "The name exists in DNS but has no address of the family asked for.",
        ("-6 with a name that has only IPv4 addresses, or -4 the other way round", "a filter that empties answers"),
        "Look up the A and AAAA records of {peer} and the -4, -6 or probe.family setting.",
        "had no address in DNS",
        _DEFINITE,
    ),
    Reason.DNS_SERVFAIL: Advice(
        "The resolver could not answer: SERVFAIL, REFUSED or a broken answer.",
        ("the resolver's forwarder is down", "DNSSEC validation fails", "this machine may not ask that resolver"),
        "Check the resolver's forwarders and its log for {peer}.",
        "met a DNS server failure (SERVFAIL)",
        "yes: quick, and resolvers often recover with the next question",
    ),
    Reason.DNS_TIMEOUT: Advice(
        "No DNS server answered in time.",
        ("UDP and TCP port 53 blocked", "a wrong resolver address", "a resolver that drops what it does not like"),
        "Check the resolver addresses of this machine and that port 53 to them is open; nothing answered for {peer}.",
        "got no answer from DNS",
        "no: the resolver has asked every server several times already",
    ),
    Reason.DNS_SINKHOLE: Advice(
        "DNS answered a public name with 0.0.0.0, :: or a loopback address: somebody blocks it by DNS.",
        ("a DNS filter or protective DNS service", "an entry in the hosts file"),
        "Exempt {peer} from DNS filtering (and look into the hosts file).",
        "had a sinkhole address in DNS",
        _DEFINITE,
    ),
    Reason.TCP_REFUSED: Advice(
        "The address answered that nothing listens on that port, or a firewall rejected the connection.",
        ("a firewall that rejects", "a proxy that is not running", "a wrong port"),
        "Check that something listens at {peer} and that no firewall on the way rejects the connection.",
        "refused the TCP connection",
        _DEFINITE,
    ),
    Reason.TCP_UNREACHABLE: Advice(
        "A router or this machine says that there is no way to the address.",
        ("no default route", "no IPv6 way out", "a firewall that answers with ICMP"),
        "Check the routing from this machine to {peer}, for the address family that was used.",
        "could not be reached: no route",
        _DEFINITE,
    ),
    Reason.TCP_TIMEOUT: Advice(
        "Nothing answered the TCP connection within the deadline.",
        ("a firewall that drops packets", "no direct way out of this network", "a proxy host that is down"),
        "Open TCP from this machine to {peer} on the firewall, or use a route with a proxy; packets are dropped.",
        "did not answer the TCP connection",
        _DEADLINE,
    ),
    Reason.TCP_RESET: Advice(
        "The connection was reset.",
        ("a firewall or inspection device that filters by server name", "an overloaded or restarted peer"),
        "Look for a firewall or inspection rule that resets connections to {peer}{via}; exempt {name} from it.",
        "reset the connection",
        _QUICK,
    ),
    Reason.PROXY_AUTH_REQUIRED: Advice(
        "The proxy demands a login and none was given.",
        ("the proxy has no anonymous rule for this destination", "only NTLM or Negotiate is offered"),
        "Let {name} pass {peer} without login: Defender's services run as LocalSystem and have none to give. "
        "Give the hop a user only where the service can log in.",
        "demanded a login for {count}{status}",
        _DEFINITE,
    ),
    Reason.PROXY_AUTH_FAILED: Advice(
        "The proxy rejected the user or password.",
        ("a wrong or expired password", "a locked account", "a user without the right to this destination"),
        "Check user and password of {peer} (PROBER_PROXY_PASSWORD_… or password_file) and the proxy's log.",
        "rejected the login for {count}{status}",
        _DEFINITE,
    ),
    Reason.PROXY_DENIED: Advice(
        "The proxy's policy refuses this destination.",
        ("the name is not on the allow list", "its category is blocked", "the port is not allowed for CONNECT"),
        "Allow {name} at {peer}, with CONNECT to that port and, where the catalog says so, without TLS inspection.",
        "refused {count}{status}",
        _DEFINITE,
    ),
    Reason.PROXY_CAPTIVE: Advice(
        "A login or block page came instead of a tunnel.",
        ("a captive portal", "a proxy that redirects to its login page", "a web filter's block page"),
        "Exempt this machine and {name} from the portal or block page that {peer} sends.",
        "answered {count} with a login or block page{status}",
        _DEFINITE,
    ),
    Reason.PROXY_BUSY: Advice(
        "The proxy says that it is overloaded or that there were too many requests.",
        ("a rate limit per client", "connection limits", "the prober's own concurrency"),
        "Lower --concurrency or the rate for this route; if that does not help, look at the load and limits of {peer}.",
        "was too busy for {count}{status}",
        "yes: quick, and load passes",
    ),
    Reason.PROXY_INTERNAL: Advice(
        "The proxy failed inside: HTTP 500, or the SOCKS reply \"general failure\".",
        ("a proxy that cannot forward at all", "a parent proxy that is down", "a SOCKS server that gives no reason"),
        "Read the log of {peer} at the time of the probe: it failed by itself.",
        "failed inside for {count}{status}",
        "yes: quick, and general failures hide passing ones",
    ),
    Reason.PROXY_PROTOCOL_ERROR: Advice(
        "The proxy's answer breaks the protocol, or the proxy did not understand the request.",
        ("another protocol on that port", "SOCKS 4 spoken to a SOCKS 5 server", "a request that policy mangles"),
        "Check the scheme and port of {peer}: its answer does not fit that protocol.",
        "broke the protocol for {count}{status}",
        _DEFINITE,
    ),
    Reason.NOT_A_PROXY: Advice(
        "Whatever answers there is not a forward proxy, or does not do CONNECT.",
        ("a web server or the proxy's own administration page on that port", "a reverse proxy", "CONNECT switched off"),
        "Check host, port and scheme of {peer}: a web server answers there, or CONNECT is switched off.",
        "did not act as a proxy for {count}{status}",
        _DEFINITE,
    ),
    Reason.PROXY_UPSTREAM_DNS: Advice(
        "The proxy could not resolve the name.",
        ("the proxy's resolver does not know Internet names", "a DNS filter at the proxy", "the name does not exist"),
        "Make the resolver of {peer} resolve {name}.",
        "could not resolve {count}{status}",
        "no: proxies remember a failed lookup for a while, so the same answer comes again",
    ),
    Reason.PROXY_UPSTREAM_CONNECT: Advice(
        "The proxy could not connect to the next address.",
        ("a firewall behind the proxy", "the proxy has no way out for that address family", "the next hop is down"),
        "Open the way from {peer} to {name}: the firewall behind it or its parent proxy stops the connection.",
        "could not connect to {count}{status}",
        "yes: quick, and the proxy may take another of the target's addresses next time",
    ),
    Reason.PROXY_UPSTREAM_TIMEOUT: Advice(
        "The proxy got no answer from the next address in its own time limit.",
        ("a firewall behind the proxy that drops packets", "a slow parent proxy"),
        "Open the way from {peer} to {name}: a firewall behind it drops the packets.",
        "got no answer from {count}{status}",
        "no: the proxy has waited its whole time limit already",
    ),
    Reason.PROXY_UPSTREAM_TLS: Advice(
        "The proxy's own TLS connection to the target failed: it inspects TLS and does not like what it sees there.",
        ("an inspecting proxy that does not know the vendor's private root", "a failing inspection device"),
        "Exempt {name} from TLS inspection at {peer}; its own handshake with the target fails.",
        "could not make TLS with {count}{status}",
        _DEFINITE,
    ),
    Reason.PROXY_TIMEOUT: Advice(
        "The proxy accepted the connection and then did not finish the negotiation within the deadline.",
        ("a firewall behind the proxy that drops packets", "an overloaded proxy", "something else on that port"),
        "Look at the load of {peer} and at the firewall behind it: it takes the request and does not answer.",
        "did not answer in time for {count}",
        _DEADLINE,
    ),
    Reason.PROXY_CLOSED: Advice(
        "The proxy closed the connection in the middle of the negotiation, without an answer.",
        ("an address that may not use it", "a proxy that expects TLS or the PROXY protocol", "connection limits"),
        "Check that this machine may use {peer} and that the hop's scheme is right (http against https).",
        "closed the connection without an answer for {count}",
        _QUICK,
    ),
    Reason.PROXY_CLIENT_CERT_REQUIRED: Advice(
        "The HTTPS proxy demands a client certificate.",
        ("mutual TLS on the proxy's port",),
        "Use a port of {peer} without client certificates: Defender's services have none for a proxy.",
        "demanded a client certificate for {count}",
        _DEFINITE,
    ),
    Reason.TLS_VERSION: Advice(
        "The peer speaks no TLS version that this prober offers (1.2 and 1.3), or does not speak TLS at all.",
        ("an old inspection device", "plain HTTP or a block page inside the tunnel", "an https hop that is http"),
        "Find out what answers at {peer}{via}: an old inspection device, or a page in clear text instead of TLS.",
        "did not speak TLS 1.2 or 1.3",
        _DEFINITE,
    ),
    Reason.TLS_HANDSHAKE: Advice(
        "The TLS handshake was refused with an alert or broke down.",
        ("a firewall or inspection device that filters by server name", "no common cipher or group"),
        "Exempt {name}{via} from TLS inspection and server-name filters; the handshake with {peer} is refused.",
        "refused the TLS handshake",
        _DEFINITE,
    ),
    Reason.TLS_HANDSHAKE_CLOSED: Advice(
        "The connection was closed in the middle of the TLS handshake, without an alert.",
        ("a firewall that filters by server name", "a proxy that says 200 and then cannot connect", "overload"),
        "Look for a device{via} that closes connections to {peer} by server name; exempt {name} from it.",
        "closed the connection in the TLS handshake",
        _QUICK,
    ),
    Reason.TLS_TIMEOUT: Advice(
        "The TLS handshake was not finished within the deadline.",
        ("a firewall that drops packets after the ClientHello", "a large ClientHello that is lost (MTU)", "overload"),
        "Look for a device{via} that swallows TLS to {peer}, by name or packet size (MTU); exempt {name} from it.",
        "did not finish the TLS handshake in time",
        _DEADLINE,
    ),
    Reason.CLIENT_CERT_REQUIRED: Advice(
        "The target demands a client certificate and none was shown.",
        ("a service that authenticates devices by certificate", "an inspection device that asks for one"),
        "Nothing is wrong with the way if the catalog expects it of {name}; else see who asks. "
        "Hand one in with --client-cert: it is shown where the chain was judged clean, and nowhere else.",
        "demanded a client certificate",
        _DEFINITE,
    ),
    Reason.CLIENT_CERT_UNUSABLE: Advice(
        "The client certificate given to the prober could not be used.",
        ("certificate and key do not match", "a key with a passphrase", "a file that cannot be read"),
        "Check the file given with --client-cert: it must hold the certificate and its unencrypted key in PEM.",
        "could not be probed: the client certificate is unusable",
        _DEFINITE,
    ),
    Reason.CERT_UNTRUSTED: Advice(
        "The certificate was issued by an authority that neither the public web nor the vendor knows.",
        ("TLS inspection", "a private root that was not given with --trust-roots"),
        "If this is TLS inspection, exempt {name}{via} from it: Defender checks who signed. "
        "If this authority is meant to be trusted, name it with --trust-roots.",
        "showed a certificate of an unknown authority",
        _CERTIFICATE,
    ),
    Reason.CERT_INCOMPLETE_CHAIN: Advice(
        "The chain sent stops before a known authority; an intermediate certificate is missing.",
        ("a server that sends its own certificate only", "an inspection device without its intermediate"),
        "See who sends the incomplete chain at {peer}{via}. Windows may fetch the missing link by itself if it reaches "
        "the issuer's http:// address.",
        "sent an incomplete certificate chain",
        _CERTIFICATE,
    ),
    Reason.CERT_EXPIRED: Advice(
        "A certificate in the chain has expired.",
        ("a certificate that was not renewed", "a wrong clock on this machine", "an inspection device's own authority"),
        "Check this machine's clock first; then have the certificate of {peer} renewed.",
        "showed an expired certificate",
        _CERTIFICATE,
    ),
    Reason.CERT_NOT_YET_VALID: Advice(
        "A certificate in the chain is not valid yet.",
        ("a wrong clock on this machine", "an inspection device with a wrong clock"),
        "Check this machine's clock first, then the clock of whatever issued the certificate of {peer}.",
        "showed a certificate that is not valid yet",
        _CERTIFICATE,
    ),
    Reason.CERT_NAME_MISMATCH: Advice(
        "The certificate is for another name.",
        ("a block page or captive portal", "a wrong --resolve or DNS override", "a catch-all server in between"),
        "See whose certificate comes back{via} for {name}: usually a block page, a portal or a wrong DNS answer.",
        "showed a certificate for another name",
        _CERTIFICATE,
    ),
    Reason.CERT_WRONG_USAGE: Advice(
        "The certificate may not be used for a server.",
        ("an authority's or a client's own certificate on the server", "a badly made inspection certificate"),
        "Have the certificate of {peer} replaced by one for server authentication.",
        "showed a certificate that is not for servers",
        _CERTIFICATE,
    ),
    Reason.CERT_INVALID: Advice(
        "The certificate or chain breaks the rules: it does not parse, or a signature or constraint is wrong.",
        ("a badly made inspection certificate", "weak keys or hashes", "name constraints of a private authority"),
        "Look at the chain of {peer} in the saved run and at the device{via} that made it.",
        "showed an invalid certificate",
        _CERTIFICATE,
    ),
    Reason.CERT_REVOKED: Advice(
        "The authority has revoked the certificate.",
        ("a certificate withdrawn after a key was lost", "an old certificate on one of several servers"),
        "Do not work around it: have {peer} show another certificate, and see whether the real service answers at all.",
        "showed a revoked certificate",
        _CERTIFICATE,
    ),
    Reason.REVOCATION_UNREACHABLE: Advice(
        "The addresses where revocation is published (CRL, OCSP) cannot be reached; Windows checks them.",
        ("http:// on port 80 is blocked at the proxy", "the authority's hosts are not on the allow list"),
        "Allow the CRL and OCSP hosts (group COMMON in the catalog) over http on port 80 for {name}{via}.",
        "had no reachable revocation source",
        _DEADLINE,
    ),
    Reason.HTTP_TIMEOUT: Advice(
        "The HTTP answer did not come, or not whole, within the deadline.",
        ("a proxy that scans content before it passes it on", "a device that swallows the request", "a slow service"),
        "Look for content scanning{via} on the way to {name}; exempt it.",
        "did not answer the HTTP request in time",
        _DEADLINE,
    ),
    Reason.HTTP_CLOSED: Advice(
        "The connection was closed before a whole HTTP answer had come.",
        ("a filter that ends the connection when it sees the request", "a restarted or overloaded server"),
        "Look for a content filter{via} that ends connections to {name}; exempt it.",
        "closed the connection before an answer",
        _QUICK,
    ),
    Reason.HTTP_PROTOCOL_ERROR: Advice(
        "The answer is not well-formed HTTP/1.1, or not the kind of document that lives at that address.",
        ("another service behind a wrong address", "a device that rewrites answers", "a block page in place of a CRL"),
        "See what answers for {name}{via}: it is not the service.",
        "gave a malformed or foreign HTTP answer",
        _DEFINITE,
    ),
    Reason.HTTP_AUTH_REQUIRED: Advice(
        "The answer demands a login that the service itself would not ask for.",
        ("a proxy that answers 401 where 407 is right", "a login portal"),
        "See who asks for a login on the way to {name}{via}; let it pass anonymously.",
        "demanded a login over HTTP{status}",
        _DEFINITE,
    ),
    Reason.PAC_FETCH_FAILED: Advice(
        "The PAC script could not be downloaded.",
        ("a wrong URL", "a web server that is down or wants a login"),
        "Fetch the PAC address from this machine without a proxy: Windows does so too.",
        "could not be probed: the PAC script could not be fetched",
        "no: fetching has its own attempts",
    ),
    Reason.PAC_SCRIPT_ERROR: Advice(
        "The PAC script does not parse, failed while it ran, or returned nonsense.",
        ("a syntax error after an edit", "a function that this reading does not know"),
        "Run `prober routes pac SCRIPT URL` to see the error and the line.",
        "could not be probed: the PAC script failed",
        _DEFINITE,
    ),
    Reason.WPAD_NONE: Advice(
        "Automatic discovery found no proxy script.",
        ("no DHCP option 252 and no wpad host in DNS", "a DNS server that blocks the name wpad"),
        "Publish WPAD by DHCP or DNS, or name the PAC address or the proxy outright.",
        "could not be probed: discovery found no proxy script",
        _DEFINITE,
    ),
    Reason.INTERNAL: Advice(
        "The prober itself has a bug.",
        ("a case its authors did not think of",),
        "Report it with the detail shown and the output of `prober --version`.",
        "could not be probed: a bug in prober",
        "no: a bug meets the same case again",
    ),
}  # fmt: skip
