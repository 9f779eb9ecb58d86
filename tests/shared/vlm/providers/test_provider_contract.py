from __future__ import annotations

from collections.abc import Callable

import pytest
from metrics_kit import growth
from provider_server import KEY, ProviderServer
from structlog.testing import capture_logs

from shared.errors import ModelError
from shared.messages import Form, Note, Option, Question, Standing
from shared.perception import encode_frames, respond, said_yes, warm_up
from shared.video import Frame
from shared.vlm import ModelSpec, PromptParts, load_vlm
from shared.vlm.prompt import SYSTEM
from shared.vlm.providers import PROVIDERS
from shared.vlm.providers.vlm import ProviderVlm

Make = Callable[..., ProviderVlm]
OPTIONS = (Option(key="A", text="red"), Option(key="B", text="blue"))


def question(form: Form = Form.MCQ, **more: object) -> Question:
    asked = {
        "opening": "r_0_0",
        "key": "k",
        "sample": "s",
        "t_ask": 1.0,
        "text": "What colour?",
        "form": form,
    }
    return Question.model_validate(asked | ({"options": OPTIONS} if form is Form.MCQ else {}) | more)


def test_frames_stand_behind_their_times_and_the_question_last(
    make: Make, server: ProviderServer, frames: list[Frame]
) -> None:
    model = make()
    note = Note(opening="r_0_0", run="r", seq=0, t_start=0.5, t_end=0.5, text="A star.")
    respond(model, encode_frames(model, frames), question(), notes=[note])
    [seen] = server.seen
    asked = "Notes:\n0.5s A star.\nQuestion: What colour?\nOptions:\nA. red\nB. blue\nAnswer with the letter."
    shown = [item for frame in frames for item in (f"{frame.t:.1f}s", frame.jpeg)]
    assert (seen.system, seen.content) == (SYSTEM, [*shown, asked])


def test_a_choice_is_left_as_it_was_written(make: Make, server: ProviderServer, frames: list[Frame]) -> None:
    server.says = lambda texts: "The answer is B, I think."
    model = make(price=(1.0, 4.0))
    tokens, cost = growth("dsb_provider_tokens_total"), growth("dsb_provider_cost_usd_total")
    draft = respond(model, encode_frames(model, frames), question())
    assert (tokens(), cost()) == (1010, pytest.approx(0.00104))
    assert (draft.raw, draft.choice, draft.confidence) == ("The answer is B, I think.", None, None)
    assert (draft.usage.prompt_tokens, draft.usage.output_tokens) == (1000, 10)
    assert draft.usage.cost_usd == pytest.approx(0.00104)


def test_a_tick_goes_on_by_the_yes_that_was_written(
    make: Make, server: ProviderServer, frames: list[Frame]
) -> None:
    server.says = lambda texts: "Yes, it is." if "Answer yes or no" in texts[-1] else "A star appears."
    model = make(price=(1.0, 4.0))
    asked = question(Form.EMIT, standing=Standing(kind="speak", every_s=1.0, until_s=5.0))
    draft = respond(model, encode_frames(model, frames), asked)
    assert said_yes(draft)
    assert (draft.speak, draft.raw, draft.usage.prompt_tokens) == (True, "A star appears.", 2000)
    assert draft.usage.cost_usd == pytest.approx(0.00208)


def test_what_says_yes_and_no_says_neither(make: Make, server: ProviderServer, frames: list[Frame]) -> None:
    server.says = lambda texts: "Yes or no? I can't tell."
    model = make()
    draft = respond(model, encode_frames(model, frames), question(Form.YES_NO))
    assert draft.choice is None
    assert not said_yes(draft)


def test_overload_and_broken_connections_are_tried_again(make: Make, server: ProviderServer) -> None:
    server.plan = [429, 500, "drop", 503]
    server.retry_after = "" if server.provider == "google" else "0.2"
    tries = growth("dsb_provider_tries_total", provider=server.provider)
    with capture_logs() as logs:
        said = make().generate(PromptParts(question="What?"), max_new_tokens=5)
    assert (said.text, said.spent.retries, server.tries) == ("B.", 4, 5)
    assert tries() == 5
    assert said.spent.retry_s >= 0.2  # what the provider asked to wait
    assert [log["event"] for log in logs] == ["provider_retry"] * 4
    assert KEY not in str(logs)


def test_an_answer_that_does_not_come_in_time_is_asked_for_again(make: Make, server: ProviderServer) -> None:
    server.plan = ["hang"]
    said = make(timeout_s=1.0).generate(PromptParts(question="What?"), max_new_tokens=5)
    assert (said.text, said.spent.retries) == ("B.", 1)


def test_who_is_overloaded_for_too_long_is_given_up_in_one_line(make: Make, server: ProviderServer) -> None:
    server.plan = [429] * 9
    with pytest.raises(ModelError, match=r"429.*failed 3 times, `max_retries` is 2") as error:
        make(max_retries=2).generate(PromptParts(question="What?"), max_new_tokens=5)
    assert server.tries == 3
    assert KEY not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_wait_of_an_hour_is_not_waited_for(make: Make, server: ProviderServer) -> None:
    server.plan, server.retry_after = [429], "3600"
    with pytest.raises(ModelError, match="asks to wait 3600 s, the limit is 300 s"):
        make().generate(PromptParts(question="What?"), max_new_tokens=5)


def test_a_wrong_key_is_told_at_once_and_never_shown(
    make: Make, server: ProviderServer, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = "sk-wrong-9876543210"
    monkeypatch.setenv(PROVIDERS[provider].keys[0], wrong)
    with pytest.raises(ModelError, match=r"answered 401.*check its key") as error:
        make().generate(PromptParts(question="What?"), max_new_tokens=5)
    assert server.tries == 1
    assert wrong not in str(error.value)


def test_a_bad_request_is_not_repeated(make: Make, server: ProviderServer) -> None:
    server.plan = [400]
    with pytest.raises(ModelError, match=r"answered 400.*mend"):
        make().generate(PromptParts(question="What?"), max_new_tokens=5)
    assert server.tries == 1


@pytest.mark.parametrize("stop", ["length", "refusal"])
def test_truncation_and_refusal_are_answers_that_say_so(
    make: Make, server: ProviderServer, stop: str
) -> None:
    server.stop = stop
    said = make().generate(PromptParts(question="What?"), max_new_tokens=5)
    wanted = "filter" if (stop, server.provider) == ("refusal", "google") else stop
    assert (said.spent.stop, said.text, said.prompt_tokens) == (
        wanted,
        "B." if stop == "length" else "",
        1000,
    )


def test_confidence_comes_from_the_first_tokens_where_they_are_told(
    make: Make, server: ProviderServer, frames: list[Frame]
) -> None:
    server.tells_probs = True
    model = make(logprobs=True)
    draft = respond(model, encode_frames(model, frames), question())
    told = server.provider != "anthropic"
    assert draft.probs == ({"A": 0.25, "B": 0.75} if told else {})
    assert draft.confidence == (0.75 if told else None)


def test_settings_of_a_reply_are_sent(make: Make, server: ProviderServer) -> None:
    make(max_tokens=77, seed=5, sampling_temperature=0.5).generate(
        PromptParts(question="?"), max_new_tokens=5
    )
    body = server.seen[0].body
    held = body["generationConfig"] if server.provider == "google" else body
    limit = held["maxOutputTokens" if server.provider == "google" else "max_tokens"]
    assert (limit, held["temperature"], held.get("seed")) == (
        77,
        0.5,
        None if server.provider == "anthropic" else 5,
    )


def test_nothing_is_sent_to_warm_up(make: Make, server: ProviderServer) -> None:
    warm_up(make())
    assert server.tries == 0


def test_a_missing_key_names_its_variable(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PROVIDERS[provider].keys[0])
    with pytest.raises(ModelError, match=f"needs a key: set {PROVIDERS[provider].keys[0]}"):
        load_vlm(ModelSpec(backend=provider, path="some-model"))


def test_a_provider_needs_the_name_of_a_model(provider: str) -> None:
    with pytest.raises(ModelError, match="set `path` to the provider's name"):
        load_vlm(ModelSpec(backend=provider))


def test_a_provider_is_loaded_by_its_name(provider: str, server: ProviderServer) -> None:
    model = load_vlm(ModelSpec(backend=provider, path="some-model", base_url=server.base_url))
    assert model.generate(PromptParts(question="What?"), max_new_tokens=5).text == "B."
    assert model.choose(PromptParts(question="What?", options=OPTIONS)).label == "B"
