"""Texts within the settings that have a form of their own: resolve entries, pins, fingerprints, file names.

Works on the raw values, so that a wrong entry is reported together with every other error in the file.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from pathlib import Path as FilePath
from typing import Any, Final

from prober.config.allowance import parse_allowance, parse_network
from prober.config.document import Path
from prober.config.layers import entries
from prober.routes.overrides import parse_override
from prober.routes.scripted import is_script_file
from prober.routes.text import host_name

Problems = list[tuple[Path, str]]

_PLACEHOLDER: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_SHA256: Final = re.compile(r"[0-9A-Fa-f]{64}")


def check_texts(values: dict[str, Any]) -> Problems:
    """Every entry that does not have the form it must have; values of the wrong type are left to others."""
    problems: Problems = []
    for path, value in entries(values, "resolve"):
        if isinstance(value, str):
            _try(problems, path, parse_override, str(path[-1]), value)
    for path, _ in entries(values, "set"):
        if not _PLACEHOLDER.fullmatch(str(path[-1])):
            problems.append((path, "a placeholder's name is lower-case letters, digits and _"))
    for path, value in entries(values, "trust", "pins"):
        _try(problems, path, host_name, str(path[-1]))
        for number, pin in enumerate(value if isinstance(value, list) else ()):
            if isinstance(pin, str):
                _try(problems, (*path, number), pin_hash, pin)
    for path, _ in entries(values, "trust", "client_certificates"):
        _try(problems, path, host_pattern, str(path[-1]))
    _check_serve(values, problems)
    for key, parse in (("allow", parse_allowance), ("allow_networks", parse_network)):
        for number, text in enumerate(_items(values, "serve", key)):
            if isinstance(text, str):
                _try(problems, ("serve", key, number), parse, text)
    return problems


def _check_serve(values: dict[str, Any], problems: Problems) -> None:
    for path, value in entries(values, "serve"):
        if path[-1] == "listen" and isinstance(value, str) and value:
            _try(problems, path, listen_address, value)
        elif path[-1] == "host_names" and isinstance(value, list):
            for number, name in enumerate(value):
                if isinstance(name, str):
                    _try(problems, (*path, number), host_name, name)


def _try(problems: Problems, path: Path, parse: Callable[..., object], *texts: str) -> None:
    try:
        parse(*texts)
    except ValueError as error:
        problems.append((path, str(error)))


def pin_hash(text: str) -> str:
    """The SHA-256 of a public key (SPKI) as lower-case hex, from 64 hex digits or base64 (`sha256//…` as curl).

    Raises ValueError with a sentence.
    """
    bare = re.sub(r"^sha256(//|/|:)", "", text)
    if _SHA256.fullmatch(bare.replace(":", "")):
        return bare.replace(":", "").lower()
    try:
        digest = base64.b64decode(bare, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 32:
        raise ValueError("expected the SHA-256 of a public key: 64 hex digits, or base64 of 32 bytes")
    return digest.hex()


def is_fingerprint(text: str) -> bool:
    """Whether this is a SHA-256 in hex rather than the name of a file."""
    return bool(_SHA256.fullmatch(text))


def host_pattern(text: str) -> str:
    """A host, `*` for every host, or `*.SUFFIX`; normalised. Raises ValueError with a sentence."""
    if text == "*":
        return text
    return f"*.{host_name(text[2:])}" if text.startswith("*.") else host_name(text)


def listen_address(text: str) -> tuple[str, int]:
    """ADDRESS:PORT of a server: `127.0.0.1:9464`, `[::1]:9464`, `localhost:9464`; `:9464` is every address.

    The address comes back empty for that, and an IPv6 one without its brackets. Port 0 is any free one. Raises
    ValueError with a sentence.
    """
    host, colon, port = text.rpartition(":")
    example = "127.0.0.1:9464, [::1]:9464, or :9464 for every address"
    if "/" in text:
        raise ValueError(f"expected ADDRESS:PORT without a scheme or path: {example}")
    if not colon or port.endswith("]"):
        missing = f":{text}" if text.isascii() and text.isdigit() else f"{text}:9464"
        raise ValueError(f"expected ADDRESS:PORT: did you mean {missing}?")
    if host.count(":") and not (host.startswith("[") and host.endswith("]")):
        raise ValueError("an IPv6 address needs brackets: [::1]:9464")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise ValueError("the port is not between 0 and 65535")
    if not host:
        return "", int(port)
    address, percent, zone = host.strip("[]").partition("%")
    if percent and not (":" in address and zone):
        raise ValueError("a zone (%eth0) belongs to an IPv6 address in brackets: [fe80::1%eth0]:9464")
    return f"{host_name(f'[{address}]' if host.startswith('[') else address)}{percent}{zone}", int(port)


def is_catalog_file(text: str) -> bool:
    """Whether a catalog is named by its file rather than by its bundled name."""
    return "/" in text or text.endswith((".yaml", ".yml"))


def file_names(values: dict[str, Any]) -> Iterable[tuple[Path, str, bool]]:
    """Every file that the values name: place, name, and whether it must exist."""
    for number, name in enumerate(_items(values, "catalogs")):
        if isinstance(name, str) and is_catalog_file(name):
            yield ("catalogs", number), name, True
    for route, hops in entries(values, "routes"):
        if isinstance(hops, dict):
            if isinstance(script := hops.get("pac"), str) and script and is_script_file(script):
                yield (*route, "pac"), script, False
            if isinstance(hops.get("trust_roots"), str):
                yield (*route, "trust_roots"), hops["trust_roots"], True
        for number, hop in enumerate(hops if isinstance(hops, list) else ()):
            for key in ("password_file", "trust_roots"):
                if isinstance(hop, dict) and isinstance(hop.get(key), str):
                    yield (*route, number, key), hop[key], key == "trust_roots"
    for number, root in enumerate(_items(values, "trust", "roots")):
        if isinstance(root, str):
            yield ("trust", "roots", number), root, True
        elif isinstance(root, dict) and isinstance(root.get("file"), str):
            yield ("trust", "roots", number, "file"), root["file"], True
    for number, name in enumerate(_items(values, "trust", "known_interceptors")):
        if isinstance(name, str) and not is_fingerprint(name):
            yield ("trust", "known_interceptors", number), name, True
    for path, name in entries(values, "trust", "client_certificates"):
        if isinstance(name, str):
            yield path, name, True
    for path, name in entries(values, "serve"):
        if path[-1] in ("web_config", "state") and isinstance(name, str):
            yield path, name, False
    for module, _ in entries(values, "serve", "modules"):
        for section in ("http", "tcp"):
            for path, name in entries(values, *map(str, module), section, "tls_config"):
                if path[-1] == "ca_file" and isinstance(name, str) and name:
                    yield path, name, True


def _items(values: Any, *path: str) -> list[Any]:
    for part in path:
        values = values.get(part) if isinstance(values, dict) else None
    return values if isinstance(values, list) else []


def relative_to(base: FilePath, values: dict[str, Any]) -> None:
    """Make every file name in `values` one that starts at `base`, in place."""
    for path, name, _ in list(file_names(values)):
        inner: Any = values
        for part in path[:-1]:
            inner = inner[part]
        inner[path[-1]] = str(base / name)


def missing_files(values: dict[str, Any]) -> Problems:
    """Files that must exist and do not."""
    return [(path, f"no such file: {name}") for path, name, must in file_names(values) if must and not _is_file(name)]


def _is_file(name: str) -> bool:
    try:
        return FilePath(name).exists() and not FilePath(name).is_dir()
    except (OSError, ValueError):
        return False
