"""Gantry itself reads what the chart makes of every values file, with the environment of its container."""

import base64
import os
import secrets
import subprocess

import pytest
import yaml
from conftest import EXAMPLES, ROOT, values

READ = [name for name in EXAMPLES if name != "existing-configmap"]


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """What stands for /etc/gantry: the secrets that the values files name, and a certificate."""
    folder = tmp_path_factory.mktemp("etc")
    for name in ("secrets", "tls", "clients"):
        (folder / name).mkdir()
    for secret in ("auth-token", "create-token-secret", "redis-password", "filter-secret"):
        (folder / "secrets" / secret).write_text(secrets.token_hex(32))
    (folder / "secrets" / "encryption-key").write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    key, certificate = folder / "tls" / "tls.key", folder / "tls" / "tls.crt"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
    names = ["-subj", "/CN=chat.example.com", "-addext", "subjectAltName=DNS:chat.example.com"]
    command = ["openssl", "req", "-x509", *curve, *names, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, capture_output=True, check=True)
    (folder / "clients" / "ca.crt").write_text(certificate.read_text())
    return folder


def container(objects):
    if ("Deployment", "chat-gantry") in objects:
        containers = objects["Deployment", "chat-gantry"]["spec"]["template"]["spec"]["containers"]
    else:
        containers = yaml.safe_load(objects["ConfigMap", "chat-gantry-sidecar"]["data"]["values.yaml"])["extraInitContainers"]
    return next(found for found in containers if found["name"] == "gantry")


def check(text, environment, files, path):
    """What `gantry check` says, with the files of `files` in place of /etc/gantry."""
    path.write_text(text.replace("/etc/gantry", str(files)))
    given = {name: value.replace("/etc/gantry", str(files)) for name, value in environment.items()}
    command = [os.environ["GANTRY"], "check", "--config", str(path)]
    return subprocess.run(command, env=given, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("file", READ)
def test_the_rendered_configuration_is_valid(render, files, tmp_path, file):
    objects = render(values(file))
    environment = {it["name"]: it["value"] for it in container(objects)["env"] if it["name"].startswith("GANTRY_")}
    text = objects["ConfigMap", "chat-gantry"]["data"]["gantry.yaml"]
    checked = check(text, environment, files, tmp_path / "gantry.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_certificates_that_are_missing_are_found_out(render, files, tmp_path):
    objects = render(values("gateway-tls"))
    environment = {it["name"]: it["value"] + ".gone" for it in container(objects)["env"] if it["name"].endswith("CERTIFICATE_FILE")}
    checked = check(objects["ConfigMap", "chat-gantry"]["data"]["gantry.yaml"], environment, files, tmp_path / "gantry.yaml")
    assert checked.returncode == 1
    assert "certificate_file" in checked.stdout + checked.stderr


@pytest.mark.parametrize("folder", ["gateway", "sidecar"])
def test_the_configuration_of_the_plain_manifests_is_valid(files, tmp_path, folder):
    text = (ROOT / "config" / "kubernetes" / folder / "gantry.yaml").read_text()
    checked = check(text, {}, files, tmp_path / "gantry.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
