"""`ocdu doctor`: what is broken, left over or strange in a database, and what mends it."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tui.cli.call import Answer, Call
from tui.cli.deed import carry_out, shown_progress, stopped_by_signals
from tui.cli.output import table
from tui.policy.plan import EXIT_CODE, Ending

if TYPE_CHECKING:
    from tui.policy.doctor import Finding, Severity
    from tui.policy.plan import Plan
    from tui.records import Symptom

OUTCOMES: dict[Severity, Ending] = {
    "error": "failed",
    "warning": "partial",
    "note": "done",
    "ok": "done",
}
"""The gravest finding -> outcome, and with it the exit code: 1 for an error, 4 for a warning."""


def add_arguments(parser: ArgumentParser) -> None:
    """How thoroughly, and whether to mend."""
    parser.description = (
        "What is broken, left over or strange in the database, and what mends it. Exit codes: 0 "
        "healthy, or only notes; 4 warnings; 1 errors; 3 it could not be looked at."
    )
    parser.add_argument(
        "--deep", action="store_true", help="also check every page and read every row"
    )
    parser.add_argument(
        "--fix", action="store_true", help="carry out what mends without guessing; asks first"
    )


def run(call: Call) -> Answer:
    """Examine; with --fix mend what can be mended, and examine once more."""
    from tui.policy.doctor import judge, summary, worst

    symptoms = _examine(call)
    findings = judge(symptoms)
    if call.options.fix:
        return _mended(call, findings)
    stopped = " Stopped before the end." if call.stop.is_set() else ""
    message = summary(findings, call.options.deep) + stopped
    text = "" if call.options.json else _text(findings)
    return Answer(OUTCOMES[worst(findings)], message, _json(findings), text)


def _mended(call: Call, findings: Sequence[Finding]) -> Answer:
    """The road of every deed; the findings in the answer are those that are left."""
    from tui.engine.doctor import apply_mend
    from tui.engine.engines import engine_of
    from tui.policy.doctor import MendOptions, judge, plan_mend, worst

    options = MendOptions(_orphans(call) if any(f.fix == "orphans" for f in findings) else None)
    plan = plan_mend(findings, options)
    if not call.options.json:
        print(_text(findings), file=sys.stdout)
    engine = partial(apply_mend, reclaim=engine_of("reclaim"))
    answer = carry_out(call, plan, "Mend this", engine=engine)
    if answer.outcome in ("done", "partial") and not call.stop.is_set():
        findings = judge(_examine(call))
    code = EXIT_CODE[answer.outcome] or EXIT_CODE[OUTCOMES[worst(findings)]]
    return replace(answer, data={**_json(findings), **answer.data}, exit_code=code)


def _examine(call: Call) -> list[Symptom]:
    from tui.engine.doctor import examine

    steps = examine(call.site, call.stop, deep=call.options.deep)
    with stopped_by_signals(call.stop), shown_progress(call) as progress:
        while True:
            try:
                progress.show(next(steps))
            except StopIteration as end:
                found: list[Symptom] = end.value
                return found


def _orphans(call: Call) -> Plan:
    """The reclaim of orphaned rows, found and planned as `ocdu reclaim` does it."""
    from tui.policy.reclaim import ReclaimPolicy, plan_reclaim
    from tui.store.reclaimable import find_reclaimable

    levels = ("orphans",)
    site = call.site
    found = find_reclaimable(site.store, levels, files=site.files, stop=call.stop)
    return plan_reclaim(call.forest, found, ReclaimPolicy(levels), call.now, call.running)


def _json(findings: Sequence[Finding]) -> dict[str, Any]:
    rows = []
    for each in findings:
        row = asdict(each)
        row["fix"] = each.fix or None
        rows.append(row)
    return {"findings": rows}


def _text(findings: Sequence[Finding]) -> str:
    from tui.format import clean, count, size

    if not findings:
        return ""
    lines = [
        (each.severity, count(each.count), size(each.bytes), clean(each.what), _heard(each))
        for each in findings
    ]
    text = [table(("", "Count", "Bytes", "What", "Such as"), lines, "lrrll"), ""]
    for each in findings:
        text += [f"{each.what}: {clean(each.meaning)}", f"  → {clean(each.mend)}"]
    return "\n".join(text) + "\n"


def _heard(finding: Finding) -> str:
    """Ids with what belongs to them, as far as a line goes."""
    from tui.format import clean

    if len(finding.says) == len(finding.ids):
        pairs = [f"{id} “{said}”" if said else id for id, said in zip(
            finding.ids, finding.says, strict=True)]  # fmt: skip
    else:
        pairs = list(finding.ids)
    shown = ", ".join(pairs[:3])
    return clean(shown + (" …" if len(pairs) > 3 else ""))
