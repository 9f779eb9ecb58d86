"""The page of a run: what it says, that it needs nothing else, and that a browser shows it."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench_kit import both, dataset, run_folder, sample

from bench.data import synth
from bench.report.html import Limits, write_report
from bench.report.html.cases import cases_of
from bench.run.folder import RunFolder
from bench.scoring import score_run

HOSTILE = "</script><script>document.title='taken'</script><b>"
BROWSER = os.environ.get("DSB_BROWSER") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


def data_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found
    return json.loads(found[1])


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run over one real video: S2 is always right, S1 never."""
    where = tmp_path_factory.mktemp("report")
    recipe = synth.Recipe(videos=1, per_video=3, parts=("realtime",), duration_s=(20.0, 20.0))
    made = synth.build(where / "set", recipe)

    def say(item: Any, path: str) -> str:
        gold = str(item.turns[0].answer.gold_at(item.turns[0].ask_s).value)
        return gold if path == "s2" else ("A" if gold != "A" else "B")

    return run_folder(where / "run", made, both(made.samples, say))


@pytest.fixture(scope="module")
def page(played: RunFolder) -> str:
    out = played.path / "report.html"
    assert write_report([played], out) == []
    return out.read_text()


def test_a_page_needs_nothing_but_itself(page: str) -> None:
    outside = re.findall(
        r"""(?:src|href)\s*=\s*["']?(?!data:)[^"'\s>]+|url\((?!data:)|@import|fetch\(""", page
    )
    assert [text for text in outside if "image.src" not in text] == []


def test_a_page_shows_every_score_with_its_baselines(page: str, played: RunFolder) -> None:
    scores = score_run(played, write=False)
    for part in scores.scores.parts:
        for name in (*(row.path for row in part.rows), *(baseline.name for baseline in part.baselines)):
            assert f"{name}</td>" in page


def test_each_question_comes_with_its_frames_as_pictures(page: str) -> None:
    data = data_of(page)
    cases = data["runs"][0]["cases"]
    assert len(cases) == 3
    for case in cases:
        assert case["answers"]["s2"]["correct"] is True
        assert case["answers"]["s1"]["correct"] is False
        assert case["answers"]["s1"]["route"] == "both"
        for index, _ in case["answers"]["s1"]["frames"]:
            assert data["frames"][case["uri"]][str(index)].startswith("/9j/")


def test_a_bounded_page_says_what_it_leaves_out(played: RunFolder) -> None:
    out = played.path / "small.html"
    write_report([played], out, limits=Limits(cases=2, frames=0))
    data = data_of(out.read_text())
    assert len(data["runs"][0]["cases"]) == 2
    assert data["frames"] == {}
    assert "2 of 3 questions are in this page" in out.read_text()


def test_a_video_that_is_gone_is_said_and_costs_only_its_pictures(tmp_path: Path) -> None:
    items = [sample("q0"), sample("q1", video="v1.mp4")]
    folder = run_folder(tmp_path / "run", dataset(tmp_path, items), both(items, lambda *_: "A"))
    lost = write_report([folder], tmp_path / "r.html")
    assert len(lost) == 2
    assert "v1.mp4" in lost[1]
    assert "v1.mp4" in (tmp_path / "r.html").read_text()


def test_another_video_under_the_same_name_is_not_shown_for_the_one_that_was_played(tmp_path: Path) -> None:
    recipe = synth.Recipe(videos=1, per_video=1, parts=("realtime",), duration_s=(20.0, 20.0))
    made = synth.build(tmp_path / "set", recipe)
    folder = run_folder(tmp_path / "run", made, both(made.samples, lambda *_: "A"))
    with Path(made.uri(made.samples[0])).open("ab") as video:
        video.write(b"more")
    [line] = write_report([folder], tmp_path / "r.html")
    assert "changed since" in line
    assert data_of((tmp_path / "r.html").read_text())["frames"] == {}


def test_below_full_coverage_a_page_shows_no_score_unless_it_is_asked_to(tmp_path: Path) -> None:
    items = [sample("q0"), sample("q1")]
    folder = run_folder(tmp_path / "run", dataset(tmp_path, items), both(items[:1], lambda *_: "A"))
    write_report([folder], tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert "2 answers are missing; scores are withheld" in page
    assert "<h2>Scores</h2>" not in page
    write_report([folder], tmp_path / "r.html", partial=True)
    page = (tmp_path / "r.html").read_text()
    assert "2 answers are missing: these numbers are no result" in page
    assert "<h2>Scores</h2>" in page


def test_videos_of_one_name_in_two_folders_keep_their_own_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    recipe = synth.Recipe(videos=2, per_video=1, parts=("realtime",), duration_s=(20.0, 20.0))
    made = synth.build(folder, recipe)
    samples = []
    for item in made.samples:
        old = Path(made.uri(item))
        new = folder / old.stem / "video.mp4"
        new.parent.mkdir()
        old.rename(new)
        stream = item.streams[0].model_copy(update={"uri": str(new.relative_to(folder))})
        samples.append(item.model_copy(update={"streams": (stream,)}))
    run = run_folder(tmp_path / "run", made._replace(samples=tuple(samples)), both(samples, lambda *_: "A"))
    assert write_report([run], tmp_path / "r.html") == []
    data = data_of((tmp_path / "r.html").read_text())
    first, second = (data["frames"][case["uri"]] for case in data["runs"][0]["cases"])
    assert first != second


def test_questions_are_taken_evenly_over_outcomes(tmp_path: Path) -> None:
    items = [sample(f"q{n}") for n in range(40)]
    folder = run_folder(
        tmp_path / "run",
        dataset(tmp_path, items),
        both(items, lambda item, _: "B" if item.id == "q39" else "A"),
    )
    score_run(folder)
    found = cases_of(folder, 4)
    assert found.total == 40
    assert [case.shown["sample"] for case in found.held] == ["q0", "q13", "q26", "q39"]


def test_text_of_a_data_set_stays_text(tmp_path: Path) -> None:
    items = [sample("q0").model_copy(update={"task": HOSTILE})]
    folder = run_folder(tmp_path / "run", dataset(tmp_path, items), both(items, lambda *_: HOSTILE))
    write_report([folder], tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert HOSTILE not in page
    assert data_of(page)["runs"][0]["cases"][0]["task"] == HOSTILE


def test_a_run_that_asked_both_shows_what_policies_would_have_made_of_it(page: str) -> None:
    assert "<h2>Routing</h2>" in page
    for policy in ("force-s1", "rule", "oracle"):
        assert f"{policy}</td>" in page


def test_two_runs_share_a_page(played: RunFolder, tmp_path: Path) -> None:
    write_report([played, played], tmp_path / "two.html")
    assert len(data_of((tmp_path / "two.html").read_text())["runs"]) == 2


@pytest.fixture(scope="module")
def tab(page: str, played: RunFolder) -> Iterator[Any]:
    """The page in a headless browser."""
    if BROWSER is None:
        pytest.skip("no browser: install chromium, or name one by DSB_BROWSER")
    playwright = pytest.importorskip("playwright.sync_api")
    quiet = [
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-sync",
    ]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=quiet)
        tab = browser.new_page()
        tab.faults = []
        tab.on("pageerror", lambda error: tab.faults.append(str(error)))
        tab.goto((played.path / "report.html").as_uri())
        yield tab
        browser.close()


def test_a_browser_shows_a_question_with_its_frames(tab: Any) -> None:
    assert tab.locator("#list li").count() == 3
    tab.locator("#list button").nth(1).click()
    assert tab.locator("#detail figure img").count() > 0
    assert tab.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert "s2: " in tab.locator("#detail").inner_text()
    assert tab.faults == []


def test_a_browser_filters_by_outcome_and_by_words(tab: Any) -> None:
    tab.select_option("#outcome", "s2 only")
    assert tab.locator("#list li").count() == 3
    tab.fill("#find", "nothing says this")
    assert tab.locator("#list li").count() == 0
    tab.fill("#find", "")
    tab.select_option("#outcome", "")
    assert tab.locator("#count").inner_text().startswith("3 of 3")
