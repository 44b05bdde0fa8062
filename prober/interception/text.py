"""A peer's text made fit for people."""

from __future__ import annotations


def shown(text: str, limit: int = 200) -> str:
    """A peer's text made fit for a terminal, a log or a page: one line, `limit` characters, nothing that steers.

    Control, format and other unprintable characters become RFC 4514 hex pairs (`\\0a`).
    """
    cut = text[: limit + 1]
    clean = cut if cut.isprintable() else "".join(c if c.isprintable() else _hex_pairs(c) for c in cut)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def _hex_pairs(character: str) -> str:
    return "".join(f"\\{octet:02x}" for octet in character.encode("utf-8", "surrogatepass"))
