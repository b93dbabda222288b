"""Command lines that work as they stand: shown by `ocdu COMMAND --help`, parsed by the tests."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "list": (
        ("ocdu list", "every tree, the largest first"),
        ("ocdu list --filter 'idle:30d size:>10MB'", "by state, as in the app"),
        ("ocdu list --json", "for scripts: one object, bytes as integers"),
    ),
    "show": (
        ("ocdu show ses_5c1f", "one session; ids may be shortened while unique"),
        ("ocdu show ses_5c1f --export talk.json", "what `opencode import` reads"),
    ),
    "search": (
        ("ocdu search 'flaky test'", "what was said, newest first; case does not matter"),
        ("ocdu search panic --kind tool --since 30d --json", "in tool output of the last month"),
        ("ocdu search quinces --trash", "what was pruned, and what brings it back"),
    ),
    "stats": (
        ("ocdu stats", "where the bytes are, what each action gives back"),
        ("ocdu stats --json --db /backup/opencode.db", "of another database"),
    ),
    "archive": (("ocdu archive ses_5c1f --yes", "the whole tree; frees no space"),),
    "unarchive": (("ocdu unarchive ses_5c1f --yes", "only what was archived together"),),
    "pin": (("ocdu pin ses_5c1f", "in no plan any more that does not name it"),),
    "unpin": (("ocdu unpin ses_5c1f", "take the protection back"),),
    "prune": (
        ("ocdu prune --older-than 30d --dry-run", "what would go, and why the rest stays"),
        ("ocdu prune --older-than 3m --keep 5 --yes", "keep five trees of every project"),
        ("ocdu prune --budget 2GB --yes", "the oldest idle trees until 2 GB are left"),
        ("ocdu prune ses_5c1f --yes", "one tree, to the trash"),
    ),
    "reclaim": (
        ("ocdu reclaim --dry-run", "tool output that opencode marked compacted"),
        ("ocdu reclaim --level aggressive --yes", "and all from before a finished compaction"),
    ),
    "rescue": (
        ("ocdu rescue --dry-run", "what could go without deleting a session, step by step"),
        ("ocdu rescue --without diffs --yes", "all of it but one step"),
    ),
    "vacuum": (
        ("ocdu vacuum --dry-run", "what it would free, how long it would lock"),
        ("ocdu vacuum --wait --yes", "as soon as the last opencode has ended"),
    ),
    "checkpoint": (("ocdu checkpoint --yes", "fold the -wal file in"),),
    "trash": (
        ("ocdu trash", "what lies in it"),
        ("ocdu trash restore ses_5c1f --yes", "bring one tree back"),
        ("ocdu trash empty --older-than 30d --yes", "delete old batches for good"),
    ),
    "files": (
        ("ocdu files", "what lies beside the database, and what of it may go"),
        ("ocdu files tmp_pack log --yes", "remove what is safe of these kinds"),
    ),
    "projects": (
        ("ocdu projects", "size, sessions, last activity, and whether the folder exists"),
        ("ocdu projects relink ~/old/shop ~/work/shop --dry-run", "every path that would change"),
        ("ocdu projects remove 3fca36b9 --yes", "a project without sessions"),
    ),
    "auto": (
        ("ocdu auto --dry-run", "what the policies of the configuration would do now"),
        ("ocdu auto --yes --json", "as a timer runs it; new policies are only announced first"),
        ("ocdu auto --print-unit systemd", "the units for a timer of your own"),
    ),
    "doctor": (
        ("ocdu doctor", "what is broken, left over or strange; a second"),
        ("ocdu doctor --deep", "every page and every row, with progress"),
        ("ocdu doctor --fix --yes", "mend what needs no guessing"),
    ),
    "undo": (
        ("ocdu undo --dry-run", "name what would be undone"),
        ("ocdu undo --yes", "the last change, also after a restart"),
    ),
    "redo": (("ocdu redo --yes", "what was undone last"),),
    "recover": (
        ("ocdu recover", "which sessions could be rebuilt"),
        ("ocdu recover ses_5c1f --dry-run", "what would be rebuilt of one"),
    ),
    "jobs": (
        ("ocdu jobs", "what ocdu changed, newest first"),
        ("ocdu jobs 12", "plan, phases and outcome of one job"),
    ),
    "databases": (("ocdu databases", "every opencode database of this user"),),
    "config": (
        ("ocdu config > config.toml", "every key, its value and what it means"),
        ("ocdu config check", "say which line is wrong, if one is"),
        ("ocdu config edit", "in $VISUAL or $EDITOR; writes the file where there is none"),
    ),
    "demo": (("ocdu demo", "a made-up database in a temporary place"),),
    "completions": (
        ("ocdu completions bash > ~/.local/share/bash-completion/completions/ocdu", "for bash"),
        ("ocdu completions fish > ~/.config/fish/completions/ocdu.fish", "for fish"),
    ),
}
"""Verb -> (command line, what it does)."""


def examples_text(verb: str) -> str:
    """The lines below a verb's options in its help."""
    lines = EXAMPLES.get(verb, ())
    widest = max((len(line) for line, _ in lines), default=0)
    return "\n".join(["examples:", *(f"  {line:<{widest}}  {what}" for line, what in lines)])
