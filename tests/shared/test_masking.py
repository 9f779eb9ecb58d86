"""Nothing that is printed or logged holds a password, wherever the user put it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from services.memory.service import Service
from services.memory.settings import Settings
from services.s2.settings import S2Settings
from shared.errors import ConfigError
from shared.masking import mask
from shared.memory.store import open_store
from shared.settings import describe, load


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nats://me:hunter2@a:4222,nats://me:hunter2@b:4222", "nats://***@a:4222,nats://***@b:4222"),
        ("me:hunter2@a:4222, b:4222, me:hunter2@c", "***@a:4222, b:4222, ***@c"),
        ("nats://hunter2@a", "nats://***@a"),
        ("http://me:hun@ter2@a/x?api_key=hunter2&b=c", "http://***@a/x?api_key=***&b=c"),
        ("http://a:6333/x@y", "http://a:6333/x@y"),
        ("edge:/data/x@y", "edge:/data/x@y"),
    ],
)
def test_an_address_is_shown_without_who_logs_in(given: str, said: str) -> None:
    assert mask(given) == said


def test_a_value_is_hidden_by_its_name() -> None:
    given = {"a": [{"api_key": "hunter2", "password": "", "k": 1}]}
    assert mask(given) == {"a": [{"api_key": "***", "password": "", "k": 1}]}


def test_settings_are_told_without_secrets() -> None:
    settings = Settings(
        nats_url="nats://me:hunter2@a", nats_password="hunter2", memory_store="http://me:hunter2@a"
    )
    told = describe(settings)
    assert "hunter2" not in str(told)
    assert (told["nats_url"], told["memory_store"]) == ("nats://***@a", "http://***@a")
    runtime: Any = SimpleNamespace(worker="w")
    assert Service(settings)._about(runtime)["store"] == "http://***@a"


def test_a_refused_setting_is_quoted_without_its_password() -> None:
    with pytest.raises(ConfigError, match="BASE_URL") as caught:
        load(S2Settings, model={"base_url": "http://me:hunter2@a"})
    assert "hunter2" not in str(caught.value)


def test_a_store_that_is_none_is_named_without_its_password() -> None:
    with pytest.raises(ConfigError, match=r"store 'ftp://\*\*\*@a' is unknown"):
        open_store("ftp://me:hunter2@a", collection="c", dim=1)
