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
    "a_readable_auth_token": (
        "gateway-memory",
        {"config__rocketchat__service_account__auth_token": "x"},
        "config.rocketchat.service_account.auth_token would stand readable",
    ),
    "a_readable_encryption_key": (
        "gateway-file",
        {"config__sessions__encryption_key": "x"},
        "config.sessions.encryption_key would stand readable",
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
    "a_budget_both_ways": ("gateway-redis", {"podDisruptionBudget__minAvailable": 1}, "needs exactly one of minAvailable"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_contradicts_is_refused_with_what_to_change(refusal, name):
    file, changes, words = REFUSED[name]
    assert words in refusal(values(file, **changes))


@pytest.mark.parametrize(
    "path", ["replica", "ingress__hosts", "image__name", "config__session", "persistence__enabled", "networkPolicy__egress"]
)
def test_unknown_keys_are_refused_by_name(refusal, path):
    assert path.split("__")[-1] in refusal(values("gateway-memory", **{path: "x"}))


@pytest.mark.parametrize(
    "path, value",
    [("image__pullPolicy", "Sometimes"), ("config__listen__address", "0.0.0.0:1"), ("config__sessions__store", "sqlite")],
)
def test_wrong_values_are_refused_by_key(refusal, path, value):
    assert path.split("__")[-1] in refusal(values("gateway-memory", **{path: value}))
