from __future__ import annotations

import io

import pytest
from PIL import Image
from pydantic import ValidationError

from shared.vlm import ModelSpec
from shared.vlm.providers.batch import batch_price
from shared.vlm.providers.limits import Limiter
from shared.vlm.providers.openai_chat import body_of
from shared.vlm.providers.prices import estimate, image_tokens, price_of, table_date
from shared.vlm.providers.wire import Request, label_probs, one_line


class Clock:
    """Time passes in sleep only."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def passed(requests: list[int], *, rpm: int | None = None, tpm: int | None = None) -> list[float]:
    clock = Clock()
    limiter = Limiter(concurrency=1, rpm=rpm, tpm=tpm, clock=clock, sleep=clock.sleep)
    times = []
    for tokens in requests:
        with limiter.slot(tokens) as slot:
            times.append(clock.now)
            slot.used(tokens)
    return times


def test_no_more_requests_than_allowed_pass_in_any_minute() -> None:
    assert passed([1] * 5, rpm=2) == [0, 0, 60, 60, 120]


def test_tokens_of_a_minute_are_bounded_and_a_larger_request_goes_alone() -> None:
    assert passed([60, 40, 1, 500, 10], tpm=100) == [0, 0, 60, 120, 180]


def test_what_a_request_really_took_counts() -> None:
    clock = Clock()
    limiter = Limiter(concurrency=1, tpm=100, clock=clock, sleep=clock.sleep)
    with limiter.slot(100) as slot:
        slot.used(10)
    with limiter.slot(90):
        assert clock.now == 0


def test_a_dated_name_has_the_price_of_its_model_and_another_model_none() -> None:
    plain, dated = (
        price_of(ModelSpec(backend="openai", path=p)) for p in ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    )
    assert plain == dated is not None
    assert price_of(ModelSpec(backend="openai", path="gpt-4o-audio")) is None
    assert table_date() >= "2025"


def test_a_server_of_ones_own_has_no_price_but_the_one_that_is_set() -> None:
    own = {"backend": "openai", "path": "gpt-4o", "base_url": "http://127.0.0.1:1/v1"}
    assert price_of(ModelSpec.model_validate(own)) is None
    paid = price_of(ModelSpec.model_validate(own | {"price": [1, 2]}))
    assert paid is not None
    assert paid.of(1_000_000, 500_000) == 2.0


def test_picture_tokens_follow_each_guide() -> None:
    assert [image_tokens("openai", 1024, 1024), image_tokens("openai", 320, 180)] == [765, 255]
    assert image_tokens("openai", 320, 180, model="gpt-4o-mini-2024-07-18") == 2833 + 5667
    assert image_tokens("openai", 320, 180, model="gpt-4o") == 255
    assert image_tokens("anthropic", 750, 100) == 100
    assert [image_tokens("google", 384, 300), image_tokens("google", 1536, 768)] == [258, 516]


def test_an_estimate_reads_the_size_of_a_frame() -> None:
    out = io.BytesIO()
    Image.new("RGB", (750, 100)).save(out, "JPEG")
    assert estimate("anthropic", Request("four", ("12345678", out.getvalue()), 20)) == 1 + 2 + 100 + 20


def test_a_token_that_begins_no_label_has_no_part_in_the_probabilities() -> None:
    assert label_probs(("A", "B"), {"A": 0.3, " B": 0.1, "(B": 0.2, "The": 0.4}) == pytest.approx(
        {"A": 0.5, "B": 0.5}
    )
    assert label_probs(("A", "B"), {"The": 1.0}) == {}


def test_keys_that_a_provider_quotes_are_hidden() -> None:
    assert one_line("bad key\n sk-abc***wxyz or secret-1234", "secret-1234") == "bad key *** or ***"


def test_an_address_holds_no_credentials() -> None:
    with pytest.raises(ValidationError):
        ModelSpec(base_url="http://me:secret@host/v1")


def test_openai_itself_is_told_the_newer_name_of_a_limit_and_others_the_older() -> None:
    asked = Request("system", ("What?",), 20)
    own, other = ({"backend": "openai", "path": "m"}, {"base_url": "http://127.0.0.1:1/v1"})
    bodies = [body_of(ModelSpec.model_validate(told), asked) for told in (own, own | other)]
    assert [{key for key in body if "max" in key} for body in bodies] == [
        {"max_completion_tokens"},
        {"max_tokens"},
    ]


@pytest.mark.parametrize("backend", ["openai", "anthropic", "google"])
def test_a_batch_costs_half_of_what_its_requests_cost_at_once(backend: str) -> None:
    spec = ModelSpec.model_validate({"backend": backend, "path": "m", "price": [2.0, 8.0]})
    assert batch_price(spec) == (1.0, 4.0)
