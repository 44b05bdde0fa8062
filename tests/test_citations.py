"""Documents that the code, the deployment files and other documents name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAMED = re.compile(r"(?<!\w)(?<!\w/)docs/[\w./-]+?\.(?:md|svg|png)\b")
KINDS = frozenset({".py", ".md", ".yaml", ".yml", ".toml", ".service", ".timer", ".html", ".js", ".json", ".css"})


def documents() -> list[Path]:
    found = [
        path for folder in ("prober", "deploy", "tests", "benchmarks", "docs") for path in (ROOT / folder).rglob("*")
    ]
    found += ROOT.glob("*.md")
    return [path for path in found if path.is_file() and path.suffix in KINDS and path != Path(__file__)]


def test_every_document_that_is_named_exists() -> None:
    named = {
        (str(path.relative_to(ROOT)), name)
        for path in documents()
        for name in NAMED.findall(path.read_text(encoding="utf-8", errors="replace"))
    }
    assert len({name for _, name in named}) > 10, "they are found"
    assert [(path, name) for path, name in sorted(named) if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("path", sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")]), ids=lambda p: p.name)
def test_every_link_between_documents_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []
