"""What the documents say is what the code does: subjects, messages, commands, make targets, files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from bench.cli.app import app
from bench.data.dataset import load_dataset
from bench.run.config import load_config
from shared import messages, subjects

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")])
OPENING = "<opening>"
SHELL = {"", "sh", "bash", "console"}


def table(page: str, heading: str) -> list[list[str]]:
    """The cells of every table row below a heading."""
    text = (ROOT / page).read_text().split(f"## {heading}", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def in_code() -> set[str]:
    """Every subject that the code makes, with the names of its tokens."""
    by_hand = {
        subjects.S1_PLACE,
        subjects.MEM_UPSERT,
        subjects.MEM_SEARCH,
        subjects.MEM_LIST,
        subjects.MEM_FORGET,
        subjects.reader_ctl("open"),
    }
    made = {
        subjects.frames("O", live=True),
        subjects.frames("O", live=False),
        subjects.event("O", "<kind>"),
        subjects.ask("O"),
        subjects.s1("O"),
        subjects.s2_job("O"),
        subjects.answer("O", "<key>", "<path>", "<n>"),
        subjects.grant("O"),
        subjects.credit("O"),
        subjects.dlq("<service>"),
    }
    return by_hand | {subject.replace(".O", f".{OPENING}") for subject in made}


def test_the_map_of_subjects_is_the_one_in_the_code() -> None:
    named = {
        row[0].strip("`") for row in table("docs/protocol.md", "Subjects") if row[0].startswith("`dsb.v1")
    }
    assert named == in_code()


def test_every_message_on_the_page_is_a_message_of_the_contract() -> None:
    for row in table("docs/protocol.md", "Subjects"):
        for name in re.findall(r"`([A-Z][A-Za-z0-9]+)`", row[2]) if row[0].startswith("`dsb.v1") else ():
            assert issubclass(getattr(messages, name), messages.Message)


def test_every_stream_and_bucket_of_the_code_is_on_the_page() -> None:
    page = (ROOT / "docs/protocol.md").read_text()
    names = [value for name, value in vars(subjects).items() if name.isupper() and isinstance(value, str)]
    for name in names:
        if not name.startswith("dsb.v1."):
            assert f"`{name}`" in page


def test_every_kind_of_event_is_on_the_page() -> None:
    page = (ROOT / "docs/protocol.md").read_text()
    assert [kind for kind in messages.EventKind if f"`{kind}`" not in page] == []


def test_the_picture_names_the_services_there_are() -> None:
    for page in ("README.md", "docs/architecture.md"):
        picture = re.search(r"```\n( +ask ─.*?)```", (ROOT / page).read_text(), re.S)
        assert picture, page
        for name in (*(file.parent.name for file in ROOT.glob("services/*/service.py")), "bench"):
            assert re.search(rf"\b{name}\b", picture[1]), f"{page}: {name}"


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every line of a code block, and every inline `dsb …`, `make …` and `docker compose …`."""
    for page in PAGES:
        text = page.read_text()
        blocks = re.findall(r"```(\w*)\n(.*?)```", text, re.S)
        lines = [line for kind, block in blocks if kind in SHELL for line in block.splitlines()]
        lines += re.findall(r"`((?:dsb|make|docker compose) [^`\n]+)`", text)
        for line in lines:
            if not re.match(r"(\$ )?([A-Z_]+=\S+ )*(dsb|make|docker) ", line.strip()):
                continue
            words = shlex.split(line.strip().removeprefix("$ "), comments=True)
            while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
                words = words[1:]
            if words and words[0] in {"dsb", "make", "docker"}:
                yield page.name, words


COMMANDS = list(commands())


def ids(words: str) -> list[Any]:
    return [pytest.param(args, id=f"{page}: {' '.join(args)}") for page, args in COMMANDS if args[0] == words]


@pytest.mark.parametrize("words", ids("dsb"))
def test_a_dsb_command_in_the_documents_parses(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    rest = words[1:]
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        if rest[0] not in command.commands and (default := getattr(command, "default", "")):
            rest = [default, *rest]
        assert rest[0] in command.commands, f"dsb has no command {rest[0]!r}"
        command, rest = command.commands[rest[0]], rest[1:]
    # Options must exist; words in capitals stand for the reader's own values, so values aren't checked.
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"--help"}
    options = [word for word in rest if word.startswith("-") and word != "-"]  # that is standard input
    assert [word for word in options if word.split("=")[0] not in known] == []
    takes = any(param.param_type_name == "argument" for param in command.params)
    assert takes or not [word for word in rest[:1] if not word.startswith("-")]


@pytest.mark.parametrize("words", ids("make"))
def test_a_make_target_in_the_documents_exists(words: list[str]) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.M))
    assert {word for word in words[1:] if "=" not in word} <= targets


@pytest.mark.parametrize("words", ids("docker"))
def test_a_compose_command_in_the_documents_names_services_there_are(words: list[str]) -> None:
    services = set(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"])
    assert words[1] == "compose"
    for position, word in enumerate(words):
        if word == "--scale":
            assert words[position + 1].split("=")[0] in services
        if word == "run":
            named = [one for one in words[position + 1 :] if not one.startswith("-")]
            assert named[0] in services


def test_every_file_that_a_document_names_exists() -> None:
    for page in PAGES:
        text = page.read_text()
        for name in re.findall(r"`((?:bench|configs|deploy|docs|services|shared|tests)/[\w./-]+)`", text):
            assert (ROOT / name).exists(), f"{page.name}: {name}"
        for target in re.findall(r"\]\((?!https?://|#)([^)]+)\)", text):
            assert (page.parent / target.split("#")[0]).exists(), f"{page.name}: {target}"


def test_every_variable_in_the_table_of_operations_is_used() -> None:
    used = (ROOT / "docker-compose.yml").read_text()
    for row in table("docs/operations.md", "Compose"):
        for name in re.findall(r"`([A-Z_0-9]+)`", row[0]):
            assert f"${{{name}" in used, name


def test_the_smallest_data_set_in_the_documents_loads_and_its_gold_moves_with_time(tmp_path: Path) -> None:
    block = re.search(r"```json\n(.*?)```", (ROOT / "docs/benchmark.md").read_text(), re.S)
    assert block
    (tmp_path / "all.json").write_text(block[1])
    [sample] = load_dataset(tmp_path).samples
    gold = sample.turns[0].answer.gold_at
    assert [getattr(gold(t), "value", None) for t in (5, 12.5, 20)] == [None, "A", "B"]


def test_the_configuration_of_the_first_own_run_comes_out_of_the_shipped_one(tmp_path: Path) -> None:
    edit = re.search(r"^sed 's#(.*?)#(.*?)#' (\S+) >", (ROOT / "README.md").read_text(), re.M)
    assert edit
    shipped = (ROOT / edit[3]).read_text()
    assert shipped.count(edit[1]) == 1
    (tmp_path / "mine.yaml").write_text(shipped.replace(edit[1], edit[2]))
    assert load_config(tmp_path / "mine.yaml").dataset.path == "data/mine"
