"""What is shipped beside the code: locks, version, Makefile, CI, image and compose file."""

import json
import os
import re
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from typer.core import TyperGroup
from typer.main import get_command

import gateway
from gateway.cli.main import app
from gateway.cli.serve import check_settings
from gateway.settings import Settings, is_loopback, load_settings
from tests.blockyaml import parse

ROOT = Path(__file__).parents[1]
RELEASE = re.compile(r"^## \[(\d[^\]]*)\]", re.MULTILINE)
USING = {"demo", "serve"}
WORKING = {"test", "test-system", "long", "check", "bench", "lock", "clean", "help"}
SERVICES = {"gateway", "gateway-demo", "realtime", "twilio"}


def text_of(name: str) -> str:
    """A file of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads(text_of("pyproject.toml"))


@cache
def uv_lock() -> dict[str, tuple[str, set[str]]]:
    """Version and hashes of every package in uv.lock, without the project itself."""
    packages = {}
    for package in tomllib.loads(text_of("uv.lock"))["package"]:
        if "registry" in package["source"]:
            files = [*package.get("wheels", []), *filter(None, [package.get("sdist")])]
            packages[package["name"]] = (package["version"], {file["hash"] for file in files})
    return packages


def requirements() -> Iterator[tuple[Requirement, set[str]]]:
    """Each requirement of requirements.lock with its hashes."""
    for line in text_of("requirements.lock").replace("\\\n", " ").splitlines():
        requirement, *hashes = line.split(" --hash=")
        yield Requirement(requirement.strip()), {each.strip() for each in hashes}


def asked_for() -> list[Requirement]:
    """Everything pyproject.toml asks for: to run, to build and to develop."""
    asked = [*project()["project"]["dependencies"], *project()["build-system"]["requires"]]
    for group in project()["dependency-groups"].values():
        asked += group
    return [Requirement(each) for each in asked]


ONLY_EXTRA = {"sounddevice"}
"""What only an extra needs that neither the tests nor the image have (`audio`)."""


def test_both_locks_say_the_same() -> None:
    """requirements.lock pins the packages, versions and hashes of uv.lock."""
    exported = {}
    for requirement, hashes in requirements():
        (pin,) = requirement.specifier
        assert pin.operator == "=="
        assert requirement.name not in exported
        exported[requirement.name] = (pin.version, hashes)
    assert len(exported) > 30
    ours = {name: pin for name, pin in uv_lock().items() if name not in ONLY_EXTRA}
    assert exported == ours


def test_the_lock_holds_what_pyproject_asks_for() -> None:
    """Every dependency is locked, at a version that pyproject.toml allows."""
    for requirement in asked_for():
        version, hashes = uv_lock()[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), requirement
        assert hashes


def test_pip_needs_no_build_backend_from_elsewhere() -> None:
    """The build backend and what editable installs need of it are in the lock themselves."""
    assert {"hatchling", "editables"} <= {requirement.name for requirement, _ in requirements()}


def test_audioop_comes_from_outside_only_where_it_left() -> None:
    """audioop-lts is for Python 3.13 and newer: before, the standard library has audioop."""
    asked = [each for each in asked_for() if each.name == "audioop-lts"]
    locked = [each for each, _ in requirements() if each.name == "audioop-lts"]
    for requirement in [*asked, *locked]:
        assert requirement.marker is not None
        for version, needed in (("3.11", False), ("3.12", False), ("3.13", True), ("3.14", True)):
            environment = {"python_version": version, "python_full_version": f"{version}.0"}
            assert requirement.marker.evaluate(environment) is needed
    assert len(asked) == len(locked) == 1


def test_the_lock_names_no_place() -> None:
    """requirements.lock holds names, versions and hashes: no address, option or path."""
    for line in text_of("requirements.lock").splitlines():
        assert re.fullmatch(
            r"[a-z0-9-]+==[\w.+!]+(?: ; [\w. '=<>!()]+)? \\|    --hash=sha256:[0-9a-f]{64}(?: \\)?",
            line,
        ), line


def test_the_version_is_the_newest_in_the_changelog() -> None:
    """The newest release in CHANGELOG.md is the version of the package, and releases descend."""
    releases = [Version(each) for each in RELEASE.findall(text_of("CHANGELOG.md"))]
    assert releases
    assert releases[0] == Version(gateway.__version__)
    assert releases == sorted(set(releases), reverse=True)


def test_the_wheel_holds_the_whole_package(tmp_path: Path) -> None:
    """The wheel carries every file of the package and the agents that come with it."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=50)
    (wheel,) = tmp_path.glob("*.whl")
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("gateway/")}
    assert shipped == files_of("gateway") | {
        f"gateway/{name}" for name in files_of("agents_config")
    }


def files_of(folder: str) -> set[str]:
    """The files of a folder of the project that are no caches."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_license_is_mit() -> None:
    """LICENSE is the MIT text and pyproject.toml says so."""
    license_text = text_of("LICENSE")
    assert license_text.startswith("MIT License\n\nCopyright (c) ")
    assert "The gateway authors" in license_text
    assert project()["project"]["license"] == "MIT"


def test_every_target_explains_itself() -> None:
    """Each Makefile target people type has its line in `make help`."""
    explained = set(re.findall(r"^([a-z-]+):.* ## \S", text_of("Makefile"), re.MULTILINE))
    assert explained == USING | WORKING
    phony = re.search(r"^\.PHONY: (.+)$", text_of("Makefile"), re.MULTILINE)
    assert phony
    assert set(phony[1].split()) >= USING | WORKING


def test_ci_runs_what_people_run() -> None:
    """CI proves the tree with the Makefile's own targets and nothing beside them."""
    script = ROOT / ".ci" / "run"
    used = set(re.findall(r"\bmake ([a-z-]+)", text_of(".ci/run")))
    assert used == {"check", "test", "test-system"}
    assert os.access(script, os.X_OK)


@pytest.mark.system
def test_shell_scripts_are_clean() -> None:
    """shellcheck finds nothing in our shell scripts."""
    scripts = [".ci/run", *map(str, ROOT.glob("tools/*.sh"))]
    done = subprocess.run(["shellcheck", *scripts], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@cache
def dockerfile() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile in order."""
    text = re.sub(r"^#.*\n", "", text_of("Dockerfile"), flags=re.MULTILINE)
    lines = [line.split(maxsplit=1) for line in text.replace("\\\n", " ").splitlines()]
    return [(line[0], line[1].strip()) for line in lines if line]


def last(instruction: str) -> str:
    """What an instruction of the Dockerfile says in the end."""
    return [rest for word, rest in dockerfile() if word == instruction][-1]


def test_the_image_stands_on_a_named_python() -> None:
    """Every stage is the same pinned Python, one that the package is declared for."""
    images = {rest.split(" AS ")[0] for word, rest in dockerfile() if word == "FROM"}
    (image,) = images
    tag = re.fullmatch(r"python:(\d\.\d+)-slim-[a-z]+", image)
    assert tag
    assert f"Programming Language :: Python :: {tag[1]}" in project()["project"]["classifiers"]


def test_the_image_installs_only_what_the_lock_vouches_for() -> None:
    """Downloads are checked against the lock's hashes, and the install sees nothing else."""
    runs = [rest for word, rest in dockerfile() if word == "RUN"]
    assert any("--require-hashes" in run and "requirements.lock" in run for run in runs)
    installs = [run for run in runs if "pip install" in run]
    assert installs
    assert all("--no-index" in run for run in installs)
    assert "ADD" not in {word for word, _ in dockerfile()}


def test_the_image_runs_one_process_that_drains() -> None:
    """No root, no shell between the signal and the gateway, SIGTERM to stop, one volume."""
    assert last("USER") not in {"root", "0"}
    assert json.loads(last("ENTRYPOINT")) == ["gateway"]
    assert json.loads(last("CMD")) == ["serve"]
    assert last("STOPSIGNAL") == "SIGTERM"
    assert last("VOLUME") == "/data"
    assert last("EXPOSE") == "8000"
    assert "GATEWAY_DATA_DIR=/data" in last("ENV")
    assert "GATEWAY_HOST=0.0.0.0" in last("ENV")


def test_the_image_copies_what_exists_and_is_let_in() -> None:
    """What the Dockerfile copies is in the tree and not kept out by .dockerignore."""
    let_in = {line[1:] for line in text_of(".dockerignore").splitlines() if line.startswith("!")}
    copied = set()
    for word, rest in dockerfile():
        if word == "COPY" and not rest.startswith("--from"):
            copied |= set(rest.split()[:-1])
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server on loopback that answers every GET of /healthz with one status; yields its port."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Health)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_tells_ill_from_well(status: int, healthy: bool) -> None:
    """The image's health check succeeds on 200 and fails on 503, through no proxy."""
    _, _, command = last("HEALTHCHECK").partition("CMD ")
    program, *arguments = json.loads(command)
    assert program == "python"
    with answering(status) as port:
        environment = {"GATEWAY_PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
        done = subprocess.run(
            [sys.executable, *arguments], env=environment, capture_output=True, timeout=30
        )
    assert (done.returncode == 0) is healthy


@cache
def compose() -> dict[str, Any]:
    """docker-compose.yml."""
    document: dict[str, Any] = parse(text_of("docker-compose.yml"))
    return document


def settings_of(service: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings a service's environment makes, the machine's own left out."""
    for name in os.environ:
        if name.startswith(("GATEWAY_", "TWILIO_", "OPENAI_")):
            monkeypatch.delenv(name)
    for name, value in service["environment"].items():
        monkeypatch.setenv(name, value)
    return load_settings(_env_file=None)


def test_compose_has_one_node_and_a_demo() -> None:
    """`gateway` is the node; everything else belongs to the profile `demo`."""
    services = compose()["services"]
    assert services.keys() == SERVICES
    assert "profiles" not in services["gateway"]
    assert all(services[name]["profiles"] == ["demo"] for name in SERVICES - {"gateway"})


def test_compose_keeps_the_data_and_lets_calls_end() -> None:
    """The node's data lies on a named volume, and stopping it waits for the calls to end."""
    node = compose()["services"]["gateway"]
    assert node["volumes"] == ["data:/data"]
    assert "data" in compose()["volumes"]
    assert node["env_file"] == [{"path": ".env", "required": "false"}]
    grace = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?", node["stop_grace_period"])
    assert grace
    seconds = int(grace[1] or 0) * 3600 + int(grace[2] or 0) * 60
    assert seconds > Settings.model_fields["drain_timeout_s"].default


def test_compose_runs_no_floating_image() -> None:
    """Every service runs the image built here, under the version of the package."""
    for service in compose()["services"].values():
        assert service["image"] == f"gateway:{gateway.__version__}"
        assert service["build"] == "."


def test_the_demo_needs_nothing_real(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo's made-up settings are valid and reach only its own loopback."""
    services = compose()["services"]
    settings = settings_of(services["gateway-demo"], monkeypatch)
    assert all(token.startswith("made-up") for token in settings.auth_tokens)
    assert is_loopback(settings.realtime_url)
    assert is_loopback(settings.public_url)
    check_settings(settings)
    for name in ("realtime", "twilio"):
        assert services[name]["network_mode"] == "service:gateway-demo"


def test_the_demo_is_wired_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twin, gateway and model find one another: same secrets, addresses that meet."""
    services = compose()["services"]
    settings = settings_of(services["gateway-demo"], monkeypatch)
    model, twin = services["realtime"]["command"], services["twilio"]["command"]
    assert urlsplit(settings.realtime_url).port == int(model[model.index("--port") + 1])
    assert twin[twin.index("--gateway") + 1] == settings.public_url
    for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"):
        secret = services["gateway-demo"]["environment"][name]
        assert services["twilio"]["environment"][name] == secret
    mounts = dict(volume.split(":")[:2] for volume in services["twilio"]["volumes"])
    folders = {inside: outside for outside, inside in mounts.items()}
    recording = Path(twin[twin.index("--call") + 1])
    assert (ROOT / folders[str(recording.parent)] / recording.name).is_file()
    assert services["twilio"]["working_dir"] in folders


@pytest.mark.parametrize("service", ["realtime", "twilio"])
def test_compose_types_real_commands(service: str) -> None:
    """The words after `gateway` in the compose file are a command with its options."""
    words = list(compose()["services"][service]["command"])
    command: Any = get_command(app)
    while isinstance(command, TyperGroup):
        command = command.commands[words.pop(0)]
    with command.make_context(service, words) as context:
        assert context.args == []
