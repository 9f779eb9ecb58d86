"""Small annotation files in each benchmark's own form, written for these tests, with the dirt of the real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from bench.data import Sample, load_dataset
from bench.data.importers import Brought, import_set
from bench.data.native import export_native


class Native(NamedTuple):
    """A file in a benchmark's own form."""

    bench: str
    name: str
    value: list[Any]


class Imported(NamedTuple):
    """What an import made of it."""

    made: Brought
    samples: list[Sample]

    def codes(self, number: int = 0) -> set[str]:
        """Issue codes of one sample."""
        return {issue.code for issue in self.samples[number].issues}


def bring(folder: Path, bench: str, value: Any, *, name: str = "a.json", **options: Any) -> Imported:
    """Import a native value from a file of this name."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    made = import_set(bench, [file], folder / "out", **options)
    return Imported(made, list(load_dataset(folder / "out").samples))


def write(folder: Path, value: Any) -> None:
    """Write a native value as `a.json`, whatever it holds."""
    (folder / "a.json").write_text(json.dumps(value), encoding="utf-8")


def bring_text(folder: Path, bench: str, **options: Any) -> Brought:
    """Import `a.json` as it stands."""
    return import_set(bench, [folder / "a.json"], folder / "out", **options)


def same(folder: Path) -> bool:
    """Whether export gives the values of `a.json`, NaN being equal to NaN."""
    export_native(folder / "out", folder / "back.json")
    one, two = (json.loads((folder / name).read_text("utf-8")) for name in ("a.json", "back.json"))
    return json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)


def back(folder: Path) -> Any:
    """What export gives of the set that `bring` made."""
    export_native(folder / "out", folder / "back.json")
    return json.loads((folder / "back.json").read_text(encoding="utf-8"))


def entry(*questions: dict[str, Any], video: str = "sample_1_real", **more: Any) -> dict[str, Any]:
    """A StreamingBench entry."""
    path = {"video_path": f"./videos/{video}.mp4", "video_categories": "kites"}
    return {"time": "[0:03:00 - 0:03:20]", **path, "questions": list(questions), **more}


def choice(time: str = "00:03:10", **more: Any) -> dict[str, Any]:
    """A StreamingBench question with four options."""
    options = ["A. red", "B. green", "C. blue", "D. white"]
    asked = {"task_type": "Object Recognition", "question": "Which kite is up?", "time_stamp": time}
    return {**asked, "answer": "C", "options": options, "required_ability": "working memory", **more}


def sequel(place: int, *, time: str = "", video: str = "sample_1_sqa", **more: Any) -> dict[str, Any]:
    """An entry of a StreamingBench chain."""
    asked = choice(time or f"00:0{place}:30", task_type="Sequential Question Answering", **more)
    return entry(asked, video=video)


def prompt(ask: str = "00:00:20", gold: str = "00:00:29") -> dict[str, Any]:
    """A StreamingBench proactive question."""
    asked = {"task_type": "Proactive Output", "question": 'When the kite lands, output "down".'}
    times = {"time_stamp": ask, "ground_truth_time_stamp": gold, "ground_truth_output": "down"}
    return {**asked, **times, "required_ability": "working memory"}


def ovo(task: str = "OCR", number: int = 7, **more: Any) -> dict[str, Any]:
    """An OVO-Bench choice."""
    head = {"id": number, "task": task, "video": "kites/a.mp4", "realtime": 12.5}
    asked = {"question": "What is on the tail?", "options": ["a bow", "a bell", "a bird"]}
    return {**head, **asked, "answer": "a bell", "gt": 1, **more}


def crr(**more: Any) -> dict[str, Any]:
    """An OVO-Bench record whose clue comes later."""
    head = {"id": 20, "task": "CRR", "video": "kites/a.mp4", "question": "Where does it land?"}
    probes = [{"realtime": 5, "type": 0}, {"realtime": 9, "type": 1}, {"realtime": 12.0, "type": 1}]
    return {**head, "answer": "In a tree.", "ask_time": 5, "clue_time": 9, "test_info": probes, **more}


def ssr(**more: Any) -> dict[str, Any]:
    """An OVO-Bench record of steps; the first comes twice."""
    head = {"id": 21, "task": "SSR", "video": "kites/a.mp4", "tutorial": "FlyKite"}
    times = {"start_time": [2, 10, 30], "end_time": [5, 20, 33], "all_steps": ["run", "let go", "run"]}
    probes = [
        {"realtime": 3, "step": "run", "type": 1},
        {"realtime": 6, "step": "let go", "type": 0},
        {"realtime": 7, "step": "run", "type": 0},
        {"realtime": 20, "step": "let go", "type": 1},
        {"realtime": 33, "step": "run", "type": 1},
    ]
    return {**head, **times, "test_info": probes, **more}


def rec(**more: Any) -> dict[str, Any]:
    """An OVO-Bench record that counts."""
    head = {"id": 22, "task": "REC", "video": "kites/a.mp4", "activity": "pulling the line"}
    times = {"start_times": [0, 6], "end_times": [5, 13]}
    probes = [{"realtime": 4, "count": 0}, {"realtime": 5, "count": 1}, {"realtime": 20.0, "count": 2}]
    return {**head, **times, "test_info": probes, **more}


def rtv(role: int = 2, option: int = 0, end: float = 74.6, answer: str = "A", **more: Any) -> dict[str, Any]:
    """An RTV-Bench record."""
    head = {"video": "Kites_1.mp4", "questionID": f"q-group-k1-{role}-option{option}", "type": "Event-IA"}
    times = {"field": "kites", "start_time": 0, "end_time": end, "question": f"What now ({role})?"}
    return {**head, **times, "options": {"A": "up", "B": "down", "C": "gone"}, "answer": answer, **more}


def pvqa(**more: Any) -> dict[str, Any]:
    """A ProactiveVideoQA record with a subtitle and two replies."""
    said = [
        {"role": "user", "content": "What do the kites do?", "time": 1},
        {"role": "user", "content": "Subtitle: Look!", "time": 4.5},
    ]
    replies = [
        {"role": "assistant", "content": "One rises.", "related_timespan": [2, 6], "reply_timespan": [2, 7]},
        {
            "role": "assistant",
            "content": "It falls.",
            "related_timespan": [9, 12.4],
            "reply_timespan": [9, 13.4],
        },
    ]
    head = {"video": "k.mp4", "question_id": "k.mp4%Q1", "duration": 30.5}
    return {**head, "conversation": said, "answer": replies, **more}


def cg(**more: Any) -> dict[str, Any]:
    """A CG-Bench record."""
    head = {"qid": 3, "video_uid": "kite9", "question": "Who ran?", "answer": "the boy", "right_answer": "B"}
    clues = {"clue_intervals": [[10, 12.5], [40, 41]], "duration": 90.0, "sub_category": "Entity"}
    return {**head, "choices": ["the girl", "the boy"], **clues, "domain": "sport", **more}


def everything() -> list[Native]:
    """One file of each kind, clean and dirty records together."""
    odd = [
        entry(choice("00:00:8"), choice("00:24"), captions="the blue kite"),
        entry(),
        entry(choice("05:11:00")),
    ]
    split = choice(options=["A. a", "", "B. b", "b goes on", "C. c", "D. d"], task_type="Scene Understanding")
    again = choice(options=["A. a", "B. b", "B. c", "D. d"], answer="B", task_type="Emotion Recognition")
    bare = choice(options=["one", "two", "three", "4"], answer="B")
    slots = [
        {"question": "What is it?", "answer": "A kite", "timestamp": "0.0 -- 36.0"},
        {"question": "Who flies ##ANSWER##?", "answer": "A boy", "timestamp": "36.0 -- 40.5"},
    ]
    talk = [{"human": "Is it up?", "assistant": "Yes."}, {"human": "I see."}]
    states = [{"question": "What now?", "answer": "Up", "timestamp": "9.0 -- 13.0"}]
    chain = {"questions": ["Who runs?", "Where to?"], "answers": ["A boy", "The hill"]}
    scene = {
        "chain": chain,
        "qac_timestamps_start": "00:00:10",
        "qac_timestamps_end": "00:00:25",
        "images": [],
    }
    path = {**chain, "timestamps": [[0, 10], ["00:00:12", "00:00:25"]]}
    return [
        Native(
            "streamingbench", "questions_real.json", [entry(choice(), choice("00:03:15")), *odd, entry(bare)]
        ),
        Native("streamingbench", "questions_omni.json", [entry(split), entry(again)]),
        Native("streamingbench", "questions_sqa.json", [[sequel(1), sequel(2)], [sequel(3, video="s")]]),
        Native(
            "streamingbench",
            "questions_sqa_stream.json",
            [entry(*sequel(1)["questions"], audio_path="x.wav")],
        ),
        Native(
            "streamingbench", "questions_proactive.json", [entry(prompt(), prompt("00:00:30", "00:00:30"))]
        ),
        Native(
            "ovo-bench", "ovo_bench_new.json", [ovo(), ovo("HLD", 8, answer="other"), crr(), ssr(), rec()]
        ),
        Native(
            "rtv-bench", "QA.json", [rtv(0), rtv(2, 0, 10, "A"), rtv(2, 1, 20.5, "B"), rtv(1, answer="Z")]
        ),
        Native("omnimmi", "multiturn_dependency_reasoning.json", [{"video": "m.mp4", "qa": slots}]),
        Native("omnimmi", "dynamic_state_grounding.json", [{"video": "m.mp4", "qa": states}]),
        Native(
            "omnimmi",
            "action_prediction.json",
            [
                {
                    "video": "m.mp4",
                    "question": "What next?",
                    "answer": "land",
                    "vocab": ["fly", "land", "rest"],
                }
            ],
        ),
        Native(
            "omnimmi",
            "speaker_identification.json",
            [{"video": "m.mp4", "question": "Who spoke?", "answer": "Ann", "timestamp": 22.08}],
        ),
        Native(
            "omnimmi",
            "proactive_alerting.json",
            [{"video": "m.mp4", "question": "Tell me when it lands.", "answer": [12, 15]}],
        ),
        Native("omnimmi", "proactive_turntaking.json", [{"video": "m.mp4", "conversation": talk}]),
        Native("proactivevideoqa", "TV.anno.json", [pvqa(), pvqa(answer=[], question_id="k.mp4%Q2")]),
        Native("cg-bench", "cgbench.json", [cg(), cg(qid=4, right_answer="the girl")]),
        Native("svbench", "vid7.json", [scene, {}, path]),
    ]
