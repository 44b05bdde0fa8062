"""Whether `prober serve` in this container is healthy: exit 0 or 1. For HEALTHCHECK and the like.

Proxies of the environment are left alone (a container often has HTTP_PROXY set), redirects are not followed, and the
certificate is not checked: this asks its own loopback whether somebody is alive, nothing more. Where client
certificates are required it has none to show, and a server that asks for one in a handshake is alive: its event loop
made that. A process that hangs is not taken for one: the kernel accepts connections for it, but speaks no TLS.
"""

import http.client
import os
import ssl
import sys
import urllib.parse

DEFAULT = "http://127.0.0.1:9464/-/healthy"
SECONDS = 3.0
WANTS_CERTIFICATE = ("_ALERT_HANDSHAKE_FAILURE", "_ALERT_BAD_CERTIFICATE", "_ALERT_CERTIFICATE_REQUIRED")
"""Ends of OpenSSL's words for how TLS 1.2 refuses a client that shows no certificate."""


def healthy(url: str) -> bool:
    """Ask. Raises OSError, ValueError or HTTPException where nothing sensible answers."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.hostname is None:
        raise ValueError(f"HEALTH_URL is no http or https URL: {url}")
    if parts.scheme == "https":
        trusting = ssl.create_default_context()
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE
        asking: http.client.HTTPConnection = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=SECONDS, context=trusting
        )
    else:
        asking = http.client.HTTPConnection(parts.hostname, parts.port, timeout=SECONDS)
    try:
        asking.connect()
        try:
            asking.request("GET", parts.path or "/-/healthy")
            return asking.getresponse().status == http.client.OK
        except (ssl.SSLError, ConnectionError):
            # TLS 1.3 refuses a client without a certificate after the client's side of the handshake.
            if parts.scheme == "https":
                return True
            raise
    except ssl.SSLError as error:
        if (error.reason or "").endswith(WANTS_CERTIFICATE):
            return True
        raise
    finally:
        asking.close()


if __name__ == "__main__":
    try:
        sys.exit(0 if healthy(os.environ.get("HEALTH_URL", DEFAULT)) else 1)
    except (OSError, ValueError, http.client.HTTPException) as error:
        sys.exit(f"not healthy: {error}")
