from __future__ import annotations

from pathlib import Path

from bench_kit import answered, dataset, failed, run_folder, sample

from bench.report.backends import backend_sheet, backends
from shared.messages import Draft, Status, Usage
from shared.messages import Path as Way


def test_a_row_names_who_answered_and_not_who_was_meant_to(tmp_path: Path) -> None:
    item = sample("q")
    folder = run_folder(tmp_path / "run", dataset(tmp_path, [item]), [answered(item, "A")])
    served = {"s1": {"model": "some-7b", "fingerprint": "f"}}
    folder.write_manifest(folder.manifest().model_copy(update={"models": served}))
    [row] = backend_sheet(backends([folder])).rows
    assert row[:3] == ("run", "s1", "some-7b")


def test_a_row_counts_what_a_system_scored_took_and_cost(tmp_path: Path) -> None:
    items = [sample(f"q{n}", video=f"v{n}.mp4") for n in range(3)]
    spent = Usage(prompt_tokens=90, output_tokens=10, cost_usd=0.25)
    records = [
        answered(item, "A", latency_s=0.5, draft=Draft(raw="A", choice="A", usage=spent))
        for item in items[:2]
    ]
    records += [failed(items[2], Status.TIMEOUT), *(answered(item, "B", path=Way.S2) for item in items)]
    folder = run_folder(tmp_path / "run", dataset(tmp_path, items), records)
    sheet = backend_sheet(backends([folder]))
    first, second = ([cell for cell in row if cell] for row in sheet.rows)
    assert first[:3] == ["run", "s1", "llava tiny-s1"]
    assert first[3].startswith("66.7 %")
    assert first[-4:] == ["0.500", "0.500", "100", "0.5000"]
    assert second[3].startswith("0.0 %")
    assert second[-1] == "–"
