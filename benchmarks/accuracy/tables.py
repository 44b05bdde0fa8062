"""What a sweep says, as text."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from benchmarks.accuracy.sweep import Cell, Outcome
from prober.interception.verdict import Word

WORDS = (Word.INTERCEPTED, Word.SUSPECT, Word.INCONCLUSIVE, Word.BLOCKED, Word.CLEAN)
KNOWN = (
    "reference: direct", "reference: another proxy", "mixed on the route itself", "baseline", "several targets",
    "one target", "origin without an anchor",
)  # fmt: skip
EXCUSED = {
    "split: several families": "twins of unrelated services under one company's authority",
    "home-made, proxied only": "home-made servers with their authority's key, over proxies only, unstated",
}
"""Traits that nobody can tell from interception; counted on lines of their own. docs/interception.md, Limits."""


def report(outcomes: Sequence[Outcome], seconds: float, seed: int) -> Iterator[str]:
    """All tables."""
    cells = [cell for outcome in outcomes for cell in outcome.cells]
    clean = [cell for cell in cells if not cell.adversary]
    forged = [cell for cell in cells if cell.adversary]
    looks = sum(outcome.observations for outcome in outcomes)
    yield (
        f"worlds {seed}..{outcomes[-1].seed} ({len(outcomes)}): {looks} observations, {len(clean)} clean cells, "
        f"{len(forged)} forged ones, {seconds:.0f} s"
    )
    yield from _clean(clean, outcomes)
    yield from _recall(forged)
    yield from _contributions(outcomes, forged)


def false_positives(outcomes: Iterable[Outcome]) -> list[Cell]:
    """Clean cells that came out as intercepted."""
    return [
        cell
        for outcome in outcomes
        for cell in outcome.cells
        if not cell.adversary and cell.word == Word.INTERCEPTED and EXCUSED.keys().isdisjoint(cell.traits)
    ]


def world(outcome: Outcome) -> Iterator[str]:
    """Every cell of a world with its story."""
    for cell in outcome.cells:
        yield from _story(cell)


def _clean(clean: Sequence[Cell], outcomes: Sequence[Outcome]) -> Iterator[str]:
    wrong = false_positives(outcomes)
    judged = sum(EXCUSED.keys().isdisjoint(cell.traits) for cell in clean)
    yield f"\nFALSE POSITIVES: {len(wrong)} of {judged} clean cells came out as intercepted"
    if wrong:
        yield f"  a rate of {100 * len(wrong) / judged:.3f} %"
    else:
        yield f"  95 % bound (rule of three): {300 / judged:.4f} %"
    for trait, meaning in EXCUSED.items():
        found = Counter(cell.word for cell in clean if trait in cell.traits)
        yield f"  beside them {found.total()} cells of {meaning}: {dict(found)}"
    yield ""
    yield f"{'clean cells by what may mislead':40}" + "".join(f"{word.value:>14}" for word in WORDS)
    yield from _rows(_by_trait(clean), lambda cell: cell.word, [word.value for word in WORDS])
    yield "\nsuspect on clean cells, by traits and evidence:"
    suspects = Counter(
        (cell.reason, ", ".join(cell.traits) or "-", "+".join(sorted(cell.evidence)))
        for cell in clean
        if cell.word == Word.SUSPECT
    )
    for (reason, traits, evidence), count in suspects.most_common(25):
        yield f"  {count:5}  {reason}: {traits}: {evidence}"
    for cell in wrong:
        yield from _story(cell)


def _by_trait(cells: Iterable[Cell]) -> dict[str, list[Cell]]:
    """A cell stands under each of its traits."""
    found: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        found["(all)"].append(cell)
        for trait in cell.traits or ("(none)",):
            found[trait].append(cell)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def _rows(groups: dict[str, list[Cell]], value: Callable[[Cell], str], columns: Sequence[str]) -> Iterator[str]:
    for name, cells in groups.items():
        counts = Counter(map(value, cells))
        yield f"{name:40}" + "".join(f"{counts[column]:14}" for column in columns)


def _recall(forged: Sequence[Cell]) -> Iterator[str]:
    heads = f"{'cells':>7}{'intercepted':>13}{'suspect':>9}{'neither':>9}{'found':>8}"
    yield f"\n{'FORGED CELLS by what was known':34}{heads}"
    for known in KNOWN:
        yield from _recall_row(known, [cell for cell in forged if cell.known == known])
    yield f"\n{'by adversary: intercepted/suspect/neither':28}" + "".join(f"{known:>28}" for known in KNOWN[:6])
    for kind in sorted({cell.adversary for cell in forged}):
        row = ""
        for known in KNOWN[:6]:
            words = Counter(cell.word for cell in forged if cell.adversary == kind and cell.known == known)
            told = (words[Word.INTERCEPTED], words[Word.SUSPECT])
            row += f"{'/'.join(map(str, (*told, words.total() - sum(told)))):>28}"
        yield f"  {kind:39}{row}"
    yield "\nwhy forged cells are not `intercepted`:"
    missed = Counter(
        (cell.known, cell.word, cell.reason, "+".join(sorted(cell.evidence)))
        for cell in forged
        if cell.word != Word.INTERCEPTED
    )
    for (known, word, reason, evidence), count in missed.most_common(25):
        yield f"  {count:5}  {known}: {word} {reason} {evidence}"
    hops = Counter(cell.hop for cell in forged if cell.word in (Word.INTERCEPTED, Word.SUSPECT))
    yield f"\nresponsible hop, where something was found: {dict(hops)}"
    for cell in [each for each in forged if each.hop == "wrong" and each.word == Word.INTERCEPTED][:10]:
        yield f"  wrong: world {cell.seed}, {cell.target} over {cell.route}, {cell.adversary}: {', '.join(cell.traits)}"
    some = [cell for cell in forged if cell.known == KNOWN[2]]
    yield f"mixed: {sum(cell.mixed for cell in some)} of {len(some)} cells whose route showed both say so"
    for cell in forged:
        if cell.word not in (Word.INTERCEPTED, Word.SUSPECT) and cell.known in KNOWN[:3]:
            yield from _story(cell)


def _recall_row(known: str, cells: Sequence[Cell]) -> Iterator[str]:
    words = Counter(cell.word for cell in cells)
    told, doubted = words[Word.INTERCEPTED], words[Word.SUSPECT]
    if cells:
        share = f"{100 * (told + doubted) / len(cells):7.1f}%"
        yield f"{known:34}{len(cells):7}{told:13}{doubted:9}{len(cells) - told - doubted:9}{share}"


def _contributions(outcomes: Sequence[Outcome], forged: Sequence[Cell]) -> Iterator[str]:
    lost: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        lost += outcome.lost
    shown = Counter(id_ for cell in forged for id_ in cell.evidence)
    if not lost:
        return
    yield "\nWHAT EACH EVIDENCE CONTRIBUTES: forged cells no longer `intercepted` without it, by what was known"
    yield f"{'':8}{'seen on':>9}{'lost':>8}" + "".join(f"{known:>28}" for known in KNOWN)
    for id_, count in sorted(shown.items(), key=lambda item: -sum(lost[item[0], known] for known in KNOWN)):
        row = "".join(f"{lost[id_, known]:28}" for known in KNOWN)
        yield f"{id_:8}{count:9}{sum(lost[id_, known] for known in KNOWN):8}{row}"


def _story(cell: Cell) -> Iterator[str]:
    truth = f"forged by {cell.adversary}, {cell.known}" if cell.adversary else "clean"
    verdict = f"{cell.word} {cell.reason} score {cell.score}"
    yield f"\nworld {cell.seed}, {cell.target} over {cell.route} ({truth}): {verdict}"
    yield f"    traits: {', '.join(cell.traits) or '-'}"
    yield from (f"    {line}" for line in cell.story)
