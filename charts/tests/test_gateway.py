"""What the chart makes of values: the objects of a Gantry that stands before Rocket.Chat on its own."""

import os
import subprocess

import pytest
import yaml
from conftest import CHART, values

EVERY = sorted(file.name.removesuffix("-values.yaml") for file in (CHART / "ci").iterdir())


def pod(objects):
    return objects["Deployment", "chat-gantry"]["spec"]["template"]["spec"]


def container(objects):
    return next(found for found in pod(objects)["containers"] if found["name"] == "gantry")


@pytest.mark.parametrize("file", EVERY)
def test_every_pod_runs_without_rights(render, file):
    objects = render(values(file))
    assert pod(objects)["securityContext"]["runAsNonRoot"] is True
    assert pod(objects)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod(objects)["automountServiceAccountToken"] is False
    assert container(objects)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("file", EVERY)
def test_every_pod_is_probed_on_the_admin_port(render, file):
    found = container(render(values(file)))
    paths = {probe: found[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {
        "startupProbe": {"path": "/livez", "port": "admin"},
        "livenessProbe": {"path": "/livez", "port": "admin"},
        "readinessProbe": {"path": "/readyz", "port": "admin"},
    }


@pytest.mark.parametrize("file", EVERY)
def test_every_mounted_volume_is_there(render, file):
    objects = render(values(file))
    mounted = {mount["name"] for mount in container(objects)["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod(objects)["volumes"]}


@pytest.mark.parametrize("file", EVERY)
def test_the_public_service_does_not_lead_to_the_admin_port(render, file):
    ports = render(values(file))["Service", "chat-gantry"]["spec"]["ports"]
    assert "admin" not in {port["targetPort"] for port in ports}


def test_the_configuration_is_the_one_of_the_values(render):
    given = values("gateway-redis")
    rendered = render(given)["ConfigMap", "chat-gantry"]["data"]["gantry.yaml"]
    assert yaml.safe_load(rendered) == given["config"]


def test_a_changed_configuration_starts_new_pods(render):
    def checksum(given):
        template = render(given)["Deployment", "chat-gantry"]["spec"]["template"]
        return template["metadata"]["annotations"]["checksum/config"]

    before = checksum(values("gateway-memory"))
    assert before == checksum(values("gateway-memory", service__port=8080))
    assert before != checksum(values("gateway-memory", config__telemetry={"log": {"level": "debug"}}))


def test_a_configuration_of_the_operator_is_mounted_instead_of_the_charts(render):
    objects = render(values("existing-configmap"))
    assert not [name for kind, name in objects if kind == "ConfigMap"]
    mounted = next(volume for volume in pod(objects)["volumes"] if volume["name"] == "config")
    assert mounted["configMap"] == {"name": "gantry-configuration"}


def test_the_secret_is_mounted_where_the_configuration_names_its_files(render):
    objects = render(values("gateway-memory"))
    mounted = next(volume for volume in pod(objects)["volumes"] if volume["name"] == "secrets")
    assert mounted["secret"]["secretName"] == "gantry"
    mount = next(mount for mount in container(objects)["volumeMounts"] if mount["name"] == "secrets")
    assert mount == {"name": "secrets", "mountPath": "/etc/gantry/secrets", "readOnly": True}


def test_a_file_of_sessions_is_on_a_volume_that_one_pod_has_at_a_time(render):
    objects = render(values("gateway-file", config__sessions__file={"path": "/data/here/sessions.redb"}))
    claim = objects["PersistentVolumeClaim", "chat-gantry-sessions"]
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert objects["Deployment", "chat-gantry"]["spec"]["strategy"] == {"type": "Recreate"}
    assert {"name": "sessions", "mountPath": "/data/here"} in container(objects)["volumeMounts"]


def test_a_claim_of_the_operator_is_used_instead_of_the_charts(render):
    objects = render(values("gateway-file", persistence__existingClaim="mine"))
    assert not [name for kind, name in objects if kind == "PersistentVolumeClaim"]
    assert {"name": "sessions", "persistentVolumeClaim": {"claimName": "mine"}} in pod(objects)["volumes"]


def test_sessions_in_memory_or_redis_need_no_volume(render):
    for file in ("gateway-memory", "gateway-redis"):
        assert not [name for kind, name in render(values(file)) if kind == "PersistentVolumeClaim"]


def test_an_ingress_leads_the_public_host_to_the_service(render):
    spec = render(values("with-ingress"))["Ingress", "chat-gantry"]["spec"]
    assert spec["tls"] == [{"hosts": ["chat.example.com"], "secretName": "chat-tls"}]
    backend = spec["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert spec["rules"][0]["host"] == "chat.example.com"
    assert backend == {"name": "chat-gantry", "port": {"name": "http"}}


def test_the_public_hosts_port_is_no_part_of_the_host(render):
    given = values("with-ingress", config__listen__public_url="https://chat.example.com:8443")
    assert render(given)["Ingress", "chat-gantry"]["spec"]["rules"][0]["host"] == "chat.example.com"


def test_a_route_leads_the_public_host_to_the_service_without_a_time_limit(render):
    spec = render(values("with-httproute", service__port=8000))["HTTPRoute", "chat-gantry"]["spec"]
    assert spec["hostnames"] == ["chat.example.com"]
    assert spec["rules"][0]["backendRefs"] == [{"name": "chat-gantry", "port": 8000}]
    assert spec["rules"][0]["timeouts"] == {"request": "0s"}


def test_autoscaling_alone_decides_how_many_pods_there_are(render):
    objects = render(values("everything-on"))
    assert "replicas" not in objects["Deployment", "chat-gantry"]["spec"]
    metrics = objects["HorizontalPodAutoscaler", "chat-gantry"]["spec"]["metrics"]
    assert [metric["type"] for metric in metrics] == ["Resource", "Pods"]
    assert metrics[1]["pods"]["target"] == {"type": "AverageValue", "averageValue": "2000"}


def test_the_budget_lets_one_pod_go(render):
    spec = render(values("gateway-redis"))["PodDisruptionBudget", "chat-gantry"]["spec"]
    assert spec["maxUnavailable"] == 1
    assert "minAvailable" not in spec


def test_the_network_policy_opens_what_is_named_and_nothing_else(render):
    spec = render(values("everything-on"))["NetworkPolicy", "chat-gantry"]["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert [[port["port"] for port in rule["ports"]] for rule in spec["ingress"]] == [["http", "grpc"], ["admin"]]
    assert [[port["port"] for port in rule["ports"]] for rule in spec["egress"]] == [[53, 53], [3000], [443], [6379, 26379], [4318]]
    assert spec["egress"][1]["to"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "rocketchat"}}}]


def test_without_scrapers_nobody_reaches_the_admin_port(render):
    given = values("gateway-memory", networkPolicy__enabled=True)
    spec = render(given)["NetworkPolicy", "chat-gantry"]["spec"]
    assert [[port["port"] for port in rule["ports"]] for rule in spec["ingress"]] == [["http"]]


def test_without_redis_nobody_is_led_to_its_port(render):
    given = values("gateway-memory", networkPolicy__enabled=True)
    spec = render(given)["NetworkPolicy", "chat-gantry"]["spec"]
    assert 6379 not in [port["port"] for rule in spec["egress"] for port in rule["ports"]]


def test_the_monitor_finds_the_admin_service_only(render):
    objects = render(values("everything-on"))
    wanted = objects["ServiceMonitor", "chat-gantry"]["spec"]["selector"]["matchLabels"].items()
    found = [name for (kind, name), it in objects.items() if kind == "Service" and wanted <= it["metadata"]["labels"].items()]
    assert found == ["chat-gantry-admin"]


def test_services_and_policies_select_the_pods(render):
    objects = render(values("everything-on"))
    labels = objects["Deployment", "chat-gantry"]["spec"]["template"]["metadata"]["labels"].items()
    for kind, name in (("Service", "chat-gantry"), ("Service", "chat-gantry-admin")):
        assert objects[kind, name]["spec"]["selector"].items() <= labels
    assert objects["NetworkPolicy", "chat-gantry"]["spec"]["podSelector"]["matchLabels"].items() <= labels
    assert objects["PodDisruptionBudget", "chat-gantry"]["spec"]["selector"]["matchLabels"].items() <= labels


def test_more_containers_and_objects_are_taken_in(render):
    objects = render(values("everything-on"))
    assert [found["name"] for found in pod(objects)["containers"]] == ["gantry", "beside"]
    assert [found["name"] for found in pod(objects)["initContainers"]] == ["before"]
    assert objects["ConfigMap", "chat-gantry-more"]["data"] == {"key": "value"}


def test_everything_is_off_that_was_not_asked_for(render):
    kinds = sorted(kind for kind, _ in render(values("gateway-memory")))
    assert kinds == ["ConfigMap", "Deployment", "Service", "ServiceAccount"]


def test_the_schema_knows_every_value_of_the_chart():
    def unknown(schema, found, path):
        if not isinstance(found, dict) or "properties" not in schema:
            return []
        missing = [f"{path}{key}" for key in found if key not in schema["properties"]]
        return missing + [
            name
            for key, value in found.items()
            if key in schema["properties"] and schema["properties"][key]
            for name in unknown(schema["properties"][key], value, f"{path}{key}.")
        ]

    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    assert unknown(schema, defaults, "") == []
    assert sorted(defaults) == sorted(set(schema["properties"]) - {"global"})


def test_the_schema_knows_every_section_of_the_configuration():
    gantry = subprocess.run([os.environ["GANTRY"], "schema"], capture_output=True, text=True, check=True)
    chart = yaml.safe_load((CHART / "values.schema.json").read_text())
    assert sorted(yaml.safe_load(gantry.stdout)["properties"]) == sorted(chart["properties"]["config"]["properties"])
