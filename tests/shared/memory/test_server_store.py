"""What only the store on a server has: a connection, a key, and collections that others make too."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from memory_kit import HashEncoder, note
from qdrant_client import models
from qdrant_http import qdrant_http

from shared.errors import StoreError
from shared.memory import Memory, VectorStore, open_store
from shared.messages import Search


def test_no_server_is_one_clear_line_with_the_remedy() -> None:
    with pytest.raises(
        StoreError, match=r"no answer from Qdrant at http://127\.0\.0\.1:9 .*edge:<path>"
    ) as caught:
        open_store("http://127.0.0.1:9", collection="c", dim=24)
    assert "\n" not in str(caught.value)


def test_a_server_that_went_away_is_a_store_error() -> None:
    with qdrant_http() as (url, _):
        memory = Memory(HashEncoder(), open_store(url, collection="c", dim=24))
    with pytest.raises(StoreError, match="no answer"):
        memory.upsert([note(0)])


def test_the_api_key_is_sent_and_a_wrong_one_is_refused() -> None:
    with qdrant_http(api_key="secret") as (url, _):
        open_store(url, collection="c", dim=24, api_key="secret").close()
        with pytest.raises(StoreError, match="API key"):
            open_store(url, collection="c", dim=24, api_key="wrong")


def test_openings_are_tenants_and_no_graph_is_built() -> None:
    with qdrant_http() as (url, backend):
        open_store(url, collection="c", dim=24).close()
    tenant = backend.indexes["c", "opening"]
    assert isinstance(tenant, models.KeywordIndexParams)
    assert tenant.is_tenant
    fields = {"opening", "run_id", "scope", "kind", "t_start", "t_end", "stored_at"}
    assert {key for _, key in backend.indexes} == fields
    assert backend.configs["c"].hnsw_config == models.HnswConfigDiff(m=0)


def test_what_most_replicas_have_written_most_replicas_are_asked_for() -> None:
    with qdrant_http() as (url, backend):
        memory = Memory(HashEncoder(), open_store(url, collection="c", dim=24, replicas=3))
        memory.upsert([note(0)])
        assert memory.search(Search(opening="one", text="a", k=1, recent=1, t_max=9.0)).hits
        made = backend.configs["c"]
        assert (made.replication_factor, made.write_consistency_factor) == (3, 2)
        paths = ("/collections/c/points/query", "/collections/c/points/scroll")
        assert [backend.consistency[path] for path in paths] == [["majority"]] * 2


def test_workers_that_start_together_share_one_collection() -> None:
    with qdrant_http() as (url, _):

        def start(worker: int) -> VectorStore:
            return open_store(url, collection="c", dim=24)

        with ThreadPoolExecutor(6) as pool:
            stores = list(pool.map(start, range(6)))
        Memory(HashEncoder(), stores[0]).upsert([note(0)])
        assert [store.count() for store in stores] == [1] * 6


def test_a_collection_made_meanwhile_by_another_worker_is_taken() -> None:
    with qdrant_http() as (url, backend):
        open_store(url, collection="c", dim=24).close()
        backend.get_exists = lambda name, body: {"exists": False}  # type: ignore[method-assign]
        open_store(url, collection="c", dim=24).close()


def test_a_server_that_came_back_without_its_disk_is_given_its_collection_again() -> None:
    with qdrant_http() as (url, backend):
        memory = Memory(HashEncoder(), open_store(url, collection="c", dim=24))
        memory.upsert([note(0)])
        backend.wipe()
        assert memory.search(Search(opening="one", text="a", k=1, recent=1, t_max=9.0)).hits == ()
        memory.upsert([note(1)])
        assert memory.count() == 1
        assert ("c", "opening") in backend.indexes


def test_a_collection_of_another_size_is_refused() -> None:
    with qdrant_http() as (url, _):
        open_store(url, collection="c", dim=24).close()
        with pytest.raises(StoreError, match="isn't 32 floats"):
            open_store(url, collection="c", dim=32)
