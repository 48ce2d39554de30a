"""Gantry itself reads what the chart makes of every values file, and what the guides show."""

import pytest
import yaml
from conftest import EXAMPLES, ROOT, merged, shown, values

READ = [name for name in EXAMPLES if name != "existing-configmap"]
FOLDER = ROOT / "config" / "kubernetes"
GUIDES = ("kubernetes", "replicas", "upgrading-rocketchat")


@pytest.mark.parametrize("file", READ)
def test_the_rendered_configuration_is_valid(render, check, file):
    assert check(*configured(render(values(file)))) == ""


def configured(objects):
    """The text of the rendered configuration, and the environment of the container that reads it."""
    if ("Deployment", "chat-gantry") in objects:
        containers = objects["Deployment", "chat-gantry"]["spec"]["template"]["spec"]["containers"]
    else:
        containers = yaml.safe_load(objects["ConfigMap", "chat-gantry-sidecar"]["data"]["values.yaml"])["extraInitContainers"]
    gantry = next(found for found in containers if found["name"] == "gantry")
    environment = {it["name"]: it["value"] for it in gantry["env"] if it["name"].startswith("GANTRY_")}
    return objects["ConfigMap", "chat-gantry"]["data"]["gantry.yaml"], environment


def test_certificates_that_are_missing_are_found_out(render, check):
    text, environment = configured(render(values("gateway-tls")))
    environment["GANTRY_LISTEN__TLS__CERTIFICATE_FILE"] += ".gone"
    assert "certificate_file" in check(text, environment)


@pytest.mark.parametrize("folder", ["gateway", "sidecar"])
def test_the_configuration_of_the_plain_manifests_is_valid(check, folder):
    assert check((FOLDER / folder / "gantry.yaml").read_text()) == ""


@pytest.mark.parametrize("guide", GUIDES)
def test_values_that_a_guide_shows_make_a_valid_configuration(render, check, guide):
    for base, block in shown(ROOT / "docs" / f"{guide}.md", "values"):
        given = merged(values(base), block) if base else block
        assert check(*configured(render(given))) == "", block


@pytest.mark.parametrize("guide", GUIDES)
def test_configuration_that_a_guide_shows_is_valid(check, guide):
    least = yaml.safe_load((FOLDER / "gateway" / "gantry.yaml").read_text())
    for _, block in shown(ROOT / "docs" / f"{guide}.md", "configuration"):
        assert check(yaml.safe_dump(merged(least, block))) == "", block


def test_guides_show_what_is_read_here():
    found = [mark for guide in GUIDES for mark in ("values", "configuration") for _ in shown(ROOT / "docs" / f"{guide}.md", mark)]
    assert found.count("values") > 4
    assert found.count("configuration") > 1
