"""A first connection to a scheduler, so that what is wrong is said in words before dask tries for a while."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Final

from prober.cluster.authority import AUTHORITY, Role, certificate_file
from prober.cluster.errors import ClusterError, UnreachableError
from prober.cluster.security import Place

_UNTIMELY: Final = {
    9: "that is not valid yet: is this machine's clock right?",
    10: "that has ended: make new ones for all parts (prober cluster certs)",
}
"""By OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""
_PATIENCE: Final = 10.0
"""Seconds for the connection."""
_ALERT: Final = 0.5
"""Seconds in which a TLS 1.3 server says that it does not want our certificate: that comes after the handshake."""


async def reach(place: Place, folder: Path | None, role: Role) -> None:
    """Connect once and hang up. Raises UnreachableError, or ClusterError for what trying again does not mend."""
    context = None
    if place.scheme == "tls" and folder is not None:
        context = ssl.create_default_context(cafile=str(folder / AUTHORITY))
        context.check_hostname = False  # certificates of a cluster have no names: its authority signs nothing else
        context.load_cert_chain(folder / certificate_file(role))
    try:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection(place.host, place.port, ssl=context)
    except TimeoutError:
        raise UnreachableError([f"no scheduler at {place.url}: no answer within {_PATIENCE:.0f} s"]) from None
    except ssl.SSLCertVerificationError as error:
        why = _UNTIMELY.get(error.verify_code, "of another authority")
        raise ClusterError([f"the scheduler at {place.url} shows a certificate {why}"]) from None
    except ssl.SSLError as error:
        why = error.reason or "handshake failed"
        raise ClusterError([f"no TLS with {place.url} ({why}): is it a scheduler with certificates?"]) from None
    except OSError as error:
        why = error.strerror or str(error)
        raise UnreachableError([f"no scheduler at {place.url}: {why}"]) from None
    try:
        await _heard(reader, place)
    finally:
        writer.transport.abort()


async def _heard(reader: asyncio.StreamReader, place: Place) -> None:
    """dask's side speaks first; one that does not want us hangs up."""
    refused = f"{place.url} refuses us: it wants TLS, or a certificate of another authority than ours"
    try:
        async with asyncio.timeout(_ALERT):
            if not await reader.read(1):
                raise ClusterError([refused])
    except TimeoutError:
        pass  # it waits for us to speak
    except OSError:  # an alert of TLS among them
        raise ClusterError([refused]) from None
