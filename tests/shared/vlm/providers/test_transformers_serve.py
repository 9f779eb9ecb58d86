"""`openai` against a real server that others wrote: `transformers serve`, with a tiny model of random weights."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tiny_llava
import transformers as hf

from shared.messages import Form, Option, Question
from shared.perception import encode_frames, respond
from shared.video import Frame
from shared.vlm import ModelSpec, PromptParts, Vlm, load_vlm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

QUESTION = Question(
    opening="r_0_0",
    key="k",
    sample="s",
    t_ask=9.0,
    text="What colour?",
    form=Form.MCQ,
    options=(Option(key="A", text="red"), Option(key="B", text="blue")),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with a processor, which the server needs."""
    path = tiny_llava.save(tmp_path_factory.mktemp("served") / "model")
    tokenizer = hf.AutoTokenizer.from_pretrained(path)
    hf.LlavaProcessor(
        hf.AutoImageProcessor.from_pretrained(path, backend="pil"),
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=tokenizer.chat_template,
    ).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def url(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's address, once it answers."""
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder)]
    place = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    log = tmp_path_factory.mktemp("log") / "serve.log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [*serve, *place], stdout=out, stderr=out, env={**os.environ, "HF_HUB_OFFLINE": "1"}
        )
        try:
            _wait(server, f"http://127.0.0.1:{port}/health", log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()
            server.wait(30)


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    for _ in range(2400):
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.fixture
def served(folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Vlm]:
    """The model behind the server; a server of one's own needs no key."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def made(**more: object) -> Vlm:
        told = {"backend": "openai", "path": str(folder), "base_url": url, "max_retries": 0}
        return load_vlm(ModelSpec.model_validate({**told, **more}))

    return made


def test_a_served_model_writes_what_it_writes_here(
    served: Callable[..., Vlm], folder: Path, frames: list[Frame]
) -> None:
    said = []
    for model in (load_vlm(ModelSpec(path=str(folder))), served()):
        parts = PromptParts(units=encode_frames(model, frames), question="What is there?")
        said.append(model.generate(parts, max_new_tokens=12))
    here, there = said
    assert (here.text, here.prompt_tokens, here.output_tokens) == (
        there.text,
        there.prompt_tokens,
        there.output_tokens,
    )
    assert there.spent.stop == "length"


def test_a_served_model_answers_a_choice_in_writing(served: Callable[..., Vlm], frames: list[Frame]) -> None:
    model = served(max_tokens=4)
    draft = respond(model, encode_frames(model, frames), QUESTION)
    assert draft.raw
    assert draft.choice is None
    assert draft.usage.output_tokens == 4
    assert len(draft.frames_ts) == len(frames)


def test_probabilities_that_a_server_does_not_tell_leave_no_confidence(
    served: Callable[..., Vlm], frames: list[Frame]
) -> None:
    model = served(max_tokens=4, logprobs=True)
    draft = respond(model, encode_frames(model, frames), QUESTION)
    assert (draft.confidence, draft.probs) == (None, {})
