"""What stands around the image in its tests: Rocket.Chat's lookalike, a name server, JWTs, and the engine that runs containers."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import secrets
import shutil
import socket
import socketserver
import struct
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

ENGINE = os.environ["GANTRY_ENGINE"]
IMAGE = os.environ["GANTRY_IMAGE"]
LOOKALIKE = os.environ["GANTRY_LOOKALIKE"]

# What a cluster with restricted pods grants, and less: no writable place at all.
RESTRICTED = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
if ENGINE == "podman":
    # Otherwise it lays writable file systems over /tmp and /run.
    RESTRICTED.append("--read-only-tmpfs=false")

PROGRAM = "/usr/local/bin/gantry"
ISSUER = "https://app.example.com"
AUDIENCE = "chat"
CREATE_TOKEN_SECRET = "a secret of the stage"
# 32 bytes that seal what is kept.
SEALING_KEY = secrets.token_hex(32)

# How Gantry is told where Rocket.Chat is: by a name that only the stage knows.
ROCKETCHAT = "rocketchat.test"

# Longest that anything is waited for, in seconds.
PATIENCE = 60

# What is asked is on this machine, whatever proxy the environment names.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def engine(*arguments, check=True):
    """Runs the engine to the end of the command; its output is text."""
    done = subprocess.run([ENGINE, *arguments], capture_output=True, text=True, timeout=PATIENCE * 2)
    if check and done.returncode != 0:
        raise AssertionError(f"{ENGINE} {arguments[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done


def run(*arguments, mount=None):
    """A container for one command, without a network."""
    volume = [f"--volume={mount}:/etc/gantry:ro"] if mount else []
    return engine("run", "--rm", *RESTRICTED, "--network=none", *volume, IMAGE, *arguments, check=False)


def described():
    """The image's own settings, as the engine tells them."""
    image = json.loads(engine("image", "inspect", IMAGE).stdout)[0]
    # podman tells it beside the others.
    return {"Healthcheck": image.get("Healthcheck"), **image["Config"]}


def eventually(what, look):
    """What `look` finds, once it finds something."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited in vain until {what}")


def free_port(address):
    """A port below those that connections get, so that none takes it before Gantry does."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as taken, contextlib.suppress(OSError):
            taken.bind((address, port))
            return port


def ask(url, headers=None, method="GET"):
    """Status, content type and body of what is answered; a status of 0 when nobody answers."""
    try:
        with DIRECT.open(urllib.request.Request(url, headers=headers or {}, method=method), timeout=PATIENCE) as answer:
            return answer.status, answer.headers.get_content_type(), answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers.get_content_type(), answer.read().decode()
    except OSError:
        return 0, "", ""


def jwt(name, secret):
    """A JWT as the host application would sign it."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": f"subject of {name}", "sid": f"login of {name}", "iat": now, "exp": now + 600,
              "preferred_username": name, "name": name.title(), "email": f"{name}@example.com", "email_verified": True}
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


class Names(socketserver.BaseRequestHandler):
    """A name server that knows one name and one address."""

    asked = threading.Event()

    def handle(self):
        question, answerer = self.request
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        kind = struct.unpack_from("!H", question, at + 1)[0]
        known = ".".join(labels) == ROCKETCHAT
        self.asked.set()
        address = struct.pack("!HHHIH4s", 0xC00C, 1, 1, 1, 4, socket.inet_aton("127.0.0.1")) if known and kind == 1 else b""
        flags = 0x8180 if known else 0x8183
        head = question[:2] + struct.pack("!HHHHH", flags, 1, 1 if address else 0, 0, 0)
        answerer.sendto(head + question[12:at + 5] + address, self.client_address)


class Stage:
    """Rocket.Chat's lookalike on loopback, under a name, and the files of a Gantry before it."""

    def __init__(self):
        self.leaving = contextlib.ExitStack()

    def __enter__(self):
        # What was begun is ended, too, when the rest cannot be.
        with contextlib.ExitStack() as leaving:
            self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gantry-image-"))
            leaving.callback(shutil.rmtree, self.folder)
            # The image's user is a stranger here.
            self.folder.chmod(0o755)
            # Stages that stand at the same time are in nobody's way: not even with their name server, whose port is given.
            self.address = f"127.77.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
            self.port, self.admin_port = free_port(self.address), free_port(self.address)
            self.rocketchat = self._rocketchat(leaving)
            self.by_name = self._name(leaving)
            self.secret = secrets.token_urlsafe(48)
            self.configure()
            self.leaving = leaving.pop_all()
        return self

    def __exit__(self, *failure):
        self.leaving.close()

    @property
    def url(self):
        return f"http://{self.address}:{self.port}"

    @property
    def admin_url(self):
        return f"http://{self.address}:{self.admin_port}"

    def jwt(self, name):
        return jwt(name, self.secret)

    def configure(self, **changes):
        """Writes the configuration and its secrets, with whole sections changed."""
        texts = {"auth-token": self.rocketchat["token"], "create-token-secret": CREATE_TOKEN_SECRET, "jwt-secret": self.secret, "sealing-key": SEALING_KEY}
        for name, text in texts.items():
            (self.folder / name).write_text(text)
        config = {
            "listen": {"address": f"{self.address}:{self.port}", "public_url": self.url},
            "admin": {"address": f"{self.address}:{self.admin_port}"},
            "rocketchat": {
                "url": f"http://{ROCKETCHAT}:{self.rocketchat['url'].rsplit(':', 1)[1]}",
                "service_account": {"user_id": self.rocketchat["user_id"], "auth_token_file": "auth-token"},
                "create_token_secret_file": "create-token-secret",
            },
            "issuers": [{"issuer": ISSUER, "audiences": [AUDIENCE], "algorithms": ["HS256"], "secret_file": "jwt-secret"}],
        }
        # JSON is YAML, and quotes by itself.
        (self.folder / "gantry.yaml").write_text(json.dumps({**config, **changes}))

    def _rocketchat(self, leaving):
        said = {}
        program = subprocess.Popen([LOOKALIKE, "--port=0", f"--secret={CREATE_TOKEN_SECRET}"], stdout=subprocess.PIPE, text=True)
        leaving.enter_context(program)
        leaving.callback(program.kill)
        while "password" not in said:
            line = program.stdout.readline()
            if not line:
                raise AssertionError("the lookalike ended before it served")
            name, _, value = line.strip().partition(": ")
            said[name] = value
        return said

    def _name(self, leaving):
        """How containers learn Rocket.Chat's name: from a name server, or from their own table where the port of names is not ours to take."""
        try:
            server = socketserver.ThreadingUDPServer((self.address, 53), Names)
        except PermissionError:
            return [f"--add-host={ROCKETCHAT}:127.0.0.1"]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        leaving.callback(server.server_close)
        leaving.callback(server.shutdown)
        resolver = self.folder / "resolv.conf"
        resolver.write_text(f"nameserver {self.address}\noptions timeout:5\n")
        return [f"--volume={resolver}:/etc/resolv.conf:ro"]


@contextlib.contextmanager
def new_volume():
    """The name of a volume that nobody has used yet."""
    name = engine("volume", "create").stdout.strip()
    try:
        yield name
    finally:
        engine("volume", "rm", name)


class Container:
    """Gantry as the image starts it, before a stage, with no more rights than it needs. Its network is this machine's, for its loopback."""

    def __init__(self, stage, *volumes):
        self.stage = stage
        self.volumes = [f"--volume={volume}" for volume in volumes]

    def __enter__(self):
        mounts = [*self.stage.by_name, *self.volumes, f"--volume={self.stage.folder}:/etc/gantry:ro"]
        self.id = engine("run", "--detach", *RESTRICTED, "--network=host", *mounts, IMAGE).stdout.strip()
        return self

    def __exit__(self, *failure):
        engine("rm", "--force", self.id)

    def state(self):
        return json.loads(engine("inspect", self.id).stdout)[0]["State"]

    def log(self):
        told = engine("logs", self.id)
        return told.stdout + told.stderr

    def become_ready(self):
        def look():
            if not self.state()["Running"]:
                raise AssertionError(f"Gantry ended: {self.log()}")
            return ask(f"{self.stage.admin_url}/readyz")[0] == 200
        eventually("Gantry is ready", look)

    def execute(self, *command):
        return engine("exec", self.id, *command, check=False)

    def of_process(self, file):
        """A file of the kernel's about the container's first process, seen from outside: nothing in the image could read it."""
        return pathlib.Path("/proc", str(self.state()["Pid"]), file).read_text()
