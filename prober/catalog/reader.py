"""One catalog file into entries, with every mistake in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prober.catalog import fields
from prober.catalog.document import MAX_ERRORS, List, Map, Node, Scalar, read_document
from prober.catalog.entry import Entry, placeholders_in
from prober.catalog.errors import CatalogError, shown, unknown
from prober.catalog.fields import INVALID, Report
from prober.model import DEFAULT_PORTS, Required, Scheme, Target

STANDARD: Final[dict[str, Any]] = {
    "scheme": Scheme.HTTPS,
    "port": None,
    "method": "GET",
    "path": "/",
    "geography": "WW",
    "cloud": ("commercial",),
    "os": (),
    "os_note": "",
    "required": Required.YES,
    "expected": (),
    "inspection_bypass": None,
    "trust": None,
    "client_certificate": False,
    "proxy_login": None,
    "source": (),
    "note": "",
    "expansion": (),
}
"""What holds where neither target nor group says anything. `port` follows the scheme, `proxy_login` the file."""


@dataclass(frozen=True, slots=True)
class CatalogFile:
    """What one file holds. With errors, `entries` has those that could be read."""

    file: str
    service: str
    """Of the file; groups may name another."""
    entries: tuple[Entry, ...]
    placeholders: dict[str, str]
    errors: tuple[CatalogError, ...]

    @property
    def services(self) -> tuple[str, ...]:
        """The file's service, then those of its entries in order."""
        return tuple(dict.fromkeys((self.service, *(entry.target.service for entry in self.entries))))


def read_catalog(data: bytes, file: str) -> CatalogFile:
    """The catalog in `data`; `file` is its name in messages. Mistakes are in `errors`, nothing is raised."""
    document = read_document(data, file)
    if document.root is None:
        return CatalogFile(file, "", (), {}, tuple(document.errors))
    return _Reader(file, document.errors).read(document.root)


class _Reader:
    """Holds what the entries of a file share: its service, sources and placeholders."""

    def __init__(self, file: str, errors: list[CatalogError]) -> None:
        self.report = Report(file, errors)
        self.service = ""
        self.proxy_login = True
        self.placeholders: dict[str, str] = {}
        self.sources: dict[str, tuple[str, str]] = {}

    def read(self, root: Node) -> CatalogFile:
        entries: list[Entry] = []
        if isinstance(root, Map):
            self._keys(root, "", fields.FILE_KEYS, required=("service", "groups"))
            self._head(root)
            for path, group in self._maps(root, "groups", "groups"):
                entries += self._group(group, path)
        else:
            self.report.add(root, "", f"expected the keys of a catalog, got {fields.kind(root)}")
        errors = sorted(self.report.errors, key=lambda error: error.line or 0)
        return CatalogFile(self.report.file, self.service, tuple(entries), self.placeholders, tuple(errors))

    def _head(self, root: Map) -> None:
        self.service = self._value(root, "service", "service", fields.SERVICE_NAME, "")
        self._value(root, "about", "about", fields.text, "")
        self.proxy_login = self._value(root, "proxy_login", "proxy_login", fields.YES_NO, True)
        for path, name, node in self._named(root, "placeholders", fields.PLACEHOLDER_NAME):
            meaning = fields.text(node, path, self.report)
            self.placeholders[name] = "" if meaning is INVALID else meaning
        for path, name, node in self._named(root, "sources", fields.SOURCE_ID):
            self.sources[name] = ("", "")
            if not isinstance(node, Map):
                self.report.add(node, path, f"expected name and date, got {fields.kind(node)}")
                continue
            self._keys(node, path, fields.SOURCE_KEYS, required=fields.SOURCE_KEYS)
            title, date = (self._value(node, key, f"{path}.{key}", fields.text, "") for key in fields.SOURCE_KEYS)
            self.sources[name] = (title, date)

    def _group(self, group: Map, path: str) -> Iterator[Entry]:
        self._keys(group, path, fields.GROUP_KEYS, required=("name", "targets"))
        name = self._value(group, "name", f"{path}.name", fields.GROUP_NAME, INVALID)
        service = self._value(group, "service", f"{path}.service", fields.SERVICE_NAME, self.service)
        self._value(group, "about", f"{path}.about", fields.text, "")
        defaults: dict[str, Any] = {}
        node = group.items.get("defaults")
        if isinstance(node, Map):
            self._keys(node, f"{path}.defaults", tuple(fields.SETTINGS))
            defaults = self._settings(node, f"{path}.defaults", fields.SETTINGS)
        elif node is not None:
            self.report.add(node, f"{path}.defaults", f"expected keys of a target, got {fields.kind(node)}")
        for place, target in self._maps(group, "targets", f"{path}.targets"):
            entry = self._target(target, place, (service, name), defaults)
            if entry is not None:
                yield entry

    def _target(self, node: Map, path: str, group: tuple[str, Any], defaults: dict[str, Any]) -> Entry | None:
        before = self.report.count
        self._keys(node, path, fields.TARGET_KEYS, required=("id", "host"))
        own = self._settings(node, path, {**fields.OWN, **fields.SETTINGS})
        values = {**STANDARD, **defaults, **own}
        if values.get("host", INVALID) is not INVALID:
            self._agreement(node, path, values, own)
        usable = self.report.count == before and INVALID not in values.values() and group[1] is not INVALID
        return self._entry(node, path, group, values) if usable else None

    def _agreement(self, node: Map, path: str, values: dict[str, Any], own: dict[str, Any]) -> None:
        """What single values cannot show: whether the keys of one target fit together."""
        if values["scheme"] is Scheme.TLS:
            for key in ("path", "method", "expected"):
                if values[key] not in (INVALID, STANDARD[key]):
                    self.report.add(
                        node.items.get(key, node), f"{path}.{key}", "a bare TLS handshake (scheme tls) has none"
                    )
        request = values["path"] if isinstance(values["path"], str) else "/"
        for name in placeholders_in(values["host"], request):
            if name not in self.placeholders:
                where = "host" if "{" + name + "}" in values["host"] else "path"
                message = f"{unknown('placeholder', name, self.placeholders)} (declare it under `placeholders`)"
                self.report.add(node.items.get(where, node), f"{path}.{where}", message)
        if own.get("expansion") and "*" not in values["host"] and "*" not in request:
            self.report.add(node.items["expansion"], f"{path}.expansion", "only a host or path with * has an expansion")

    def _entry(self, node: Map, path: str, of: tuple[str, str], values: dict[str, Any]) -> Entry:
        service, group = of
        port = DEFAULT_PORTS[values["scheme"]] if values["port"] is None else values["port"]
        target = Target(
            id=f"{service.lower()}.{group}.{values['id']}",
            scheme=values["scheme"],
            host=values["host"],
            port=port,
            path=values["path"],
            method=values["method"],
            service=service,
            group=group,
            geography=values["geography"],
            cloud=values["cloud"],
            os=values["os"],
            os_note=values["os_note"],
            required=values["required"],
            expected=values["expected"],
            inspection_bypass=values["inspection_bypass"],
            trust=values["trust"],
            client_certificate=values["client_certificate"],
            proxy_login=self.proxy_login if values["proxy_login"] is None else values["proxy_login"],
            source=self._source(values["source"]),
            dated="; ".join(dict.fromkeys(self.sources[name][1] for _, name in values["source"])),
        )
        return Entry(
            target,
            note=values["note"],
            expansion=values["expansion"],
            file=self.report.file,
            path=path,
            line=node.line,
            placeholders=placeholders_in(target.host, target.path),
        )

    def _source(self, refs: Sequence[tuple[str, str]]) -> str:
        parts = (f"{role}: {self.sources[name][0]}" if role else self.sources[name][0] for role, name in refs)
        return "; ".join(parts)

    def _settings(self, node: Map, path: str, known: dict[str, fields.Field]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, parse in known.items():
            if key in node.items:
                values[key] = parse(node.items[key], f"{path}.{key}", self.report)
        refs = values.get("source", ())
        for _, name in () if refs is INVALID else refs:
            if name not in self.sources:
                message = f"{unknown('source', name, self.sources)} (declare it under `sources`)"
                values["source"] = self.report.add(node.items["source"], f"{path}.source", message)
        return values

    def _value(self, node: Map, key: str, path: str, parse: fields.Field, default: Any) -> Any:
        if key not in node.items:
            return default
        value = parse(node.items[key], path, self.report)
        return default if value is INVALID else value

    def _keys(self, node: Map, path: str, known: Sequence[str], required: Sequence[str] = ()) -> None:
        prefix = f"{path}." if path else ""
        for key, line in node.lines.items():
            if key not in known and len(self.report.errors) < MAX_ERRORS:
                self.report.add(line, f"{prefix}{shown_key(key)}", unknown("key", key, known))
        for key in required:
            if key not in node.items:
                self.report.add(node, f"{prefix}{key}", "the key is missing")

    def _maps(self, node: Map, key: str, path: str) -> Iterator[tuple[str, Map]]:
        """The mappings in the list `key`; anything else there is reported."""
        value = node.items.get(key)
        if value is None:
            return
        if not isinstance(value, List) or not value.items:
            self.report.add(
                value,
                path,
                f"expected a list of {key}, got {'an empty one' if isinstance(value, List) else fields.kind(value)}",
            )
            return
        for index, item in enumerate(value.items):
            if isinstance(item, Map):
                yield f"{path}[{index}]", item
            else:
                self.report.add(item, f"{path}[{index}]", f"expected a mapping, got {fields.kind(item)}")

    def _named(self, root: Map, key: str, shape: Any) -> Iterator[tuple[str, str, Node]]:
        """The pairs of the mapping `key`, whose names must have a shape."""
        value = root.items.get(key)
        if value is None or (isinstance(value, Scalar) and value.is_null):
            return
        if not isinstance(value, Map):
            self.report.add(value, key, f"expected a mapping, got {fields.kind(value)}")
            return
        for name, node in value.items.items():
            path = f"{key}.{shown_key(name)}"
            if shape.fullmatch(name):
                yield path, name, node
            else:
                self.report.add(
                    value.lines[name], path, f"{shown(name)} is not a name of lower-case letters and digits"
                )


def shown_key(key: str) -> str:
    """A key as part of a path: quoted where it would be ambiguous."""
    return key if key.replace("_", "").replace("-", "").isalnum() else shown(key)
