"""Tells one invented session from its first question to its last change."""

from __future__ import annotations

from random import Random

from tui.engine.demo import tools
from tui.engine.demo.rows import NO_TOKENS, Cast, Ids, Json, Rows
from tui.engine.demo.text import PROMPTS, Texts, filled, picture
from tui.engine.demo.tools import Tool, output_size

MARKED = 2 / 3
"""Share of the output that opencode's prune marks in sessions where it ran: the older part."""


class Talk:
    """Writes one session into `rows`; a subagent must have been told before its parent."""

    def __init__(self, cast: Cast, texts: Texts, ids: Ids) -> None:
        self.cast = cast
        self.rows = Rows(cast, ids)
        self._texts = texts
        self._rng = Random(cast.text_seed)
        self._calls = 0

    def tell(self) -> Rows:
        """The whole session; sets the cast's `ended`."""
        for number, begin in enumerate(self.cast.turns):
            self.rows.clock = max(self.rows.clock + 2_000, begin)
            self._turn(number)
            if number == self.cast.compacted_after:
                self._compact()
        if self.cast.marks:
            self._mark_compacted()
        self.rows.save_session()
        self.cast.ended = self.rows.clock
        if self.cast.resumed:
            self.rows.clock = self.cast.resumed
            self._turn(len(self.cast.turns))
        return self.rows

    def _turn(self, number: int) -> None:
        question = self._question(number)
        changed: list[str] = []
        subagents = self.cast.children[number] if number < len(self.cast.children) else []
        launches = [tools.task(self._texts, self._rng, child) for child in subagents]
        for step in range(self.cast.steps):
            chosen = [self._choose() for _ in range(self._rng.choice((1, 1, 1, 2, 3)))]
            chosen += launches[step :: self.cast.steps]
            changed += [tool.file for tool in chosen if tool.file]
            self._step(question, chosen)
        if self.cast.running and number == len(self.cast.turns) - 1:
            self._leave_unfinished(question)
            return
        answer = self._open_answer(question)
        self._say(answer, "text", self._rng.randrange(2, 9))
        self._close_answer(answer, "stop")
        self._summarise(question, number, changed)

    def _question(self, number: int) -> str:
        question = self._ask()
        self.rows.add_part(question, {"type": "text", "text": filled(self._rng, PROMPTS)})
        if self.cast.pictures and number % 3 == 0:
            url = picture(self._rng, self._rng.randrange(90, 220))
            file = {"type": "file", "mime": "image/png", "filename": "screenshot.png", "url": url}
            self.rows.add_part(question, file)
        self.rows.save_session()
        return question

    def _ask(self) -> str:
        provider, model = self.cast.model
        return self.rows.add_message(
            {
                "role": "user",
                "time": {"created": self.rows.clock + 2},
                "agent": self.cast.agent,
                "model": {"providerID": provider, "modelID": model},
            }
        )

    def _step(self, question: str, chosen: list[Tool]) -> None:
        answer = self._open_answer(question)
        if self._rng.random() < 0.4:
            self._say(answer, "reasoning", 2)
        if self._rng.random() < 0.5:
            self._say(answer, "text", 1)
        for tool in chosen:
            self._use(answer, tool)
        files = [tool.file for tool in chosen if tool.file]
        if files:
            self.rows.add_part(answer, {"type": "patch", "hash": self._hash(), "files": files})
        self._close_answer(answer, "tool-calls")

    def _choose(self) -> Tool:
        """A tool as they are used in life: mostly commands and reading."""
        rng, texts, size = self._rng, self._texts, output_size(self._rng)
        place = f"src/{rng.choice(('core', 'pages', 'store', 'lib'))}/{rng.choice('abcdefgh')}"
        path = f"{self.cast.directory}/{place}.{self.cast.suffix}"
        dice = rng.random()
        if self.cast.pictures and dice < 0.05:
            return tools.look(f"{self.cast.directory}/shot.png", picture(rng, 150))
        if dice < 0.46:
            return tools.bash(rng, texts, size)
        if dice < 0.70:
            return tools.read(rng, texts, path, size)
        if dice < 0.82:
            return tools.edit(rng, texts, path, size // 6)
        if dice < 0.88:
            return tools.write(rng, texts, path, size // 2)
        if dice < 0.93:
            return tools.grep(rng, texts, size // 3)
        if dice < 0.95:
            return tools.skill(rng, texts)
        todo = tools.todowrite(rng)
        self.rows.todos = todo.input["todos"]
        return todo

    def _use(self, answer: str, tool: Tool) -> None:
        """Named, started, watched, finished: each change of the part is an event."""
        call = self._call()
        part = self.rows.add_part(answer, tools.pending(tool, call))
        start = self.rows.clock
        for seen in tool.progress or (None,):
            self.rows.change_part(part, tools.running(tool, call, start, seen))
        end = max(tool.ends, self.rows.clock + int(tool.seconds * 1_000))
        self.rows.clock = end
        attachments = [self.rows.attachment(answer, tool.picture)] if tool.picture else []
        self.rows.change_part(part, tools.finished(tool, call, start, end, attachments))

    def _leave_unfinished(self, question: str) -> None:
        """An answer at work: a command that runs, a message without an end."""
        answer = self._open_answer(question)
        self._say(answer, "text", 1)
        tool = tools.bash(self._rng, self._texts, 6_000)
        state = tools.running(tool, self._call(), self.rows.clock, tool.progress[1])
        self.rows.add_part(answer, state)
        self.rows.save_session()

    def _summarise(self, question: str, number: int, changed: list[str]) -> None:
        """What this turn changed, as opencode keeps it on the question."""
        diffs = [self._diff(file, 900) for file in dict.fromkeys(changed)]
        if self.cast.huge_diff and number == 0:
            diffs.append(self._diff("package-lock.json", self.cast.huge_diff))
        for _ in range(2):  # opencode writes it when the files change and again at the end
            self.rows.change_message(question, summary={"diffs": diffs})
        before = self.rows.summary or {"additions": 0, "deletions": 0, "files": 0}
        self.rows.summary = {
            "additions": before["additions"] + sum(diff["additions"] for diff in diffs),
            "deletions": before["deletions"],
            "files": before["files"] + len(diffs),
        }
        self.rows.save_session()

    def _diff(self, file: str, size: int) -> Json:
        patch = self._texts.patch(self._rng, file, size)
        added = patch.count("\n+") - 1
        return {"file": file, "patch": patch, "additions": added, "deletions": 0} | {
            "status": "modified"
        }

    def _compact(self) -> None:
        """A finished compaction: its boundary is what `reclaim summarised` looks for."""
        tail = [id for id, row in self.rows.messages.items() if row[2]["role"] == "user"][-1]
        request = self._ask()
        boundary: Json = {"type": "compaction", "auto": self._rng.random() < 0.7}
        if self._rng.random() < 0.6:
            boundary["tail_start_id"] = tail
        self.rows.add_part(request, boundary)
        answer = self._open_answer(request, mode="compaction")
        self._say(answer, "text", 14)
        self._close_answer(answer, "stop")

    def _mark_compacted(self) -> None:
        """opencode's prune marks old output and removes nothing; skills are left alone."""
        completed = [
            (id, part)
            for id, (_, _, _, part) in self.rows.parts.items()
            if part["type"] == "tool" and part["state"]["status"] == "completed"
        ]
        marked = self.rows.clock + 900
        for id, part in completed[: int(len(completed) * MARKED)]:
            if part["tool"] != "skill":
                time = part["state"]["time"] | {"compacted": marked}
                self.rows.change_part(id, part | {"state": part["state"] | {"time": time}})

    def _open_answer(self, question: str, mode: str = "") -> str:
        self.rows.clock += self._rng.randrange(200, 1_500)
        provider, model = self.cast.model
        mode = mode or self.cast.agent
        answer = self.rows.add_message(
            {
                "role": "assistant",
                "parentID": question,
                "mode": mode,
                "agent": mode,
                **({"summary": True} if mode == "compaction" else {}),
                "path": {"cwd": self.cast.directory, "root": self.cast.directory},
                "cost": 0,
                "tokens": NO_TOKENS,
                "modelID": model,
                "providerID": provider,
                "time": {"created": self.rows.clock + 2},
            }
        )
        self.rows.add_part(answer, {"type": "step-start", "snapshot": self._hash()})
        return answer

    def _close_answer(self, answer: str, finish: str) -> None:
        rng, rows = self._rng, self.rows
        cached, fresh = rng.randrange(4_000, 120_000), rng.randrange(300, 9_000)
        spoken = rng.randrange(40, 1_800)
        cost = round(cached * 3e-7 + fresh * 3e-6 + spoken * 1.5e-5, 7)
        tokens: Json = {"total": cached + fresh + spoken, "input": fresh, "output": spoken}
        tokens |= {"reasoning": 0, "cache": {"write": 0, "read": cached}}
        step: Json = {"type": "step-finish", "reason": finish, "snapshot": self._hash()}
        rows.add_part(answer, step | {"cost": cost, "tokens": tokens})
        rows.change_message(answer, cost=cost, tokens=tokens, finish=finish)
        time = rows.messages[answer][2]["time"] | {"completed": rows.clock + 2}
        rows.change_message(answer, time=time)
        rows.cost += cost
        rows.tokens = {
            "input": rows.tokens["input"] + fresh,
            "output": rows.tokens["output"] + spoken,
            "reasoning": 0,
            "cache": {"read": rows.tokens["cache"]["read"] + cached, "write": 0},
        }
        rows.save_session()

    def _say(self, answer: str, kind: str, sentences: int) -> None:
        rows = self.rows
        begin = rows.clock + 1
        part = rows.add_part(answer, {"type": kind, "text": "", "time": {"start": begin}})
        rows.clock += self._rng.randrange(300, 2_500)
        text = self._texts.prose(self._rng, sentences)
        time = {"start": begin, "end": rows.clock + 1}
        rows.change_part(part, {"type": kind, "text": text, "time": time})

    def _call(self) -> str:
        self._calls += 1
        return f"call_{self._calls:04d}"

    def _hash(self) -> str:
        return f"{self._rng.getrandbits(160):040x}"
