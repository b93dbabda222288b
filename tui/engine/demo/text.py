"""What is said in the demo database: prompts, remarks, output. Invented.

Text is cut from pools that are written once, because a demo of 100 MB must be made in seconds.
"""

from __future__ import annotations

import base64
import struct
import zlib
from random import Random

TASKS = (
    ("explore", "Find where {thing} is configured"),
    ("explore", "Read the history of {thing}"),
    ("explore", "List the callers of {thing}"),
    ("explore", "Compare {thing} with its documentation"),
    ("general", "Bisect the failing commit in {thing}"),
    ("general", "Write tests for {thing}"),
    ("general", "Measure {thing} before and after"),
    ("general", "Port {thing} to the new interface"),
    ("general", "Read CI logs about {thing}"),
    ("general", "Review the change to {thing}"),
)
"""Subagent and what it is asked to do."""

THINGS = (
    "the checkout flow",
    "session cookies",
    "the retry queue",
    "database migrations",
    "the image cache",
    "feature flags",
    "the date parser",
    "the lock file",
    "error boundaries",
    "the scheduler",
    "connection pooling",
    "input validation",
    "the build matrix",
    "the audit trail",
    "currency rounding",
    "the search index",
)

PROMPTS = (
    "Please look at {thing} first and tell me what you find.",
    "That is better. Now do the same for {thing}.",
    "The test for {thing} still fails on my machine, output is in the screenshot.",
    "Go on with {thing}, but keep the public interface as it is.",
    "Can we make {thing} faster without a new dependency?",
    "Explain how {thing} works before you change anything.",
    "Undo the last change to {thing}; I want a smaller one.",
    "Good. Clean up {thing} and run everything once more.",
)

REMARKS = (
    "I will read the code around {thing} before I change it.",
    "The cause is in {thing}: the value is computed twice and only one copy is updated.",
    "{thing} behaves as documented, so the difference must come from the caller.",
    "All tests pass now. I left {thing} alone, because three other modules depend on it.",
    "There are two ways to do this. The smaller one touches only {thing}.",
    "I measured it: {thing} takes 71 % of the time, most of it in one loop.",
    "Next I will write a failing test for {thing} and then fix it.",
)

COMMANDS = (
    "npm test -- --reporter verbose",
    "cargo test --workspace",
    "git log --stat -n 40",
    "rg -n 'TODO|FIXME' src",
    "terraform plan -no-color",
    "pytest -q tests",
    "docker compose logs --tail 500 web",
    "./gradlew assembleDebug --info",
)

SLUGS = (
    ("brave", "calm", "clever", "cosmic", "eager", "gentle", "misty", "quiet", "silent", "sunny"),
    ("cabin", "comet", "falcon", "garden", "island", "meadow", "otter", "river", "star", "wolf"),
)

MODELS = (
    ("anthropic", "claude-sonnet-4-5"),
    ("anthropic", "claude-opus-4-5"),
    ("openai", "gpt-5.1-codex"),
)

POOL = 400_000
"""Characters of a pool: larger than the longest output, so that cuts differ."""


class Texts:
    """Cuts prose, program output, code and pictures; the same for the same random source."""

    def __init__(self, seed: str) -> None:
        rng = Random(seed)
        self._log = _pool(_log_line, rng)
        self._code = _pool(_code_line, rng)

    def log(self, rng: Random, size: int) -> str:
        """About `size` characters of program output, from the start of a line."""
        return _cut(self._log, rng, size)

    def code(self, rng: Random, size: int) -> str:
        """About `size` characters of source code, from the start of a line."""
        return _cut(self._code, rng, size)

    def patch(self, rng: Random, file: str, size: int) -> str:
        """A unified diff that adds about `size` characters to a file."""
        lines: list[str] = []
        while size > 0:
            lines += self.code(rng, min(size, POOL // 2)).split("\n")
            size -= POOL // 2
        head = (
            f"Index: {file}\n{'=' * 67}\n--- {file}\t\n+++ {file}\t\n@@ -0,0 +1,{len(lines)} @@\n"
        )
        return head + "\n".join("+" + line for line in lines)

    def prose(self, rng: Random, sentences: int) -> str:
        """A few remarks of the assistant."""
        return " ".join(filled(rng, REMARKS) for _ in range(sentences))


def filled(rng: Random, templates: tuple[str, ...]) -> str:
    """One of the templates, about one of the things."""
    text = rng.choice(templates).format(thing=rng.choice(THINGS))
    return text[0].upper() + text[1:]


def slug(rng: Random) -> str:
    """Two words, as opencode names a session's address."""
    return "-".join(rng.choice(words) for words in SLUGS)


def picture(rng: Random, side: int) -> str:
    """A data URL of a square PNG of grey noise, `side` pixels wide (about 1.3 × side² octets)."""
    noise = b"".join(b"\0" + rng.randbytes(side) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(noise, 0)), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _pool(line: object, rng: Random) -> str:
    assert callable(line)
    lines: list[str] = []
    size = 0
    while size < POOL:
        lines.append(line(rng, len(lines)))
        size += len(lines[-1]) + 1
    return "\n".join(lines)


def _cut(pool: str, rng: Random, size: int) -> str:
    begin = pool.find("\n", rng.randrange(max(1, len(pool) - size - 200))) + 1
    return pool[begin : begin + size]


def _log_line(rng: Random, number: int) -> str:
    thing = rng.choice(THINGS).removeprefix("the ").replace(" ", "-")
    took = rng.randrange(1, 900)
    return rng.choice(
        (
            f"  ✓ {thing} keeps its order after a restart ({took} ms)",
            f"[{number:06d}] INFO  {thing}: {took} entries read, {took // 7} skipped",
            f"src/{thing}/index.ts:{took}:{took % 80}  warning  unused value '{thing}'",
            f"   Compiling {thing} v0.{took % 30}.{took % 9}",
            f"{rng.getrandbits(28):07x} tidy {thing} ({took % 40 + 1} files changed)",
            f"  ✗ {thing} rejects an empty list: expected {took}, received {took + 1}",
        )
    )


def _code_line(rng: Random, number: int) -> str:
    name = rng.choice(THINGS).rpartition(" ")[2]
    depth = "  " * rng.randrange(4)
    return depth + rng.choice(
        (
            f"const {name}{number % 97} = await load('{name}', {{ limit: {number % 500} }});",
            f"if ({name}.length === {number % 13}) return previous;",
            f"for (const each of {name}.entries()) total += each.weight;",
            f"// {name}: keep in step with the server",
            "}",
            f"export function {name}{number % 89}(input: Input): Output {{",
        )
    )
