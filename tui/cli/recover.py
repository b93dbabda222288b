"""`ocdu recover`: sessions whose rows are gone and whose events are not, made whole again."""

from __future__ import annotations

from argparse import ArgumentParser

from tui.cli.call import Answer, Call
from tui.cli.deed import carry_out
from tui.cli.output import table


def add_arguments(parser: ArgumentParser) -> None:
    """Which of them."""
    parser.add_argument(
        "ids", metavar="ID", nargs="*", help="rebuild these; without any they are only listed"
    )


def run(call: Call) -> Answer:
    """List what could be rebuilt, or rebuild what was named."""
    from tui.format import age, clean, count, iso, plural, size
    from tui.policy.recover import plan_recover
    from tui.store.rebuild import lost_sessions

    lost = lost_sessions(call.site.store)
    if call.options.ids:
        plan = plan_recover(lost, call.options.ids)
        return carry_out(call, plan, f"Rebuild {plural(len(plan), 'session')}")
    data = {
        "lost": [
            {
                "id": each.id,
                "title": each.title,
                "directory": each.directory,
                "updated": iso(each.updated or None),
                "events": each.events,
                "bytes": each.bytes,
            }
            for each in lost
        ]
    }
    if not lost:
        return Answer("nothing", plan_recover(lost, ()).message, data)
    rows = [
        (each.id, age(each.updated, call.now), count(each.events), size(each.bytes),
         clean(each.title))
        for each in lost
    ]  # fmt: skip
    text = table(("Session", "Active", "Events", "Bytes", "Title"), rows, "lrrrl")
    message = f"{plural(len(lost), 'session')} live on in their events alone: `ocdu recover ID`."
    return Answer("done", message, data, text + "\n")
