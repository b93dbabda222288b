"""Recover, decided: which sessions that live on in their events alone are made into rows again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.errors import WrongCall
from tui.format import plural
from tui.places import LostSession
from tui.policy.plan import Item, Plan, Totals


@dataclass(frozen=True, slots=True)
class RecoverOptions:
    """Ids to rebuild."""

    ids: tuple[str, ...]


def plan_recover(lost: Sequence[LostSession], names: Sequence[str]) -> Plan:
    """One item a session, the newest first; `names` are ids or unique beginnings, empty for all.

    Raises WrongCall for a name that fits none or several.
    """
    chosen = {each.id: each for name in names for each in _named(lost, name)}
    wanted = list(chosen.values()) if names else list(lost)
    wanted.sort(key=lambda each: (-each.updated, each.id))
    items = tuple(
        Item(
            each.id,
            each.title,
            "only its events are left",
            Totals(1, 1, events=each.events, bytes=each.bytes),
            (each.id,),
        )
        for each in wanted
    )
    message = f"{plural(len(items), 'session')} can be rebuilt from events."
    if not items:
        message = "No session lives on in its events alone."
    return Plan("recover", items, options=RecoverOptions(tuple(i.id for i in items)),
                message=message)  # fmt: skip


def _named(lost: Sequence[LostSession], name: str) -> list[LostSession]:
    found = [each for each in lost if each.id == name] or [
        each for each in lost if name and each.id.startswith(name)
    ]
    if len(found) != 1:
        what = "begins several lost sessions" if found else "is no session that only events know"
        raise WrongCall(f"“{name}” {what}: `ocdu recover` lists them.")
    return found
