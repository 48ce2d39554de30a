"""Gantry in Rocket.Chat's pods: what the chart hands to Rocket.Chat's own chart, and what it makes around it."""

import kubernetes_validate
import pytest
import yaml
from conftest import EXAMPLES, values

EVERY = [name for name in EXAMPLES if name.startswith("sidecar")]
VERSIONS = ("1.29", "1.31", "1.35", "1.37")


def handed(objects):
    return yaml.safe_load(objects["ConfigMap", "chat-gantry-sidecar"]["data"]["values.yaml"])


def rocketchat(given):
    """Rocket.Chat's Deployment as its official chart makes it of `extraInitContainers` and `extraVolumes`: ports, labels, volumes and the
    pod's rights are those of that chart (rocketchat/templates/chat-deployment.yaml in RocketChat/helm-charts)."""
    labels = {"app.kubernetes.io/name": "rocketchat", "app.kubernetes.io/instance": "rocketchat"}
    ports = [{"name": "http", "containerPort": 3000}, {"name": "metrics", "containerPort": 9100}, {"name": "ms-metrics", "containerPort": 9458}]
    mounts = [{"name": "rocket-data", "mountPath": "/app/uploads"}, {"name": "tmp", "mountPath": "/tmp"}]
    pod = {
        "securityContext": {"runAsUser": 999, "fsGroup": 999},
        "initContainers": given["extraInitContainers"],
        "containers": [{"name": "rocketchat", "image": "rocket.chat", "ports": ports, "volumeMounts": mounts}],
        "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "rocket-data", "emptyDir": {}}, *given["extraVolumes"]],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "rocketchat-rocketchat", "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("file", EVERY)
def test_rocketchats_pod_is_valid_with_gantry_in_it(render, file, version):
    deployment = rocketchat(handed(render(values(file))))
    kubernetes_validate.validate(deployment, version, strict=True)


def test_a_pod_that_is_not_valid_is_found_out(render):
    deployment = rocketchat(handed(render(values(EVERY[0]))))
    deployment["spec"]["template"]["spec"]["initContainers"][0]["ports"][0]["containerPorts"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSIONS[0], strict=True)


@pytest.mark.parametrize("file", EVERY)
def test_no_name_and_no_port_meets_one_of_rocketchats(render, file):
    pod = rocketchat(handed(render(values(file))))["spec"]["template"]["spec"]
    containers = pod["initContainers"] + pod["containers"]
    ports = [port for container in containers for port in container["ports"]]
    for names in (
        [container["name"] for container in containers],
        [volume["name"] for volume in pod["volumes"]],
        [port["name"] for port in ports],
        [port["containerPort"] for port in ports],
    ):
        assert len(names) == len(set(names)), names
    assert all(len(port["name"]) <= 15 for port in ports)
    mounted = {mount["name"] for container in containers for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


@pytest.mark.parametrize("file", EVERY)
def test_gantry_stays_and_has_no_rights(render, file):
    (gantry,) = handed(render(values(file)))["extraInitContainers"]
    assert gantry["restartPolicy"] == "Always"
    assert gantry["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("file", EVERY)
def test_it_can_read_its_secrets_whatever_group_the_pod_has(render, file):
    volumes = handed(render(values(file)))["extraVolumes"]
    assert {volume["secret"]["defaultMode"] for volume in volumes if "secret" in volume} == {0o444}


@pytest.mark.parametrize("file", EVERY)
def test_probes_and_services_go_by_number(render, file):
    objects = render(values(file))
    (gantry,) = handed(objects)["extraInitContainers"]
    assert {gantry[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")} == {9090}
    heard = {port["containerPort"] for port in gantry["ports"]}
    led = {port["targetPort"] for (kind, _), it in objects.items() if kind == "Service" for port in it["spec"]["ports"]}
    assert led <= heard
    assert 8080 in led


def test_everything_leads_to_the_pods_of_rocketchats_release(render):
    objects = render(values("sidecar-memory"))
    labels = rocketchat(handed(objects))["spec"]["template"]["metadata"]["labels"].items()
    for name in ("chat-gantry", "chat-gantry-test"):
        assert objects["Service", name]["spec"]["selector"].items() <= labels
    backend = objects["Ingress", "chat"]["spec"]["rules"][0]["http"]["paths"][0]["backend"]
    assert backend["service"]["name"] == "chat-gantry"


def test_labels_that_are_said_find_the_pods(render):
    objects = render(values("sidecar-redis"))
    for name in ("chat-gantry", "chat-gantry-admin", "chat-gantry-test"):
        assert objects["Service", name]["spec"]["selector"] == {"app": "chat"}
    assert objects["NetworkPolicy", "chat-gantry"]["spec"]["podSelector"]["matchLabels"] == {"app": "chat"}


def test_the_network_policy_closes_rocketchats_own_port_and_leaves_its_ways_out_alone(render):
    spec = render(values("sidecar-redis"))["NetworkPolicy", "chat-gantry"]["spec"]
    assert spec["policyTypes"] == ["Ingress"]
    assert "egress" not in spec
    assert [[port["port"] for port in rule["ports"]] for rule in spec["ingress"]] == [[8080, 9191], [9090], [9090], [9100]]


def test_a_changed_configuration_changes_rocketchats_pods(render):
    before = handed(render(values("sidecar-memory")))
    assert before == handed(render(values("sidecar-memory", service__port=8000)))
    assert before != handed(render(values("sidecar-memory", config__telemetry={"log": {"level": "debug"}})))


def test_no_pods_of_gantrys_own_are_made(render):
    for file in EVERY:
        kinds = {kind for kind, name in render(values(file)) if not name.endswith("-test")}
        assert not kinds & {"Deployment", "ServiceAccount", "PersistentVolumeClaim", "HorizontalPodAutoscaler"}


def test_the_image_can_be_pulled_where_it_needs_a_secret(render):
    objects = render(values("sidecar-redis"))
    assert handed(objects)["imagePullSecrets"] == [{"name": "registry"}]
    assert objects["Pod", "chat-gantry-test"]["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert "imagePullSecrets" not in handed(render(values("sidecar-memory")))


def test_the_notes_name_what_was_made(notes, render):
    told = notes(values("sidecar-memory"))
    made = {name for kind, name in render(values("sidecar-memory")) if kind == "ConfigMap"}
    assert {word for word in told.split() if word.endswith("-sidecar")} <= made
    assert "get configmap chat-gantry-sidecar --output 'jsonpath={.data.values\\.yaml}' > gantry-sidecar.yaml" in told
    assert "upgrade rocketchat rocketchat/rocketchat --values YOURS.yaml --values gantry-sidecar.yaml" in told
    assert "deployment/" not in told


def test_the_notes_of_a_gateway_tell_where_to_lead_the_host(notes):
    told = notes(values("gateway-memory"))
    assert "chat-gantry.default.svc:80" in told
    assert "port-forward deployment/chat-gantry 9090" in told
    assert "sidecar" not in told
