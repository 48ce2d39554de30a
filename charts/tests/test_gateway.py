"""What the chart makes of values: the objects of a Gantry that stands before Rocket.Chat on its own."""

import json

import pytest
import yaml
from conftest import CHART, EXAMPLES, merged, values

EVERY = [name for name in EXAMPLES if not name.startswith("sidecar")]


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
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    given = values("gateway-redis")
    rendered = render(given)["ConfigMap", "chat-gantry"]["data"]["gantry.yaml"]
    assert yaml.safe_load(rendered) == merged(defaults["config"], given["config"])


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
    assert [[port["port"] for port in rule["ports"]] for rule in spec["ingress"]] == [["http", "grpc"], ["admin"], ["admin"], [8080]]
    assert [[port["port"] for port in rule["ports"]] for rule in spec["egress"]] == [[53, 53], [3000], [443], [6379, 26379], [4318]]
    assert spec["egress"][1]["to"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "rocketchat"}}}]


def test_without_scrapers_only_the_test_reaches_the_admin_port(render):
    objects = render(values("gateway-memory", networkPolicy__enabled=True))
    rules = objects["NetworkPolicy", "chat-gantry"]["spec"]["ingress"]
    assert [[port["port"] for port in rule["ports"]] for rule in rules] == [["http"], ["admin"]]
    peers = [peer["podSelector"]["matchLabels"].items() for peer in rules[1]["from"]]
    assert [peer <= objects["Pod", "chat-gantry-test"]["metadata"]["labels"].items() for peer in peers] == [True]


def test_without_redis_nobody_is_led_to_its_port(render):
    given = values("gateway-memory", networkPolicy__enabled=True)
    spec = render(given)["NetworkPolicy", "chat-gantry"]["spec"]
    assert 6379 not in [port["port"] for rule in spec["egress"] for port in rule["ports"]]


def test_the_monitor_finds_the_admin_service_only(render):
    objects = render(values("everything-on"))
    wanted = objects["ServiceMonitor", "chat-gantry"]["spec"]["selector"]["matchLabels"].items()
    found = [name for (kind, name), it in objects.items() if kind == "Service" and wanted <= it["metadata"]["labels"].items()]
    assert found == ["chat-gantry-admin"]


def test_what_is_scraped_is_called_as_the_alerts_and_the_dashboard_call_it(render):
    objects = render(values("everything-on"))
    relabelings = objects["ServiceMonitor", "chat-gantry"]["spec"]["endpoints"][0]["relabelings"]
    job = next(rule["replacement"] for rule in relabelings if rule["targetLabel"] == "job")
    assert f'job="{job}"' in str(objects["PrometheusRule", "chat-gantry"]["spec"])


def test_the_alerts_and_the_dashboard_are_those_of_the_project(render):
    objects = render(values("everything-on"))
    folder = CHART.parents[1] / "config" / "observability"
    assert objects["PrometheusRule", "chat-gantry"]["spec"] == yaml.safe_load((folder / "gantry-alerts.yaml").read_text())
    dashboard = objects["ConfigMap", "chat-gantry-dashboard"]
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(dashboard["data"]["gantry-dashboard.json"]) == json.loads((folder / "gantry-dashboard.json").read_text())


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
    objects = render(values("gateway-memory"))
    assert sorted(objects) == [
        ("ConfigMap", "chat-gantry"),
        ("Deployment", "chat-gantry"),
        ("Pod", "chat-gantry-test"),
        ("Service", "chat-gantry"),
        ("Service", "chat-gantry-test"),
        ("ServiceAccount", "chat-gantry"),
    ]


@pytest.mark.parametrize(
    "timeout, seconds",
    [(None, 30), ("25s", 30), ("1s", 6), ("40s", 45), ("1500ms", 7), ("1m 30s", 95), ("2min", 125), ("1 hour", 3605), ("1h", 3605)],
)
def test_a_pod_has_the_time_of_its_drain_and_five_seconds_to_stop(render, timeout, seconds):
    drain = {"timeout": timeout} if timeout else {}
    given = values("gateway-memory", config__listen__drain=drain)
    assert pod(render(given))["terminationGracePeriodSeconds"] == seconds


def test_a_time_to_stop_that_is_said_counts(render):
    assert pod(render(values("everything-on")))["terminationGracePeriodSeconds"] == 60


def test_certificates_are_mounted_as_directories_that_change_with_their_secrets(render):
    objects = render(values("gateway-tls"))
    mounts = {mount["mountPath"]: mount for mount in container(objects)["volumeMounts"]}
    assert mounts["/etc/gantry/tls"] == {"name": "tls", "mountPath": "/etc/gantry/tls", "readOnly": True}
    assert mounts["/etc/gantry/clients"] == {"name": "clients", "mountPath": "/etc/gantry/clients", "readOnly": True}
    secrets = {volume["name"]: volume.get("secret") for volume in pod(objects)["volumes"]}
    assert secrets["tls"]["secretName"] == "chat-tls"
    assert secrets["clients"]["items"] == [{"key": "ca.crt", "path": "ca.crt"}]
    assert objects["Service", "chat-gantry"]["spec"]["ports"][0]["appProtocol"] == "https"


def test_a_listener_without_tls_is_not_said_to_have_it(render):
    assert "appProtocol" not in render(values("gateway-memory"))["Service", "chat-gantry"]["spec"]["ports"][0]


def test_the_test_asks_the_service_that_is_made_for_it(render):
    objects = render(values("example"))
    service = objects["Service", "chat-gantry-test"]
    found = objects["Pod", "chat-gantry-test"]
    assert all(it["metadata"]["annotations"]["helm.sh/hook"] == "test" for it in (service, found))
    assert int(service["metadata"]["annotations"]["helm.sh/hook-weight"]) < 0
    assert service["spec"]["selector"].items() <= objects["Deployment", "chat-gantry"]["spec"]["template"]["metadata"]["labels"].items()
    assert not service["spec"]["selector"].items() <= found["metadata"]["labels"].items()
    # As Kubernetes calls a Service in the environment of pods that come after it.
    address = {"name": "GANTRY_ADMIN__ADDRESS", "value": "$(CHAT_GANTRY_TEST_SERVICE_HOST):9090"}
    assert address in found["spec"]["containers"][0]["env"]
    assert found["spec"]["enableServiceLinks"] is True
    assert {"name": "GANTRY_TELEMETRY__LOG__LEVEL", "value": "debug"} in found["spec"]["containers"][0]["env"]
