"""The binary values `WinHttpSettings` and `DefaultConnectionSettings`, read and written.

Numbers are little-endian dwords, each text is a length and then that many octets. Octets of texts become characters
one to one (Latin-1): hosts and URLs should be ASCII, the encoding of others is documented nowhere, so none is lost.
"""

from __future__ import annotations

import struct
from typing import Final

from prober.routes.windows.device import ConnectionSettings, WinHttpSettings

WINHTTP_HEADERS: Final = (0x18, 0x28)
"""First dwords seen in `WinHttpSettings`; others are read just as well."""
CONNECTION_SIZES: Final = (0x3C, 0x46)
"""First dwords seen in connection settings: Internet Explorer 5 and 6, 7 and later."""
_ENCODING: Final = "latin-1"


def decode_winhttp(data: bytes) -> WinHttpSettings | str:
    """The value `WinHttpSettings`; a text says at which offset it is no such value.

    Windows takes a value that is shorter than 16 octets, or missing, for direct access.
    """
    cut = _Cut(data)
    header, counter, flags = (cut.dword(name) for name in ("first dword", "second dword", "flags"))
    proxy = cut.text("proxy")
    bypass = cut.text("bypass list")
    return cut.problem or WinHttpSettings(flags, proxy, bypass, header, counter, cut.rest())


def encode_winhttp(settings: WinHttpSettings) -> bytes:
    """The octets of a value. Raises ValueError for a text beyond Latin-1 or a number beyond 32 bits."""
    return (
        _dwords(settings.header, settings.counter, settings.flags)
        + _text(settings.proxy)
        + _text(settings.bypass)
        + settings.tail
    )


def decode_connection(data: bytes) -> ConnectionSettings | str:
    """The value `DefaultConnectionSettings` or one of its like; a text says at which offset it is none.

    The auto-discovery flags may be missing, as the rest may be; of that rest nothing is documented that holds.
    """
    cut = _Cut(data)
    size, counter, flags = (cut.dword(name) for name in ("size", "counter", "flags"))
    proxy, bypass, pac_url = (cut.text(name) for name in ("proxy", "bypass list", "PAC URL"))
    if cut.problem:
        return cut.problem
    discovery = cut.dword("auto-discovery flags") if cut.left >= 4 else None
    return ConnectionSettings(flags, proxy, bypass, pac_url, discovery, size, counter, cut.rest())


def encode_connection(settings: ConnectionSettings) -> bytes:
    """The octets of a value. Raises ValueError for a text beyond Latin-1 or a number beyond 32 bits."""
    return (
        _dwords(settings.size, settings.counter, settings.flags)
        + _text(settings.proxy)
        + _text(settings.bypass)
        + _text(settings.pac_url)
        + (b"" if settings.discovery is None else _dwords(settings.discovery))
        + settings.tail
    )


def _dwords(*numbers: int) -> bytes:
    try:
        return struct.pack(f"<{len(numbers)}I", *numbers)
    except struct.error:
        raise ValueError("a number does not fit 32 bits") from None


def _text(text: str) -> bytes:
    octets = text.encode(_ENCODING)
    return _dwords(len(octets)) + octets


class _Cut:
    """Octets, cut from the front. After the first problem everything reads as nothing."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self.problem = ""

    @property
    def left(self) -> int:
        """Octets not cut yet."""
        return len(self._data) - self._at

    def dword(self, name: str) -> int:
        """The next four octets; `name` is for the problem."""
        if self.problem:
            return 0
        if self.left < 4:
            self.problem = f"the value ends at octet {len(self._data)}, within its {name} (offset {self._at}, 4 octets)"
            return 0
        (number,) = struct.unpack_from("<I", self._data, self._at)
        self._at += 4
        return int(number)

    def text(self, name: str) -> str:
        """A length and that many octets."""
        length = self.dword(f"{name}'s length")
        if self.problem:
            return ""
        if self.left < length:
            self.problem = (
                f"the value ends at octet {len(self._data)}, within its {name} (offset {self._at}, {length:,} octets)"
            )
            return ""
        self._at += length
        return self._data[self._at - length : self._at].decode(_ENCODING)

    def rest(self) -> bytes:
        """Everything else."""
        return self._data[self._at :]
