"""Named places where a test can stop, kill or delay this process; idle unless `DSB_FAILPOINTS` is set.

`DSB_FAILPOINTS="NAME[TAG]=ACTION@N?FILE!FILE;…"`: NAME may be a glob, TAG is a part of the tag. ACTION is
`kill`, `pause`, `sleep:MS` or `delay:LO:HI:SEED` (milliseconds, uniformly random). `@N`: only the Nth
hit. `?FILE`: only while FILE is there. `!FILE`: only once; FILE is made first, so that a restarted
process goes on. `^FILE`, in place of both: only when FILE is there, which is taken away first: a switch. A
`{name}` in FILE stands for the failpoint's name, so that one rule makes a switch of each.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import time
from fnmatch import fnmatchcase

from shared.errors import ConfigError

__all__ = ["ahit", "configure", "hit"]

_RULE = re.compile(
    r"(?P<name>[^\[=\s]+)(\[(?P<tag>.*)\])?=(?P<action>kill|pause|sleep:[\d.]+|delay:[\d.]+:[\d.]+:\d+)"
    r"(@(?P<nth>\d+))?(\^(?P<switch>.+)|(\?(?P<while>[^!]+))?(!(?P<file>.+))?)"
)


class _Rule:
    def __init__(self, text: str) -> None:
        found = _RULE.fullmatch(text.strip())
        if found is None:
            raise ConfigError(
                f"DSB_FAILPOINTS has {text!r}: write NAME[TAG]=kill|pause|sleep:MS|delay:LO:HI:SEED"
            )
        self._name, self._tag = found["name"], found["tag"] or ""
        action: list[str] = found["action"].split(":")
        self._action, numbers = action[0], action[1:]
        self._nth, self._file, self._hits = int(found["nth"] or 0), found["file"] or "", 0
        self._while, self._switch = found["while"] or "", found["switch"] or ""
        if self._action == "delay":
            self._low, self._high = float(numbers[0]), float(numbers[1])
            self._random = random.Random(int(numbers[2]))
        elif self._action == "sleep":
            self._low = self._high = float(numbers[0])
            self._random = random.Random(0)

    def due(self, name: str, tag: str) -> bool:
        """Whether this hit is the one; counts it."""
        if not fnmatchcase(name, self._name) or self._tag not in tag:
            return False
        if self._while and not os.path.exists(self._while):
            return False
        self._hits += 1
        if self._nth and self._hits != self._nth:
            return False
        if self._switch:
            return _taken(self._switch.replace("{name}", name))
        return not self._file or _made(self._file)

    def act(self) -> float:
        """Kill or pause; else the seconds to wait."""
        if self._action in ("kill", "pause"):
            os.kill(os.getpid(), signal.SIGKILL if self._action == "kill" else signal.SIGSTOP)
            if self._action == "kill":  # the first process of a container does not die of its own signal
                os._exit(128 + signal.SIGKILL)
            return 0.0
        return self._random.uniform(self._low, self._high) / 1000


def _made(file: str) -> bool:
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def _taken(file: str) -> bool:
    try:
        os.unlink(file)
    except FileNotFoundError:
        return False
    return True


_rules: list[_Rule] | None = None


def configure(text: str | None = None) -> None:
    """Set the rules; null reads `DSB_FAILPOINTS` again. Raises `ConfigError` that quotes a bad rule."""
    global _rules
    given = os.environ.get("DSB_FAILPOINTS", "") if text is None else text
    _rules = [_Rule(part) for part in given.split(";") if part.strip()]


def _wait_s(name: str, tag: str) -> float:
    if _rules is None:
        configure()
    # Every rule counts the hit, also those behind one that acts.
    return sum(rule.act() for rule in _rules or () if rule.due(name, tag))


def hit(name: str, tag: str = "") -> None:
    """A failpoint in code that may block."""
    if _rules != [] and (wait_s := _wait_s(name, tag)):
        time.sleep(wait_s)


async def ahit(name: str, tag: str = "") -> None:
    """A failpoint on the event loop."""
    if _rules != [] and (wait_s := _wait_s(name, tag)):
        await asyncio.sleep(wait_s)
