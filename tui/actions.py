"""The one table of what a user can do.

Bindings, footer, palette, help and the user's keymap all come from it, and `check_action` is asked
once and obeyed by all. Keys are plain letters, digits and arrows; nothing lies only on ctrl or alt.
Nothing of Textual is needed here: the command line tells the keys as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: `id` is its name in the configuration."""

    id: str
    keys: str
    title: str
    help: str
    group: str
    """Its heading in the help; where it works."""
    footer: bool = False
    does: str = ""
    """The `action_…` method and its arguments, "half(1)"; "" where it is called like the action."""

    @property
    def call(self) -> str:
        """What is run: a method of the screen or widget it belongs to."""
        return self.does or self.id

    @property
    def method(self) -> str:
        """Name of the method that is run."""
        return f"action_{self.call.partition('(')[0]}"


ACTIONS: tuple[Action, ...] = (
    # move and mark
    Action("move_down", "j,down", "Down", "A line down", "Move and mark", does="move(1)"),
    Action("move_up", "k,up", "Up", "A line up", "Move and mark", does="move(-1)"),
    Action("page_down", "pagedown", "Page down", "A page down", "Move and mark", does="page(1)"),
    Action("page_up", "pageup", "Page up", "A page up", "Move and mark", does="page(-1)"),
    Action("first_line", "g,home", "First line", "To the first line", "Move and mark", does="first"),
    Action("last_line", "G,end", "Last line", "To the last line", "Move and mark", does="last"),
    Action("unfold", "l,right", "Unfold", "Open what is folded; so does Enter", "Move and mark"),
    Action("fold", "h,left", "Fold", "Fold, then go to the parent", "Move and mark"),
    Action("mark", "space", "Mark", "Mark, and go on; in a dialog take or leave the line, in a conversation unfold", "Move and mark"),
    Action("mark_all", "asterisk", "Mark all", "Mark all shown", "Move and mark"),
    Action("unmark_all", "minus", "Unmark all", "Unmark all", "Move and mark"),
    # act on the tree under the cursor, or on the marked trees
    Action("archive", "a", "Archive", "Archive or unarchive the tree, or the marked trees; frees no space", "Act", footer=True),
    Action("prune_tree", "d", "Prune", "Move the tree, or the marked trees, to the trash", "Act", footer=True),
    Action("delete", "D", "Delete for good", "Delete the tree, or the marked trees, without trash", "Act"),
    Action("prune", "p", "Prune by policy", "Choose trees by age, project and size, with a preview", "Act", footer=True),
    Action("reclaim", "r", "Reclaim", "Drop heavy tool output and keep the conversation", "Act", footer=True),
    Action("vacuum", "V", "Vacuum", "Give free pages back to the disk", "Act", footer=True),
    Action("rescue", "x", "Get back", "Get back as much as possible without deleting a session", "Act", footer=True),
    Action("checkpoint", "c", "Checkpoint", "Fold the write-ahead log into the database", "Act"),
    Action("undo", "u", "Undo", "Undo what was done last", "Act", footer=True),
    Action("redo", "U", "Redo", "Do again what was undone last", "Act"),
    Action("pin", "P", "Pin", "Pin or unpin the tree: pinned trees are never in a plan", "Act"),
    Action("consent", "B", "Background", "Whether ocdu may drop by itself what opencode marked as compacted", "Act"),
    Action("export", "E", "Export", "Write the conversation to a file, every marked session to a folder: Markdown, or what opencode imports", "Act"),
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
    Action("half_down", "J,ctrl+d", "Half a page down", "Half a page down: the details beside the tree, a conversation", "Look", does="half(1)"),
    Action("half_up", "K,ctrl+u", "Half a page up", "Half a page up", "Look", does="half(-1)"),
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
    # on one screen alone
    Action("next_question", "right_square_bracket", "Next question", "The next question", "Read a conversation", does="turn(1)"),
    Action("question_before", "left_square_bracket", "Question before", "The question before", "Read a conversation", does="turn(-1)"),
    Action("next_hit", "n", "Next hit", "The next hit of a search, else the next question", "Read a conversation", does="next(1)"),
    Action("hit_before", "N", "Hit before", "The hit before, else the question before", "Read a conversation", does="next(-1)"),
    Action("next_largest", "L", "Largest part", "The largest part; again: the next largest", "Read a conversation"),
    Action("show_in_tree", "o", "Show in the tree", "Show the session in the tree", "Read a conversation", does="show"),
    Action("restore", "r", "Restore", "Bring the batch or the tree back; so does Enter", "Trash"),
    Action("empty", "e", "Empty this batch", "Delete the batch for good", "Trash"),
    Action("empty_old", "o", "Empty older than 30 days", "Delete for good what is older than 30 days", "Trash"),
    Action("empty_all", "E", "Empty all", "Delete all of it for good", "Trash"),
    Action("remove_files", "d", "Remove", "Remove what may go of this line", "Files", does="remove"),
    Action("remove_all_files", "E", "Remove all that may go", "Remove all that may go", "Files", does="remove_all"),
    Action("relink", "l", "Relink", "Tell opencode where a folder that moved is now", "Projects"),
    Action("remove_project", "e", "Remove when empty", "Remove a project without sessions", "Projects", does="remove"),
    Action("withdraw", "e", "Withdraw waiting job", "Take a waiting job back", "Jobs"),
    Action("scope", "s", "For whom", "Reclaim: count for the marked trees, this tree, its project, all", "Dialogs"),
)  # fmt: skip


EVERYWHERE = ("Act", "Look", "Go", "Job")
"""Groups of what the whole app knows; the others belong to a widget or to one screen."""

GROUPS = tuple(dict.fromkeys(action.group for action in ACTIONS))
"""Headings in the order of the table."""


KEYS_BY_ID = {action.id: action.keys for action in ACTIONS}


def unknown_keys(keys: Mapping[str, str]) -> list[str]:
    """Names in the user's [keys] that are no action."""
    known = {action.id for action in ACTIONS}
    return [name for name in keys if name not in known]
