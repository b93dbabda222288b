"""Why a session does not show up in opencode, from what the databases of a user hold. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tui.format import count, plural
from tui.paths import told_apart
from tui.places import Whereabouts


def explanations(
    rows: Sequence[Whereabouts], json_sessions: int, never_imported: int, at: Path | None = None
) -> Iterator[str]:
    """Sentences, each with the next step; none where nothing is hidden anywhere.

    `json_sessions` were written as JSON before opencode 1.2, `never_imported` of them are in no
    database; `at` is the database in use, if one is.
    """
    others = [row for row in rows if row.sessions and row.path != at]
    if at is not None and others:
        held = sum(row.sessions for row in others)
        yield (
            f"{plural(held, 'session')} more in {plural(len(others), 'other database')}: opencode "
            "keeps one for each release channel and shows only its own."
        )
    if never_imported:
        yield (
            f"{count(never_imported)} of {plural(json_sessions, 'session')} from before opencode "
            "1.2 were never imported and lie in storage/: opencode since 1.17 cannot read them; "
            "1.2 to 1.15 imports them when it starts without a database."
        )
    names = told_apart([row.path for row in rows])
    for row in rows:
        where = names[row.path]
        if row.in_events_only:
            what = plural(row.in_events_only, "session")
            yield f"{what} in {where} live on in events alone: `ocdu recover` rebuilds them."
        if row.missing:
            yield (
                f"The folders of {plural(row.missing, 'session')} in {where} are gone: if they "
                "moved, `ocdu projects relink OLD NEW` brings the sessions back into view."
            )
        if row.archived:
            what = plural(row.archived, "archived session")
            yield f"{what} in {where}: the web app hides them, `ocdu unarchive ID` brings one back."
        if row.projects > 1:
            yield (
                f"{where} holds {plural(row.projects, 'project')}: opencode lists only the "
                "sessions of the folder it was started in."
            )
