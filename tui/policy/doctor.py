"""What the symptoms of a database mean: how grave each is, what it says, and what mends it.

Pure: symptoms → findings → plan. Only what is unambiguous is mended: whatever could be somebody's
last copy, or could be meant, is named and left to the user.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tui.format import count, plural, size
from tui.policy.meanings import (
    COUNTERS,
    LEFTOVERS,
    MEANINGS,
    ORPHAN,
    ORPHANS,
    RECOVERY,
    REPAIRS,
    SEVERITIES,
    UNOWNED,
    Severity,
)
from tui.policy.plan import Item, Plan, Totals
from tui.policy.vacuum import WORTH_BYTES, WORTH_PERCENT
from tui.records import Symptom

__all__ = [
    "COUNTERS", "LEFTOVERS", "MEANINGS", "ORPHANS", "RECOVERY", "REPAIRS", "SEVERITIES", "Finding",
    "MendOptions", "Severity", "judge", "plan_mend", "summary", "worst",
]  # fmt: skip

SILENT = ("importer_done",)
"""Symptoms of health."""

MOST_SAID = 3
"""Of what was heard, so many go into a sentence; `says` has the rest."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: what it is, how grave, what it means, and what mends it."""

    kind: str
    severity: Severity
    count: int
    bytes: int | None
    """Octets concerned; None where nobody counted."""
    ids: tuple[str, ...]
    says: tuple[str, ...]
    """A title, folder or complaint for each of the ids, or by themselves."""
    what: str
    meaning: str
    mend: str
    fix: str = ""
    """The repair of `--fix` that mends it; "" where nothing may."""


@dataclass(frozen=True, slots=True)
class MendOptions:
    """What the deed needs beside the names of the repairs."""

    orphans: Plan | None = None
    """The reclaim of orphaned rows, planned as any other."""


def judge(symptoms: Iterable[Symptom]) -> list[Finding]:
    """What is worth telling, the gravest first; symptoms of one kind are told together."""
    told = [each for each in _together(symptoms) if _is_worth_telling(each)]
    found = [_finding(each) for each in told]
    return sorted(found, key=lambda each: (SEVERITIES.index(each.severity), -(each.bytes or 0)))


def _together(symptoms: Iterable[Symptom]) -> Iterable[Symptom]:
    """One symptom a kind."""
    found: dict[str, Symptom] = {}
    for each in symptoms:
        before = found.get(each.kind)
        if before is None:
            found[each.kind] = each
            continue
        uncounted = before.bytes is None or each.bytes is None
        octets = None if uncounted else (before.bytes or 0) + (each.bytes or 0)
        found[each.kind] = Symptom(
            each.kind, before.count + each.count, octets, before.ids + each.ids,
            before.says + each.says,
        )  # fmt: skip
    return found.values()


def _is_worth_telling(symptom: Symptom) -> bool:
    if symptom.kind == "free_pages":
        file_bytes = int(symptom.says[0])
        free = symptom.bytes or 0
        return free >= WORTH_BYTES or 0 < file_bytes * WORTH_PERCENT <= free * 100
    is_quiet = symptom.kind.startswith("importer_") and not symptom.count
    return symptom.kind not in SILENT and not is_quiet


def _finding(symptom: Symptom) -> Finding:
    unknown = UNOWNED if symptom.kind.startswith("unowned_") else ORPHAN
    meaning = MEANINGS.get(symptom.kind, unknown)
    says = () if symptom.kind == "free_pages" else symptom.says
    heard = ", ".join(says[:MOST_SAID]) + (" …" if len(says) > MOST_SAID else "")
    return Finding(
        symptom.kind,
        meaning.severity,
        symptom.count,
        symptom.bytes,
        symptom.ids,
        says,
        meaning.what.format(table=symptom.kind.removeprefix("orphan_").removeprefix("unowned_")),
        meaning.meaning.replace("{says}", heard.rstrip(".") if len(meaning.meaning) > 6 else heard),
        meaning.mend,
        meaning.fix,
    )


def worst(findings: Iterable[Finding]) -> Severity:
    """The gravest severity among them; "ok" for none."""
    found = [each.severity for each in findings]
    return min(found, key=SEVERITIES.index, default="ok")


def summary(findings: Iterable[Finding], deep: bool) -> str:
    """One sentence: how many of which severity, and how to go on."""
    found = list(findings)
    counts = {level: sum(each.severity == level for each in found) for level in SEVERITIES}
    named = [plural(counts[level], level) for level in SEVERITIES if counts[level]]
    told = ", ".join(named) if named else "Nothing is wrong"
    ending = "." if deep else "; `ocdu doctor --deep` also reads every row."
    if any(each.fix for each in found):
        ending = f"; `ocdu doctor --fix` mends {sum(bool(each.fix) for each in found)} of them."
    return told + ending


def plan_mend(findings: Sequence[Finding], options: MendOptions) -> Plan:
    """What `--fix` would do: one item for each finding that a repair is for."""
    possible = set(REPAIRS) if options.orphans else set(REPAIRS) - {ORPHANS}
    wanted = sorted(
        (each for each in findings if each.fix in possible),
        key=lambda each: REPAIRS.index(each.fix),
    )
    items = tuple(_item(each) for each in wanted)
    octets = sum(item.bytes for item in items)
    freed = f" ({size(octets)})" if octets else ""
    message = f"{plural(len(items), 'finding')} can be mended{freed}."
    nothing = "Nothing can be mended without guessing." if findings else "Nothing is wrong."
    return Plan("mend", items, options=options, message=message if items else nothing)


def _item(finding: Finding) -> Item:
    is_file = finding.fix == LEFTOVERS
    totals = Totals(files=finding.count if is_file else 0, bytes=finding.bytes or 0)
    return Item(finding.fix, f"{count(finding.count)} × {finding.what}", finding.meaning, totals)
