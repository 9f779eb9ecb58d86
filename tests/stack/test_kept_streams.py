"""What the running stack keeps of its streams: frames are encoded once, and no answer is another for it."""

from __future__ import annotations

from typing import Any
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from stack_kit import Kit, answers, assert_same

from bench.run.embedded import Stack
from bench.run.records import Final, Record
from shared.messages import Path
from shared.vlm.exact import TOLERANCE

pytestmark = pytest.mark.stack

Answers = dict[Final, dict[str, Any]]


def counted(stack: Stack, service: str, name: str) -> int:
    """The sum of a counter over the processes of a service."""
    found = 0.0
    for page in stack.pages(service):
        with urlopen(f"{page}/metrics", timeout=5) as reply:
            families = text_string_to_metric_families(reply.read().decode())
            found += sum(s.value for family in families for s in family.samples if s.name == name)
    return int(found)


def frames_of(records: list[Record], path: Path) -> set[tuple[str, int]]:
    """The frames that a path's answers saw."""
    return {(r.opening, index) for r in records if r.path == path for index in r.frames_idx}


def test_a_frame_is_encoded_once_by_its_owner_and_once_by_s2_and_no_answer_changes(
    kit: Kit, offline: Answers
) -> None:
    with kit.stack("kept") as stack:
        before = {name: counted(stack, name, "dsb_encoder_calls_total") for name in ("s1", "s2")}
        folder = kit.run("kept", nats=stack.url, system__streaming_embed_cache__ahead="both")
        calls = {name: counted(stack, name, "dsb_encoder_calls_total") - before[name] for name in before}
        assert calls["s1"] == counted(stack, "s1", "dsb_s1_frames_total")
        plain = kit.run("plain_passes", nats=stack.url, system__streaming_embed_cache__kv_reuse=False)
    assert_same(folder, offline)
    records = folder.records()
    # S1 encodes what was played: each opening up to its last ask.
    newest: dict[str, int] = {}
    for opening, index in frames_of(records, Path.S1):
        newest[opening] = max(index, newest.get(opening, 0))
    assert calls["s1"] == sum(index + 1 for index in newest.values())
    assert calls["s2"] == len(frames_of(records, Path.S2))
    assert sum(r.usage.frames_encoded for r in records if r.path == Path.S2) == calls["s2"]
    assert {r.usage.frames_encoded for r in records if r.path == Path.S1} == {0}
    assert all(r.usage.reused_tokens > 0 for r in records if r.path == Path.S1)
    assert any(r.usage.reused_tokens > 0 for r in records if r.path == Path.S2)
    assert all(r.usage.cache_bytes > 0 for r in records)
    told = folder.manifest().models
    assert all(0 < float(told[name]["cache_difference"]) <= TOLERANCE for name in ("s1", "s2"))
    for final, got in answers(plain).items():
        assert got["choice"] == offline[final]["choice"]
        assert got["probs"] == pytest.approx(offline[final]["probs"], abs=2e-4)
    assert {r.usage.reused_tokens for r in plain.records()} == {0}
