"""Pages of the documentation: their blocks of commands, what they need, and what is said of blocks that are not run."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHELLS = ("sh", "console", "powershell", "bash", "shell", "shell-session", "zsh", "bat", "cmd", "pwsh")
"""Languages of commands."""
RUNNABLE = ("sh", "console")
COMMANDS = ("cxr-trainer", "cxr-export", "cxr-desktop")
_FENCE = re.compile(
    r"(?:<!-- not run:(?P<reason>[^\n]*?)-->[ \t]*\n\s*)?"
    r"^(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w+-]*)[^\n]*\n"
    r"(?P<text>.*?)^(?P=indent)(?P=fence)[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
_SETUP = re.compile(r"<!-- setup:([^\n]*?)-->")
_HERE_DOCUMENT = re.compile(r"<<-?\s*(['\"]?)(\w+)\1([^\n]*)\n.*?^\s*\2$", re.MULTILINE | re.DOTALL)
_BETWEEN = frozenset("|&;()<>")
_BEFORE = ("time", "if", "then", "do", "while", "!", "else", "exec", "env", "sudo", "&")


@dataclass(frozen=True)
class Block:
    """A fenced block; `reason` is None where nothing says that it is not run."""

    page: Path
    line: int
    language: str
    text: str
    reason: str | None

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def runs(self) -> bool:
        return self.language in RUNNABLE and self.reason is None

    @property
    def script(self) -> str:
        """What a shell is given: of a console session the lines after ``$``, and those that go on with them."""
        if self.language != "console":
            return self.text
        kept, going_on = [], False
        for line in self.text.splitlines():
            if line.startswith("$ ") or going_on:
                kept.append(line.removeprefix("$ ").removeprefix("> "))
                going_on = line.endswith("\\")
        return "\n".join(kept) + "\n"


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    @property
    def setup(self) -> tuple[str, ...]:
        """Names of what is put into its folder before it runs."""
        return tuple(name for found in _SETUP.findall(self.text) for name in found.split())

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(self._found())

    def _found(self) -> Iterator[Block]:
        for found in _FENCE.finditer(self.text):
            line = self.text.count("\n", 0, found.start("fence")) + 1
            reason = found["reason"]
            text = textwrap.dedent(found["text"])
            yield Block(self.path, line, found["language"], text, reason.strip() if reason is not None else None)

    @property
    def command_blocks(self) -> tuple[Block, ...]:
        return tuple(block for block in self.blocks if block.language in SHELLS)

    @property
    def inline_commands(self) -> tuple[tuple[str, ...], ...]:
        """Commands of this product within the text."""
        prose = _FENCE.sub("", self.text)
        spans = re.findall(r"(?<!`)`((?:cxr-trainer|cxr-export|cxr-desktop)\s[^`]+)`(?!`)", prose)
        return tuple(each for span in spans for each in commands(" ".join(span.split())))


def pages() -> tuple[Page, ...]:
    """README and every page of ``docs``."""
    return tuple(Page(path) for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))))


def commands(script: str) -> Iterator[tuple[str, ...]]:
    """Command lines of this product in a shell script, as words: the command's name and its arguments."""
    joined = re.sub(r"[\\`]\n", " ", _HERE_DOCUMENT.sub(r"\3", script))
    for line in joined.splitlines():
        yield from _of_line(line)


def _of_line(line: str) -> Iterator[tuple[str, ...]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="".join(_BETWEEN))
    lexer.whitespace_split = True
    words: list[str] = []
    for token in (*lexer, ";"):
        if not _BETWEEN.issuperset(token):
            words.append(token)
            continue
        if token[0] in "<>" and words and words[-1].isdigit():
            words.pop()  # the number of a file descriptor
        yield from _named(words)
        words = []


def _named(words: list[str]) -> Iterator[tuple[str, ...]]:
    while words and (words[0] in _BEFORE or re.match(r"\w+=", words[0])):
        words = words[1:]
    if words and (name := re.split(r"[/\\]", words[0])[-1].removesuffix(".exe")) in COMMANDS:
        yield (name, *words[1:])
