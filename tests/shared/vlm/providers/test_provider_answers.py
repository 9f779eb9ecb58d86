"""How a provider is told to answer: JSON of a schema, a budget of thought, stop texts; and how what it says is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from provider_server import ProviderServer

from shared.errors import ModelError
from shared.messages import Draft, Form, Option, Question, Standing
from shared.perception import encode_frames, respond
from shared.perception.saying import EVIDENCE_DROPPED, STRUCTURED_INVALID
from shared.video import Frame
from shared.vlm import ModelSpec, PromptParts
from shared.vlm.providers.anthropic_messages import AnthropicMessages
from shared.vlm.providers.vlm import ProviderVlm
from shared.vlm.structured import schema

Make = Callable[..., ProviderVlm]
OPTIONS = (Option(key="A", text="red"), Option(key="B", text="blue"))
REPLY = {"answer": "B", "confidence": 0.7, "evidence_times": [0.5], "rationale": "It is blue."}


def asked(model: ProviderVlm, frames: list[Frame], form: Form = Form.MCQ) -> Draft:
    options = OPTIONS if form is Form.MCQ else ()
    question = Question(
        opening="r_0_0", key="k", sample="s", t_ask=1.0, text="What colour?", form=form, options=options
    )
    return respond(model, encode_frames(model, frames), question)


def settings_of(server: ProviderServer) -> dict[str, Any]:
    body = server.seen[-1].body
    held: dict[str, Any] = body["generationConfig"] if server.provider == "google" else body
    return held


def schema_sent(server: ProviderServer) -> dict[str, Any]:
    held = settings_of(server)
    sent: dict[str, Any] = {
        "openai": lambda: held["response_format"]["json_schema"]["schema"],
        "anthropic": lambda: held["output_config"]["format"]["schema"],
        "google": lambda: held["responseJsonSchema"],
    }[server.provider]()
    return sent


def test_json_is_asked_for_by_schema_and_read(
    make: Make, server: ProviderServer, frames: list[Frame]
) -> None:
    server.says = lambda texts: json.dumps(REPLY)
    draft = asked(make(structured=True, logprobs=True), frames)
    assert schema_sent(server) == schema(("A", "B"))
    assert "Reply with JSON alone" in str(server.seen[0].content[-1])
    assert (draft.raw, draft.choice, draft.confidence, draft.partial) == ("B", "B", 0.7, "")
    assert (draft.evidence_times, draft.rationale) == ((0.5,), "It is blue.")
    assert draft.written.endswith(json.dumps(REPLY))


def test_a_reply_that_is_no_json_is_left_to_the_ladder(
    make: Make, server: ProviderServer, frames: list[Frame]
) -> None:
    server.says = lambda texts: "The answer is B."
    draft = asked(make(structured=True), frames)
    assert (draft.raw, draft.choice, draft.partial) == ("The answer is B.", None, STRUCTURED_INVALID)


def test_evidence_from_outside_of_what_was_is_dropped(
    make: Make, server: ProviderServer, frames: list[Frame]
) -> None:
    server.says = lambda texts: json.dumps(REPLY | {"evidence_times": [-1, 0.5, 7]})
    draft = asked(make(structured=True), frames)
    assert (draft.evidence_times, draft.partial) == ((0.5,), EVIDENCE_DROPPED)


def test_an_answer_in_other_words_is_left_to_the_ladder_without_its_json(
    make: Make, server: ProviderServer, frames: list[Frame]
) -> None:
    server.says = lambda texts: "```json\n" + json.dumps(REPLY | {"answer": "B. blue"}) + "\n```"
    draft = asked(make(structured=True), frames)
    assert (draft.raw, draft.choice, draft.partial) == ("B. blue", None, "")


def test_yes_and_no_are_told_from_json(make: Make, server: ProviderServer, frames: list[Frame]) -> None:
    server.says = lambda texts: json.dumps(REPLY | {"answer": "Yes"})
    draft = asked(make(structured=True), frames, Form.YES_NO)
    assert (draft.raw, draft.choice) == ("Yes", "yes")
    assert schema_sent(server) == schema(("yes", "no"))


def test_a_tick_says_yes_and_then_its_words_in_json(
    make: Make, server: ProviderServer, frames: list[Frame]
) -> None:
    def says(texts: list[str]) -> str:
        return json.dumps(REPLY | {"answer": "yes" if "Is it time" in texts[-1] else "A star appears."})

    server.says = says
    model = make(structured=True)
    question = Question(
        opening="r_0_0", key="k", sample="s", t_ask=1.0, text="Say when.", form=Form.EMIT,
        standing=Standing(kind="speak", until_s=5.0),
    )  # fmt: skip
    draft = respond(model, encode_frames(model, frames), question)
    assert (draft.speak, draft.choice, draft.raw) == (True, "yes", "A star appears.")
    assert "A star appears." in draft.written
    assert schema_sent(server) == schema()


def test_a_budget_of_thought_stands_beside_the_reply_and_is_never_the_answer(
    make: Make, server: ProviderServer, frames: list[Frame]
) -> None:
    server.thought = "The answer is A, or is it?"
    draft = asked(make(thinking_tokens=2048, max_tokens=50), frames)
    held = settings_of(server)
    sent, limit = {
        "openai": lambda: (held["reasoning_effort"], held["max_tokens"]),
        "anthropic": lambda: (held["thinking"]["budget_tokens"], held["max_tokens"]),
        "google": lambda: (held["thinkingConfig"]["thinking_budget"], held["maxOutputTokens"]),
    }[server.provider]()
    assert (sent, limit) == ("medium" if server.provider == "openai" else 2048, 2098)
    assert (draft.raw, draft.written) == ("B.", "The answer is A, or is it?")


def test_no_thought_can_be_asked_for(make: Make, server: ProviderServer, frames: list[Frame]) -> None:
    asked(make(thinking_tokens=0), frames)
    held = settings_of(server)
    sent = {
        "openai": lambda: held["reasoning_effort"],
        "anthropic": lambda: held["thinking"]["type"],
        "google": lambda: held["thinkingConfig"]["thinking_budget"],
    }[server.provider]()
    assert sent == {"openai": "none", "anthropic": "disabled", "google": 0}[server.provider]


def test_nothing_is_said_of_thought_json_and_stops_unless_asked(make: Make, server: ProviderServer) -> None:
    make().generate(PromptParts(question="What?"), max_new_tokens=5)
    told = str(settings_of(server))
    assert not any(word in told for word in ("hinking", "reasoning", "chema", "stop", "output_config"))


def test_stop_texts_are_sent(make: Make, server: ProviderServer) -> None:
    make(stop=["\n\n", "END"]).generate(PromptParts(question="What?"), max_new_tokens=5)
    name = {"openai": "stop", "anthropic": "stop_sequences", "google": "stopSequences"}[server.provider]
    assert settings_of(server)[name] == ["\n\n", "END"]


def test_how_it_answers_is_part_of_the_fingerprint(make: Make) -> None:
    made = [make(), make(structured=True), make(thinking_tokens=2000), make(stop=["x"]), make(seed=1)]
    assert len({model.fingerprint for model in made}) == 5


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"thinking_tokens": 100}, "thinking_tokens 100 is below its least, 1024"),
        ({"thinking_tokens": 2000, "sampling_temperature": 0.5}, "takes no temperature where it thinks"),
    ],
)
def test_what_anthropic_would_refuse_each_time_is_refused_at_once(
    settings: dict[str, Any], told: str
) -> None:
    spec = ModelSpec(backend="anthropic", path="some-model", base_url="http://127.0.0.1:9", **settings)
    with pytest.raises(ModelError, match=told):
        AnthropicMessages(spec)
