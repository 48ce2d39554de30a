"""Values that contradict each other or miss something are refused with what to change."""

import pytest
from conftest import values

ISSUER = {"issuer": "https://app.example.com", "audiences": ["chat"]}
REFUSED = {
    "no_public_url": ("gateway-memory", {"config__listen__public_url": ""}, "config.listen.public_url is required"),
    "no_issuers": ("gateway-memory", {"config__issuers": []}, "config.issuers needs at least one issuer"),
    "no_rocketchat_url": ("gateway-memory", {"config__rocketchat__url": ""}, "config.rocketchat.url is required"),
    "files_of_no_secret": ("gateway-memory", {"existingSecret": ""}, "set existingSecret to the Secret that holds them"),
    "hs256_without_a_secret": (
        "gateway-memory",
        {"config__issuers": [ISSUER | {"algorithms": ["HS256"]}]},
        "config.issuers[0] allows HS256 without a secret",
    ),
    "a_readable_issuer_secret": (
        "gateway-memory",
        {"config__issuers": [ISSUER | {"secret": "x"}]},
        "config.issuers[0].secret would stand readable",
    ),
    "a_password_in_the_redis_url": (
        "gateway-redis",
        {"config__sessions__redis__url": "redis://gantry:x@redis:6379"},
        "config.sessions.redis.url holds a password",
    ),
    "an_address_by_environment": (
        "gateway-memory",
        {"extraEnv": [{"name": "GANTRY_LISTEN__ADDRESS", "value": "0.0.0.0:1"}]},
        "extraEnv must not set GANTRY_LISTEN__ADDRESS",
    ),
    "a_store_by_environment": (
        "gateway-memory",
        {"extraEnv": [{"name": "GANTRY_SESSIONS__STORE", "value": "redis"}]},
        "extraEnv must not set GANTRY_SESSIONS__STORE: the chart itself goes by it, so set config.sessions.store",
    ),
    "a_drain_by_environment": (
        "gateway-memory",
        {"extraEnv": [{"name": "GANTRY_LISTEN__DRAIN__TIMEOUT", "value": "5m"}]},
        "so set config.listen.drain.timeout",
    ),
    "two_pods_with_memory": ("gateway-memory", {"replicas": 2}, "replicas: 2 needs config.sessions.store: redis"),
    "two_pods_with_a_file": ("gateway-file", {"replicas": 2}, "replicas: 2 needs config.sessions.store: redis"),
    "two_pods_with_an_unread_configuration": ("existing-configmap", {"replicas": 2}, "needs config.sessions.store: redis"),
    "autoscaling_with_memory": (
        "gateway-memory",
        {"autoscaling__enabled": True},
        "autoscaling needs config.sessions.store: redis",
    ),
    "autoscaling_upside_down": (
        "gateway-redis",
        {"autoscaling": {"enabled": True, "minReplicas": 9}},
        "autoscaling.minReplicas is above autoscaling.maxReplicas",
    ),
    "autoscaling_by_nothing": (
        "gateway-redis",
        {"autoscaling": {"enabled": True, "cpu": 0}},
        "set autoscaling.cpu or autoscaling.websockets",
    ),
    "both_ways_in": (
        "with-ingress",
        {"httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}]}},
        "ingress and httpRoute are both enabled",
    ),
    "a_sidecar_with_an_ingress": (
        "sidecar-memory",
        {"ingress__enabled": True},
        "lead the host to the Service chat-gantry, port 80, with an Ingress of your own",
    ),
    "a_sidecar_with_a_route": (
        "sidecar-memory",
        {"httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}]}},
        "lead the host to the Service chat-gantry, port 80, with an HTTPRoute of your own",
    ),
    "a_route_without_a_gateway": ("with-httproute", {"httpRoute__parentRefs": []}, "httpRoute.parentRefs needs at least one"),
    "an_ingress_without_a_host": ("existing-configmap", {"ingress__enabled": True}, "set ingress.host or config.listen"),
    "a_budget_of_one_pod": (
        "gateway-memory",
        {"podDisruptionBudget__enabled": True},
        "podDisruptionBudget needs at least two pods",
    ),
    "a_budget_of_nothing": ("gateway-redis", {"podDisruptionBudget__maxUnavailable": 0}, "forbids every drain of a node"),
    "a_budget_of_all": (
        "gateway-redis",
        {"podDisruptionBudget": {"enabled": True, "minAvailable": 3, "maxUnavailable": ""}},
        "forbids every drain of a node",
    ),
    "a_file_without_an_encryption_key": (
        "gateway-file",
        {"config__sessions__encryption_key_file": ""},
        "config.sessions.store: file seals auth tokens: set config.sessions.encryption_key_file",
    ),
    "redis_without_an_encryption_key": (
        "gateway-redis",
        {"config__sessions__encryption_key_file": ""},
        "config.sessions.store: redis seals auth tokens: set config.sessions.encryption_key_file",
    ),
    "redis_without_a_server": (
        "gateway-redis",
        {"config__sessions__redis": {"cluster": False}},
        "set config.sessions.redis.url, nodes or sentinel.nodes",
    ),
    "a_filter_without_a_secret": ("gateway-memory", {"config__filter": {"enabled": True}}, "set config.filter.secret_file"),
    "a_filter_that_nobody_hears": (
        "everything-on",
        {"config__filter__grpc_address": "127.0.0.1:9191"},
        "config.filter.grpc_address: 127.0.0.1:9191 is heard inside the pod only",
    ),
    "a_filter_on_a_taken_port": (
        "everything-on",
        {"config__filter__grpc_address": "0.0.0.0:9090"},
        "takes a port of the pod's own listeners",
    ),
    "two_certificates": (
        "gateway-tls",
        {"config__listen__tls__certificate_file": "/etc/gantry/secrets/tls.crt"},
        "leave certificate_file and key_file out of config",
    ),
    "clients_certificates_without_tls": ("gateway-memory", {"tls": {"clientCaSecret": "x"}}, "set tls.existingSecret, too"),
    "a_claim_without_a_file": (
        "gateway-memory",
        {"persistence": {"existingClaim": "mine"}},
        "persistence.existingClaim holds no sessions with a memory store",
    ),
    "a_monitor_that_is_shut_out": (
        "gateway-memory",
        {"serviceMonitor": {"enabled": True}, "networkPolicy": {"enabled": True}},
        "name it in networkPolicy.scrapers",
    ),
    "a_kill_before_the_drain_is_over": (
        "gateway-memory",
        {"terminationGracePeriodSeconds": 20},
        "terminationGracePeriodSeconds: 20 kills Gantry before config.listen.drain.timeout, 25 s, is over",
    ),
    "a_drain_in_no_unit": ("gateway-memory", {"config__listen__drain": {"timeout": "5 blinks"}}, "is no duration"),
    "rocketchats_pods_without_the_mode": ("gateway-memory", {"sidecar": {"release": "rocketchat"}}, "set mode: sidecar"),
    "a_sidecar_of_nobody": ("sidecar-memory", {"sidecar__release": ""}, "set sidecar.release to the release"),
    "a_sidecar_that_leads_away": (
        "sidecar-memory",
        {"config__rocketchat__url": "http://rocketchat:3000"},
        "config.rocketchat.url leads to rocketchat: set it to http://127.0.0.1:3000",
    ),
    "a_sidecar_with_a_file": (
        "sidecar-memory",
        {"config__sessions": {"store": "file", "encryption_key_file": "/etc/gantry/secrets/encryption-key"}},
        "mode: sidecar cannot keep sessions in a file",
    ),
    "sidecars_with_memory": ("sidecar-memory", {"replicas": 2}, "replicas: 2 needs config.sessions.store: redis"),
    "a_sidecar_that_scales": ("sidecar-redis", {"autoscaling": {"enabled": True}}, "autoscaling does nothing with mode: sidecar"),
    "a_sidecar_with_a_budget": (
        "sidecar-redis",
        {"podDisruptionBudget": {"enabled": True}},
        "podDisruptionBudget does nothing with mode: sidecar",
    ),
    "a_sidecar_with_a_time_to_stop": (
        "sidecar-redis",
        {"terminationGracePeriodSeconds": 60},
        "terminationGracePeriodSeconds does nothing with mode: sidecar",
    ),
    "a_sidecar_on_nodes_of_its_own": (
        "sidecar-memory",
        {"nodeSelector": {"kubernetes.io/os": "linux"}},
        "nodeSelector does nothing with mode: sidecar",
    ),
    "a_budget_both_ways": ("gateway-redis", {"podDisruptionBudget__minAvailable": 1}, "needs exactly one of minAvailable"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_contradicts_is_refused_with_what_to_change(refusal, name):
    file, changes, words = REFUSED[name]
    assert words in refusal(values(file, **changes))


def test_a_sidecar_is_refused_where_init_containers_end(template):
    refused = template(values("sidecar-memory"), "--kube-version", "1.28.0")
    assert refused.returncode != 0
    assert "mode: sidecar needs Kubernetes 1.29 or later" in " ".join(refused.stderr.split())
    assert template(values("sidecar-memory"), "--kube-version", "1.29.0").returncode == 0


@pytest.mark.parametrize(
    "path", ["replica", "ingress__hosts", "image__name", "config__session", "config__users__provisions", "sidecar__labels", "persistence__enabled", "networkPolicy__egress"]
)
def test_unknown_keys_are_refused_by_name(refusal, path):
    assert path.split("__")[-1] in refusal(values("gateway-memory", **{path: "x"}))


@pytest.mark.parametrize(
    "path, value",
    [
        ("image__pullPolicy", "Sometimes"),
        ("mode", "beside"),
        ("config__listen__address", "0.0.0.0:1"),
        ("config__sessions__store", "sqlite"),
        ("config__sessions__idle_timeout", 12),
        ("terminationGracePeriodSeconds", "30s"),
    ],
)
def test_wrong_values_are_refused_by_key(refusal, path, value):
    assert path.split("__")[-1] in refusal(values("gateway-memory", **{path: value}))
