"""The keys of the settings, as a list and by place: for nearest names, environment variables and documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic_core import PydanticUndefined

from prober.config.document import Path
from prober.config.modules import sections_at
from prober.config.settings import Hop, Pac, Probe, Root, Section, Select, Serve, Settings, Trust

Kind = Literal["text", "word", "list", "mapping"]
"""How a key is written as one text: as it is, as a YAML word (number, null), as a list, as KEY=VALUE pairs."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key that holds a value of its own."""

    path: str
    """Dotted."""
    kind: Kind
    default: Any
    """None also where the default is computed (`egress`)."""
    description: str


def keys(section: type[Section] = Settings, prefix: str = "") -> Iterator[Key]:
    """Every key of the settings, in order; sections are walked, not listed."""
    for name, field in section.model_fields.items():
        path = f"{prefix}{name}"
        annotation: Any = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Section):
            yield from keys(annotation, f"{path}.")
            continue
        default = None if field.default is PydanticUndefined else field.default
        yield Key(path, _kind(annotation), default, field.description or "")


def _kind(annotation: Any) -> Kind:
    origin = get_origin(annotation)
    if origin is list:
        return "list"
    if origin is dict:
        return "mapping"
    members = {base for part in (get_args(annotation) or (annotation,)) for base in (get_args(part)[:1] or (part,))}
    return "word" if {int, float} & members else "text"


_SECTIONS: dict[str, type[Section]] = {"select": Select, "probe": Probe, "trust": Trust, "serve": Serve}


def names_at(path: Path) -> list[str]:
    """The valid key names of the mapping at `path`; empty where any name is valid or nothing is known."""
    section: type[Section] | None = None
    match path:
        case ():
            section = Settings
        case (str(name),):
            section = _SECTIONS.get(name)
        case ("routes", str(), int()):
            section = Hop
        case ("routes", str()):
            section = Pac
        case ("trust", "roots", int()):
            section = Root
        case ("serve", "modules", *inner):
            section = sections_at(tuple(inner))
    return list(section.model_fields) if section else []
