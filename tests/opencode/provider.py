"""A language model that does as it is told: OpenAI-compatible, streaming, loopback only.

A test writes the plan of a whole turn into its prompt (`directive`). The n-th model call after
that prompt gets the plan's n-th `Reply`; when the plan is used up the model says "Nothing left."
Requests without tools are opencode's own errands: titles and summaries.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal

PROVIDER_ID = "witness"
MODEL_ID = "parrot"
CONTEXT = 200_000
"""Tokens the model claims to hold; a reply that reports nearly as many makes opencode compact."""

SUMMARY = "Summary: the earlier work is done, carry on."
MARK = re.compile(r"<<plan ([A-Za-z0-9_=-]+)>>")

Errand = Literal["turn", "title", "summary"]


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call the model makes."""

    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the model: words, tool calls, and how long it takes over them."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    prompt_tokens: int | None = None
    """What the answer says the prompt cost; by default a quarter of its bytes."""
    pause: float = 0.0
    """Seconds between two words; `Provider.hurry` ends all pauses."""


def directive(*replies: Reply) -> str:
    """The plan as text to be put into a prompt."""
    plan = json.dumps([asdict(reply) for reply in replies]).encode()
    return f"<<plan {base64.urlsafe_b64encode(plan).decode()}>>"


def bash(kilobytes: int, word: str) -> Call:
    """A bash call that prints this many KB, every line holding `word`.

    Lines are 128 bytes long: opencode cuts an output at 2000 lines or 50 KB.
    """
    line = f"{word} ".ljust(127, "=")
    command = f"yes '{line}' | head -n {kilobytes * 8}"
    return Call("bash", {"command": command, "description": f"print {kilobytes} KB"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request opencode sent."""

    errand: Errand
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """The whole request as sent: what the model got to see."""
        return json.dumps(self.body, ensure_ascii=False)

    @property
    def tool_results(self) -> list[str]:
        """The results of tool calls in this request, in order."""
        messages = self.body.get("messages", [])
        return [_words(each.get("content")) for each in messages if each.get("role") == "tool"]


@dataclass
class Provider:
    """The running provider: `with Provider() as provider`."""

    requests: list[Request] = field(default_factory=list)
    hurry: threading.Event = field(default_factory=threading.Event)
    """Set it, and whatever is being said slowly is finished at once."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Provider:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.hurry.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    @property
    def url(self) -> str:
        """The base URL for opencode's configuration."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def turns_about(self, word: str) -> list[Request]:
        """The requests of ordinary turns that mention this word, oldest first."""
        with self._lock:
            seen = list(self.requests)
        return [each for each in seen if each.errand == "turn" and word in each.text]

    def answer(self, body: dict[str, Any]) -> Reply:
        """Note the request and decide what to say."""
        errand = _errand(body)
        with self._lock:
            self.requests.append(Request(errand, body))
        if errand == "title":
            return Reply("A conversation with a parrot")
        if errand == "summary":
            return Reply(SUMMARY)
        return _planned(body.get("messages", []))


def _errand(body: dict[str, Any]) -> Errand:
    if body.get("tools"):
        return "turn"
    orders = [m for m in body.get("messages", []) if m.get("role") == "system"]
    about_titles = any("title" in _words(each.get("content")).lower() for each in orders)
    return "title" if about_titles else "summary"


def _planned(messages: list[dict[str, Any]]) -> Reply:
    """The reply due after the newest user message: each answer since then used one up."""
    spoken = 0
    for message in reversed(messages):
        if message.get("role") == "assistant":
            spoken += 1
        if message.get("role") != "user":
            continue
        found = MARK.search(_words(message.get("content")))
        if found is None:
            return Reply("Understood.")
        plan = json.loads(base64.urlsafe_b64decode(found.group(1)))
        return _reply(plan[spoken]) if spoken < len(plan) else Reply("Nothing left.")
    return Reply("Understood.")


def _reply(plain: dict[str, Any]) -> Reply:
    calls = tuple(Call(each["tool"], each["arguments"]) for each in plain["calls"])
    return Reply(plain["text"], calls, plain["prompt_tokens"], plain["pause"])


def _words(content: object) -> str:
    """A message's text, whichever of the two shapes it has."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


def _chunks(provider: Provider, body: dict[str, Any], reply: Reply) -> Iterator[dict[str, Any]]:
    """The stream of one answer, word by word, as OpenAI's chat completions do it."""
    number = len(provider.requests)
    frame = {"id": f"answer-{number}", "object": "chat.completion.chunk", "model": MODEL_ID}

    def say(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield say({"role": "assistant", "content": ""})
    for word in re.findall(r"\S+\s*", reply.text):
        yield say({"content": word})
        if reply.pause:
            provider.hurry.wait(reply.pause)
    for index, call in enumerate(reply.calls):
        function = {"name": call.tool, "arguments": json.dumps(call.arguments)}
        name = f"call_{number}_{index}"
        tool = {"index": index, "id": name, "type": "function", "function": function}
        yield say({"tool_calls": [tool]})
    yield say({}, "tool_calls" if reply.calls else "stop")
    prompt = reply.prompt_tokens or len(json.dumps(body)) // 4
    usage = {"prompt_tokens": prompt, "completion_tokens": 20, "total_tokens": prompt + 20}
    yield {**frame, "choices": [], "usage": usage}


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One connection a request, closed at its end: the stream needs no length."""

        def log_message(self, format: str, *args: object) -> None:
            """The requests are kept in `Provider.requests`; nothing goes to the terminal."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            reply = provider.answer(body)
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            try:
                for chunk in _chunks(provider, body, reply):
                    self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
                    self.wfile.flush()
                self.wfile.write(b"data: [DONE]\n\n")
            except (BrokenPipeError, ConnectionResetError):
                return  # opencode aborts a turn by hanging up

    return Handler
