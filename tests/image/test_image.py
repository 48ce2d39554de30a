"""The image, run as a cluster with restricted pods runs it: what it says of itself, whether it serves, and how it ends."""

import json
import os
import pathlib
import re
import unittest

from stage import IMAGE, PATIENCE, PROGRAM, Container, Names, Stage, ask, described, engine, new_volume, run


class TheDockerfile(unittest.TestCase):
    """What a build of the first stage would stumble over only later."""

    def test_every_member_of_the_workspace_reaches_the_builder(self):
        root = pathlib.Path(__file__).parents[2]
        members = json.loads(re.search(r"^members = (\[.*?\])", (root / "Cargo.toml").read_text(), re.M)[1])
        copied, let_in = ((root / file).read_text().splitlines() for file in ("Dockerfile", ".dockerignore"))

        self.assertGreater(len(members), 3)
        for member in members:
            self.assertIn(f"COPY {member}/Cargo.toml {member}/", copied)
            self.assertIn(f"!{member}/Cargo.toml", let_in)


class WhatItIs(unittest.TestCase):
    """What can be seen without a configuration."""

    @classmethod
    def setUpClass(cls):
        cls.config = described()

    def test_it_says_the_version_and_revision_that_its_labels_say(self):
        said = run("version")

        self.assertEqual(said.returncode, 0, said.stderr)
        told = dict(line.split(" ", 1) for line in said.stdout.splitlines())
        labels = self.config["Labels"]
        self.assertEqual(told["gantry"], labels["org.opencontainers.image.version"])
        self.assertEqual(told["gantry"], os.environ["GANTRY_VERSION"])
        self.assertEqual(told["revision"], labels["org.opencontainers.image.revision"])
        self.assertEqual(told["revision"], os.environ["GANTRY_REVISION"])

    def test_its_labels_tell_what_it_is_and_from_when(self):
        labels = {name.removeprefix("org.opencontainers.image."): text for name, text in self.config["Labels"].items()}

        self.assertEqual(labels["title"], "Gantry")
        self.assertEqual(labels["licenses"], "Apache-2.0")
        self.assertIn("Rocket.Chat", labels["description"])
        self.assertRegex(labels["created"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def test_it_runs_gantry_as_a_user_by_number_who_is_not_root(self):
        self.assertEqual(self.config["User"], "65532:65532")
        self.assertEqual(self.config["Entrypoint"], [PROGRAM])
        self.assertEqual(self.config["Cmd"], ["run", "--config", "/etc/gantry/gantry.yaml"])
        self.assertEqual(self.config["StopSignal"], "SIGTERM")

    def test_there_is_no_shell_in_it(self):
        for shell in ("/bin/sh", "/bin/bash", "/busybox/sh"):
            tried = engine("run", "--rm", "--network=none", f"--entrypoint={shell}", IMAGE, "-c", "true", check=False)
            self.assertNotEqual(tried.returncode, 0, f"{shell} ran")
            self.assertRegex(tried.stderr, "no such file or directory")

    def test_a_healthcheck_of_nobody_fails(self):
        with Stage() as stage:
            tried = run("healthcheck", "--config", "/etc/gantry/gantry.yaml", mount=stage.folder)

        self.assertEqual(tried.returncode, 1)
        self.assertIn("cannot be reached", tried.stderr)

    def test_a_wrong_configuration_ends_it_with_1_and_a_message_that_names_the_key(self):
        with Stage() as stage:
            stage.configure(listen={"address": "127.0.0.1:8080", "public_ulr": "https://chat.example.com"})
            tried = run(mount=stage.folder)

        self.assertEqual(tried.returncode, 1)
        self.assertIn("public_ulr", tried.stderr)
        self.assertIn("public_url", tried.stderr)

    def test_a_configuration_that_is_missing_ends_it_with_1_and_its_path(self):
        tried = run()

        self.assertEqual(tried.returncode, 1)
        self.assertIn("/etc/gantry/gantry.yaml", tried.stderr)


class HowItServes(unittest.TestCase):
    """One container before one Rocket.Chat."""

    @classmethod
    def setUpClass(cls):
        cls.stage = cls.enterClassContext(Stage())
        cls.container = cls.enterClassContext(Container(cls.stage))
        cls.container.become_ready()

    @classmethod
    def enterClassContext(cls, manager):
        # unittest's own begins with Python 3.11.
        entered = manager.__enter__()
        cls.addClassCleanup(manager.__exit__, None, None, None)
        return entered

    def test_it_is_alive_and_ready(self):
        for path in ("/livez", "/readyz"):
            self.assertEqual(ask(f"{self.stage.admin_url}{path}")[0], 200, path)

    def test_its_own_healthcheck_finds_it_well(self):
        test = described()["Healthcheck"]["Test"]

        self.assertEqual(test[:2], ["CMD", PROGRAM])
        tried = self.container.execute(*test[1:])
        self.assertEqual((tried.returncode, tried.stdout), (0, ""), tried.stderr)

    def test_a_request_without_identity_is_refused(self):
        status, kind, body = ask(f"{self.stage.url}/api/v1/me")

        self.assertEqual((status, kind), (401, "application/problem+json"))
        self.assertTrue(json.loads(body)["type"].endswith("missing-token"), body)

    def test_a_request_with_a_jwt_reaches_rocketchat_as_its_user(self):
        status, _, body = ask(f"{self.stage.url}/api/v1/me", {"Authorization": f"Bearer {self.stage.jwt('alice')}"})

        self.assertEqual(status, 200, body)
        self.assertEqual(json.loads(body)["username"], "alice")

    def test_it_finds_rocketchat_by_a_name_server(self):
        if not any("resolv.conf" in it for it in self.stage.by_name):
            self.skipTest("port 53 is not ours to take: the name stands in /etc/hosts")

        self.assertTrue(Names.asked.is_set())

    def test_it_holds_no_right_and_gets_none(self):
        status = dict(line.split(":\t", 1) for line in self.container.of_process("status").splitlines() if ":\t" in line)

        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[name], 16), 0, name)
        self.assertEqual(status["NoNewPrivs"], "1")
        for name in ("Uid", "Gid"):
            self.assertNotIn("0", status[name].split(), name)

    def test_it_has_no_place_to_write_to(self):
        # Of the engine's own, such as /dev/shm, none holds what outlives the container.
        engines = ("/dev", "/proc", "/sys")
        mounts = [line.split() for line in self.container.of_process("mountinfo").splitlines()]
        own = {mount[4]: mount[5].split(",") for mount in mounts if not mount[4].startswith(engines)}

        self.assertIn("ro", own["/"])
        self.assertIn("ro", own["/etc/gantry"])
        for path in ("/tmp", "/run", "/var/tmp"):
            self.assertNotIn("rw", own.get(path, []), path)


class HowItEnds(unittest.TestCase):
    """What is there afterwards."""

    def test_sigterm_ends_it_with_0_before_anybody_loses_patience(self):
        with Stage() as stage, Container(stage) as container:
            container.become_ready()

            engine("stop", "-t", str(PATIENCE), container.id)

            # A process that had to be killed ends with 137.
            self.assertEqual(container.state()["ExitCode"], 0)
            self.assertIn("gantry stopped", container.log())

    def test_a_new_volume_keeps_its_sessions(self):
        with Stage() as stage, new_volume() as volume:
            stage.configure(sessions={"store": "file", "encryption_key_file": "sealing-key"})
            keeps = f"{volume}:/var/lib/gantry"

            with Container(stage, keeps) as first:
                first.become_ready()
                status, _, body = ask(f"{stage.url}/_gantry/session", {"Authorization": f"Bearer {stage.jwt('alice')}"}, "POST")
                self.assertEqual(status, 200, body)
                session = json.loads(body)
                engine("stop", "-t", str(PATIENCE), first.id)
            with Container(stage, keeps) as second:
                second.become_ready()
                status, _, body = ask(f"{stage.url}/api/v1/me", {"X-User-Id": session["userId"], "X-Auth-Token": session["token"]})

        self.assertEqual(status, 200, body)
        self.assertEqual(json.loads(body)["username"], "alice")


if __name__ == "__main__":
    unittest.main()
