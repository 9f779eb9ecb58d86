"""The pods that chaos makes from the template of the bench's Job."""

from __future__ import annotations

from typing import Any

from bench.chaos.kubectl import pod_like

_LABELS = {"app.kubernetes.io/component": "bench", "app.kubernetes.io/instance": "dsb"}


def template() -> dict[str, Any]:
    """As the API server gives it, with the labels that belong to the Job."""
    container = {
        "name": "bench",
        "image": "dualstreambench/bench:0.1.0",
        "args": ["demo"],
        "volumeMounts": [{"name": "runs", "mountPath": "/runs"}],
    }
    spec = {
        "restartPolicy": "OnFailure",
        "containers": [container],
        "volumes": [{"name": "runs", "persistentVolumeClaim": {"claimName": "dsb-runs"}}],
    }
    foreign = {
        "controller-uid": "5d",
        "job-name": "dsb-bench",
        "batch.kubernetes.io/controller-uid": "5d",
        "batch.kubernetes.io/job-name": "dsb-bench",
    }
    return {"metadata": {"labels": {**_LABELS, **foreign}}, "spec": spec}


def test_a_pod_that_plays_finds_its_settings_where_it_is_told_to_look() -> None:
    pod = pod_like(template(), "dsb-chaos-one-1", args=["run", "/chaos/run.yaml"])
    [container] = pod["spec"]["containers"]
    assert container["args"] == ["run", "/chaos/run.yaml"]
    assert "command" not in container
    assert container["volumeMounts"][-1] == {"name": "settings", "mountPath": "/chaos"}
    assert pod["spec"]["volumes"][-1] == {"name": "settings", "configMap": {"name": "dsb-chaos-one-1"}}


def test_a_pod_that_only_holds_the_volume_has_none_of_the_words_of_the_bench() -> None:
    pod = pod_like(template(), "files", command=["sleep", "infinity"], args=[])
    [container] = pod["spec"]["containers"]
    assert (container["command"], container["args"]) == (["sleep", "infinity"], [])
    assert [one["name"] for one in pod["spec"]["volumes"]] == ["runs"]


def test_the_job_does_not_take_such_a_pod_for_its_own_and_nobody_starts_it_again() -> None:
    pod = pod_like(template(), "files", args=[])
    assert pod["metadata"]["labels"] == _LABELS
    assert pod["spec"]["restartPolicy"] == "Never"


def test_the_template_stays_as_it_was() -> None:
    held = template()
    pod_like(held, "dsb-chaos-one-1", args=["run"])
    assert held == template()
