"""The one table of what a user can do.

Bindings, footer, palette, help and the user's keymap all come from it, and `check_action` is asked
once and obeyed by all. Keys are plain letters, digits and arrows; nothing lies only on ctrl or alt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from textual.binding import Binding
from textual.keys import format_key


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: `id` is the name of the `action_…` method and of the key in the config."""

    id: str
    keys: str
    title: str
    help: str
    group: str
    footer: bool = False


ACTIONS: tuple[Action, ...] = (
    # act on the tree under the cursor, or on the marked trees
    Action("archive", "a", "Archive", "Archive or unarchive the tree, or the marked trees; frees no space", "Act", footer=True),
    Action("prune_tree", "d", "Prune", "Move the tree, or the marked trees, to the trash", "Act", footer=True),
    Action("delete", "D", "Delete for good", "Delete the tree, or the marked trees, without trash", "Act"),
    Action("prune", "p", "Prune by policy", "Choose trees by age, project and size, with a preview", "Act", footer=True),
    Action("reclaim", "r", "Reclaim", "Drop heavy tool output and keep the conversation", "Act", footer=True),
    Action("vacuum", "V", "Vacuum", "Give free pages back to the disk", "Act", footer=True),
    Action("rescue", "x", "Get back", "Get back as much as possible without deleting a session", "Act", footer=True),
    Action("checkpoint", "c", "Checkpoint", "Fold the write-ahead log into the database", "Act"),
    Action("undo", "u", "Undo", "Undo the last archive or prune", "Act", footer=True),
    Action("redo", "U", "Redo", "Do again what was undone last", "Act"),
    Action("pin", "P", "Pin", "Pin or unpin the tree: pinned trees are never in a plan", "Act"),
    Action("consent", "B", "Background", "Whether ocdu may drop by itself what opencode marked as compacted", "Act"),
    Action("copy_id", "y", "Copy id", "Copy the session's id to the clipboard", "Act"),
    # look
    Action("filter", "slash", "Filter", "Filter by title, directory, id, and words such as is:archived size:>10MB idle:30d project: gen:", "Look", footer=True),
    Action("search", "F,ctrl+f", "Search", "Search what was said, in every conversation; {filter}/ does the same", "Look", footer=True),
    Action("open", "o", "Read", "Read the conversation of the session", "Look", footer=True),
    Action("next_sort", "s", "Sort", "Sort by size, activity, created, title, messages or cost", "Look", footer=True),
    Action("reverse_sort", "S", "Reverse", "Turn the order round", "Look"),
    Action("next_bars", "b", "Bars", "Show bar, percent, both or none", "Look"),
    Action("next_view", "v", "View", "Show active, archived or all sessions", "Look", footer=True),
    Action("next_grouping", "t", "Grouping", "Group by project, by age, or not at all", "Look"),
    Action("details", "i", "Details", "Show or hide the details of the session", "Look"),
    Action("largest", "L", "Largest rows", "The largest single rows of the whole file, and whose they are", "Look"),
    Action("rescan", "R", "Rescan", "Read and measure everything again", "Look"),
    # go
    Action("show_sessions", "1", "Sessions", "The sessions as a tree", "Go"),
    Action("show_dashboard", "2", "Dashboard", "Where the disk space goes, live", "Go", footer=True),
    Action("show_files", "3", "Files", "The rest of the data directory: what it is, what may go", "Go"),
    Action("show_trash", "4", "Trash", "Pruned trees: restore or empty", "Go"),
    Action("show_jobs", "5", "Jobs", "What runs, what waits, what was done", "Go"),
    Action("show_projects", "6", "Projects", "What each project takes; relink one that moved, remove an empty one", "Go"),
    Action("databases", "O", "Databases", "Open another database; where a missing history can be", "Go"),
    Action("pause", "z", "Pause", "Pause the running job, or let it go on", "Job"),
    Action("cancel", "Z", "Cancel", "Stop the running job after its current step", "Job"),
    Action("help", "question_mark", "Help", "Every key with its meaning", "Go", footer=True),
    Action("command_palette", "colon,ctrl+p", "Palette", "Search all actions by name", "Go"),
    Action("quit", "q", "Quit", "Leave; running jobs stop between two steps", "Go", footer=True),
)  # fmt: skip


def bindings(ids: Iterable[str] | None = None) -> list[Binding]:
    """Textual bindings of these actions (all when None), in the order of the table."""
    wanted = None if ids is None else set(ids)
    return [
        Binding(
            action.keys,
            action.id,
            action.title,
            tooltip=action.help,
            id=action.id,
            show=action.footer,
        )
        for action in ACTIONS
        if wanted is None or action.id in wanted
    ]


KEYS_BY_ID = {action.id: action.keys for action in ACTIONS}

SIGNS = {"space": "␣", "enter": "↵", "escape": "Esc", "tab": "Tab", "backspace": "⌫"}
"""Keys that print nothing, as they are written."""


class Keys(Mapping[str, str]):
    """The key of every action as the user has it and as it is written: `keys["undo"]` is "u".

    The one place that texts for the user take keys from: `f"{keys['undo']} undoes it."`, or
    `TEXT.format_map(keys)` for a text with ids of actions in braces.
    """

    def __init__(self, own: Mapping[str, str] | None = None) -> None:
        """`own` are the user's, by action id; the table has the rest."""
        self._own = {**KEYS_BY_ID, **{id: key for id, key in (own or {}).items() if key}}

    def __getitem__(self, id: str) -> str:
        """The first key of an action."""
        return written(self._own[id].split(",")[0])

    def __iter__(self) -> Iterator[str]:
        return iter(KEYS_BY_ID)

    def __len__(self) -> int:
        return len(KEYS_BY_ID)

    def all_of(self, id: str) -> str:
        """Every key of an action, blanks between them."""
        return " ".join(written(key) for key in self._own[id].split(","))


def written(key: str) -> str:
    """A key of Textual's as it stands on a screen: "question_mark" is "?"."""
    return SIGNS.get(key.strip()) or format_key(key.strip())


def unknown_keys(keys: Mapping[str, str]) -> list[str]:
    """Names in the user's [keys] that are no action."""
    known = {action.id for action in ACTIONS}
    return [name for name in keys if name not in known]
