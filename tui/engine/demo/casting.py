"""Which sessions the demo database has: projects, trees, ages, and what is special about some."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from random import Random

from tui.engine.demo.projects import LOOSE, PROJECTS, DemoProject
from tui.engine.demo.rows import Cast, Ids
from tui.engine.demo.text import MODELS, TASKS, THINGS, Texts, slug

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000

OLDEST = 200
"""Days since the oldest tree was last active."""

LARGEST_TREE = 43
"""Children of the first tree; the others follow Zipf: rank ** -ZIPF of it."""

ZIPF = 0.72

LAST_TURN = 8 * MINUTE
"""Room between the last question of a root and its last change."""

RELEASES = ((150, "1.15.13"), (100, "1.17.11"), (40, "1.18.3"), (0, "1.18.33"))
"""Days ago -> the release of opencode in use then."""


@dataclass(frozen=True)
class Role:
    """What is special about one tree; everything else is left to chance."""

    days: float | None = None
    """Days since the root was last active."""
    archived: float = 0
    """Days since it was archived; 0 for never."""
    earlier: float = 0
    """Days since one of its children was archived on its own."""
    whole: bool = True
    """True when its children carry the same stamp: ocdu archives trees, opencode one session."""
    shared: bool = False
    forked: bool = False
    running: bool = False
    late_child: float = 0
    """Days since one child was taken up again, though the root is idle."""
    foreign_child: str = ""
    """Project that one of its children belongs to."""
    huge_diff: int = 0


ROLES = {
    "Migrate the orders to Postgres 17": Role(days=0.1),
    "Refactor the payment gateway": Role(days=3, shared=True, forked=True),
    "Fix flaky checkout tests": Role(days=0, running=True),
    "Spike: event sourcing for the cart": Role(days=64, late_child=2),
    "Why is the product page slow on phones?": Role(days=48, huge_diff=4_000_000),
    "Move the cluster to ARM nodes": Role(days=0.6),
    "Alert on certificate expiry": Role(days=41, archived=30, earlier=38),
    "Postmortem: DNS outage": Role(days=75, archived=70, whole=False, shared=True),
    "Blue/green deploys for the shop": Role(days=12, foreign_child="shop"),
    "Tail calls in the bytecode VM": Role(days=20, forked=True),
    "Fuzz the parser": Role(days=97, archived=90),
    "Crash on rotate in the photo picker": Role(days=33, archived=21),
    "Draft: what I learned about SQLite": Role(days=6, shared=True),
    "Dead links since the move": Role(days=120, archived=110, whole=False),
    "Git aliases I never use": Role(days=181, archived=150),
}


class Casting:
    """Decides which sessions there are: projects, trees, ages, roles."""

    def __init__(self, work: PurePath, now_ms: int, seed: int) -> None:
        self.texts = Texts(f"texts/{seed}")
        self._seed = seed
        self._rng = Random(f"casting/{seed}")
        self.ids = Ids(Random(f"ids/{seed}"))
        self._work = work
        self._now = now_ms
        self._projects = {project.name: project for project in PROJECTS}

    def projects(self) -> Iterator[tuple[str, str, str | None, int]]:
        """(id, worktree, version control, created) of every project."""
        created = self._now - (OLDEST + 5) * DAY
        for project in PROJECTS:
            loose = project.name == LOOSE
            worktree = "/" if loose else str(self._work / project.name)
            yield _project_id(project), worktree, None if loose else "git", created

    def sessions(self) -> Iterator[Cast]:
        """Every session, subagents before the session that started them."""
        titles = [(project, title) for project in PROJECTS for title in project.titles]
        ages = [OLDEST * ((rank + 0.5) / len(titles)) ** 2.2 for rank in range(len(titles))]
        ranks = list(range(2, len(titles) + 1))
        self._rng.shuffle(ages)
        self._rng.shuffle(ranks)
        ranks.insert(0, 1)
        for (project, title), age, rank in zip(titles, ages, ranks, strict=True):
            role = ROLES.get(title, Role())
            children = round(LARGEST_TREE * rank**-ZIPF)
            root = self._root(project, title, age if role.days is None else role.days, children)
            self._play(root, role)
            yield from _children_first(root)
            if role.forked:
                yield self._fork(root)
        yield self._orphan()

    def _root(self, project: DemoProject, title: str, days: float, children: int) -> Cast:
        rng = self._rng
        last = self._now - int(days * DAY) - LAST_TURN
        count = 2 + min(12, children // 3) + rng.randrange(4)
        lasted = int(rng.uniform(0.03, 0.4) * count * DAY)
        turns = [last - lasted * left // count for left in range(count - 1, -1, -1)]
        root = replace(
            self._session(project, title, turns),
            steps=rng.randrange(2, 5),
            pictures=rng.random() < 0.2,
            marks=count > 3 and rng.random() < 0.7,
            compacted_after=count * 3 // 5 if count > 4 and rng.random() < 0.7 else None,
        )
        root.children = [[] for _ in turns]
        for number in range(children):
            turn = number * count // children
            begin = turns[turn] + (20 + 2 * len(root.children[turn])) * SECOND
            root.children[turn].append(self._subagent(root, project, begin))
        self._deepen(root, project)
        return root

    def _session(self, project: DemoProject, title: str, turns: list[int]) -> Cast:
        directory = str(self._work / project.name)
        age = (self._now - turns[0]) / DAY
        return Cast(
            id=self.ids.new("ses", turns[0]),
            title=title,
            project_id=_project_id(project),
            directory=directory,
            path=directory.lstrip("/") if project.name == LOOSE else "",
            suffix=project.suffix,
            turns=turns,
            text_seed=f"talk/{self._seed}/{title}/{self._rng.random()}",
            version=next(version for days, version in RELEASES if age >= days),
            model=self._rng.choice(MODELS),
            slug=slug(self._rng),
        )

    def _subagent(self, parent: Cast, project: DemoProject, begin: int) -> Cast:
        rng = self._rng
        agent, template = rng.choice(TASKS)
        asked = template.format(thing=rng.choice(THINGS))
        turns = [begin] if rng.random() < 0.85 else [begin, begin + 2 * MINUTE]
        child = self._session(project, f"{asked} (@{agent} subagent)", turns)
        child.parent, child.agent, child.version = parent.id, agent, parent.version
        child.steps = rng.randrange(1, 4)
        child.marks = rng.random() < 0.2
        return child

    def _deepen(self, root: Cast, project: DemoProject) -> None:
        """Some subagents start subagents of their own; in large trees one of those does too."""
        for number, child in enumerate(each for turn in root.children for each in turn):
            if number % 6 == 5:
                grandchild = self._subagent(child, project, child.turns[0] + 8 * SECOND)
                child.children = [[grandchild]]
                if number == 5:
                    deepest = self._subagent(grandchild, project, child.turns[0] + 15 * SECOND)
                    grandchild.children = [[deepest]]

    def _play(self, root: Cast, role: Role) -> None:
        children = [child for turn in root.children for child in turn]
        root.huge_diff, root.running = role.huge_diff, role.running
        if role.running:
            root.turns[-1] = self._now - 3 * MINUTE
            root.steps = 2
            for child in root.children[-1]:
                child.turns = [self._now - 170 * SECOND]
        if role.shared:
            root.share_url = f"https://share.example/{root.id[-8:]}"
        if role.archived:
            self._archive(root, children if role.whole else [], role)
        if role.late_child:
            children[0].resumed = self._now - int(role.late_child * DAY)
        if role.foreign_child:
            other = self._projects[role.foreign_child]
            children[-1].project_id = _project_id(other)
            children[-1].directory = str(self._work / other.name)

    def _archive(self, root: Cast, children: Sequence[Cast], role: Role) -> None:
        stamp = self._now - int(role.archived * DAY)
        root.archived = stamp
        for number, child in enumerate(children):
            for each in _children_first(child):
                each.archived = stamp
            if number == 0 and role.earlier:
                child.archived = self._now - int(role.earlier * DAY)

    def _fork(self, original: Cast) -> Cast:
        """A copy of the first half under a new id: no child of the original."""
        turns = [original.ended + turn * MINUTE for turn in range(len(original.turns) // 2)]
        fork = self._session(PROJECTS[0], f"{original.title} (fork #1)", turns)
        fork.project_id, fork.directory = original.project_id, original.directory
        fork.text_seed, fork.steps, fork.suffix = original.text_seed, 2, original.suffix
        return fork

    def _orphan(self) -> Cast:
        """A subagent whose parent was deleted: its parent_id leads nowhere."""
        begin = self._now - 55 * DAY
        gone = self._session(PROJECTS[1], "deleted", [begin])
        return self._subagent(gone, PROJECTS[1], begin)


def _project_id(project: DemoProject) -> str:
    """opencode takes the first commit's hash, and "global" where there is no repository."""
    return "global" if project.name == LOOSE else hashlib.sha1(project.name.encode()).hexdigest()


def _children_first(cast: Cast) -> Iterator[Cast]:
    for turn in cast.children:
        for child in turn:
            yield from _children_first(child)
    yield cast
