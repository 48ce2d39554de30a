"""config/kubernetes: what Kustomize makes of it is valid, and is what the chart makes of the same configuration."""

import os

import kubernetes_validate
import pytest
import yaml
from conftest import ROOT, values
from test_sidecar import handed, rocketchat

FOLDER = ROOT / "config" / "kubernetes"
VERSIONS = {"gateway": ("1.25", "1.31", "1.37"), "sidecar": ("1.29", "1.31", "1.37")}


def configuration(folder):
    return yaml.safe_load((FOLDER / folder / "gantry.yaml").read_text())


@pytest.fixture
def built(kustomize, tmp_path):
    """The objects of a folder by kind; the sidecar is put into a Rocket.Chat that has nothing of Gantry's."""

    def run(folder):
        directory = FOLDER / folder
        if folder == "sidecar":
            bare = rocketchat({"extraInitContainers": [], "extraVolumes": []})
            (tmp_path / "rocketchat.yaml").write_text(yaml.safe_dump(bare))
            component = os.path.relpath(directory, tmp_path.resolve())
            kustomization = {"resources": ["rocketchat.yaml"], "components": [component]}
            (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
            directory = tmp_path
        return {found["kind"]: found for found in kustomize(directory)}

    return run


def pod(objects):
    return objects["Deployment"]["spec"]["template"]["spec"]


def without_checksum(container):
    return container | {"env": [it for it in container["env"] if it["name"] != "CONFIGURATION_CHECKSUM"]}


@pytest.mark.parametrize("folder", VERSIONS)
def test_every_object_is_valid(built, folder):
    objects = built(folder)
    assert sorted(objects) == ["ConfigMap", "Deployment", "Service"]
    for found in objects.values():
        for version in VERSIONS[folder]:
            kubernetes_validate.validate(found, version, strict=True)


@pytest.mark.parametrize("folder", VERSIONS)
def test_the_service_leads_to_the_pods(built, folder):
    objects = built(folder)
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    assert objects["Service"]["spec"]["selector"].items() <= labels


@pytest.mark.parametrize("folder", VERSIONS)
def test_a_changed_configuration_starts_new_pods(built, folder):
    objects = built(folder)
    name = objects["ConfigMap"]["metadata"]["name"]
    assert name.startswith("gantry-")
    assert [volume["configMap"]["name"] for volume in pod(objects)["volumes"] if "configMap" in volume] == [name]


def test_the_gateway_is_the_charts(built, render):
    ours = pod(built("gateway"))
    given = values("gateway-memory", config=configuration("gateway"))
    theirs = render(given)["Deployment", "chat-gantry"]["spec"]["template"]["spec"]
    only_the_charts = {"serviceAccountName", "topologySpreadConstraints", "volumes"}
    assert {key: value for key, value in theirs.items() if key not in only_the_charts} == {
        key: value for key, value in ours.items() if key != "volumes"
    }
    secrets = [[volume for volume in it["volumes"] if volume["name"] == "secrets"] for it in (ours, theirs)]
    assert secrets[0] == secrets[1]


def test_the_sidecar_is_the_charts(built, render):
    ours = pod(built("sidecar"))
    theirs = handed(render(values("sidecar-memory", config=configuration("sidecar"))))
    assert ours["initContainers"] == [without_checksum(found) for found in theirs["extraInitContainers"]]
    secrets = [[volume for volume in it if "secret" in volume] for it in (ours["volumes"], theirs["extraVolumes"])]
    assert secrets[0] == secrets[1]


def test_what_is_rocketchats_stays_as_it_was(built):
    bare = rocketchat({"extraInitContainers": [], "extraVolumes": []})["spec"]["template"]["spec"]
    patched = pod(built("sidecar"))
    assert patched["containers"] == bare["containers"]
    assert patched["securityContext"] == bare["securityContext"]
    assert [volume for volume in patched["volumes"] if not volume["name"].startswith("gantry-")] == bare["volumes"]


def test_another_deployment_is_left_alone(kustomize, tmp_path):
    other = rocketchat({"extraInitContainers": [], "extraVolumes": []})
    other["metadata"] = {"name": "mongodb", "labels": {"app.kubernetes.io/name": "mongodb"}}
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(other))
    component = os.path.relpath(FOLDER / "sidecar", tmp_path.resolve())
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump({"resources": ["other.yaml"], "components": [component]}))
    (found,) = [it for it in kustomize(tmp_path) if it["kind"] == "Deployment"]
    assert not found["spec"]["template"]["spec"]["initContainers"]
