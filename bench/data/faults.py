"""What is wrong with a sample, as one line each: the file, a JSON pointer, what is wrong, and the remedy.

Loading stops at the first fault; `dsb data validate` lists all of them. Both check by the same functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bench.data.scan import Element
from bench.data.schema import SCHEMA, Sample
from bench.files import canonical
from shared.errors import DataError

__all__ = ["Checked", "Fault", "check_element", "head_faults", "one_line"]

_SHOWN = 60
"""Characters of a faulty value that a line shows."""


class Fault(NamedTuple):
    """One thing that is wrong."""

    file: str
    pointer: str
    """JSON pointer (RFC 6901) of the value; `/` for the file itself."""
    code: str
    text: str
    remedy: str
    level: Literal["error", "warning"] = "error"

    def line(self) -> str:
        """`file: pointer: what is wrong; the remedy`."""
        where = f" {one_line(self.pointer)}:" if self.pointer else ""
        return f"{self.file}:{where} {one_line(self.text)}; {self.remedy}"

    def error(self) -> DataError:
        """The same as an exception."""
        return DataError(self.line())


class Checked(NamedTuple):
    """An element of a data set: the sample, or what keeps it from being one."""

    sample: Sample | None
    faults: tuple[Fault, ...] = ()


def one_line(text: str) -> str:
    """Without line breaks and control characters, and printable whatever it holds."""
    shown = " ".join(text.split()).encode("utf-8", "backslashreplace").decode()
    return "".join(char if char.isprintable() else "\ufffd" for char in shown)


def check_element(element: Element, *, file: Path, pointer: str) -> Checked:
    """The sample of an element, or every fault that the schema finds in it."""
    name = str(file)
    faults = [Fault(name, pointer, "json", text, "mend the value") for text in element.faults]
    try:
        sample = Sample.model_validate(element.value)
    except ValidationError as error:
        details = error.errors(include_url=False)
        faults += [_of(detail, name, pointer) for detail in details if not _echo(detail)]
        return Checked(None, tuple(faults))
    except RecursionError:
        faults.append(Fault(name, pointer, "json", "nested too deeply", "mend the value"))
    if element.halves and not faults and _half_in_text(sample):
        text = "holds half of a surrogate pair, which is no text"
        faults.append(Fault(name, pointer, "json", text, "mend the text (only source.native may hold one)"))
    return Checked(None, tuple(faults)) if faults else Checked(sample)


def head_faults(head: dict[str, Any], *, found: bool, file: Path) -> Iterator[Fault]:
    """What is wrong beside the samples: no list, or another version of the schema."""
    if not found:
        remedy = "make the set with `dsb data synth`"
        yield Fault(str(file), "/samples", "samples", "expected a list of samples", remedy)
    if head.get("schema", SCHEMA) != SCHEMA:
        text = f"is {str(head['schema'])[:_SHOWN]!r}, this version reads {SCHEMA!r}"
        yield Fault(str(file), "/schema", "schema", text, "convert it again")
    for key in ("name", "errata", "root"):
        if not isinstance(head.get(key, ""), str):
            text = f"is {str(head[key])[:_SHOWN]!r}, not text"
            yield Fault(str(file), f"/{key}", "type", text, "mend the value")


def _of(detail: ErrorDetails, file: str, pointer: str) -> Fault:
    kind, text = detail["type"], detail["msg"].removeprefix("Value error, ")
    shown = "" if kind == "missing" else f" (is {_shown(detail.get('input'))})"
    where = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in detail["loc"])
    return Fault(file, pointer + where, kind, text + shown, _remedy(kind))


def _echo(detail: ErrorDetails) -> bool:
    """A list that is too short only since what it holds is faulty, which is told by itself."""
    return detail["type"] == "too_short" and bool(detail["input"])


def _shown(value: Any) -> str:
    try:
        text = str(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, or a deep list
        text = f"a great {type(value).__name__}"
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def _remedy(kind: str) -> str:
    if kind == "extra_forbidden":
        return f"remove the key: {SCHEMA} has no such field"
    return "add the field" if kind == "missing" else "mend the value"


def _half_in_text(sample: Sample) -> bool:
    bare = sample.model_copy(update={"source": sample.source.model_copy(update={"native": None})})
    try:
        canonical(bare.model_dump(mode="json")).encode()
    except UnicodeEncodeError:
        return True
    return False
