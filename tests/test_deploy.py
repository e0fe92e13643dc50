"""What is deployed is real: every command, setting, port and file that `deploy/` names exists, and nothing runs as root."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.main import get_command

from bot.cli import app
from bot.jobs import POOLS
from bot.settings import Settings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
ROLES = {"web", "worker", "speech", "scheduler"}
LATEST_KUBERNETES = "1.32"

Json = dict[str, Any]


def names_of_settings() -> set[str]:
    names = set()
    for name in Settings.model_fields:
        names |= {f"RUNLORE_{name.upper()}", *([name.upper()] if name.startswith("slack_") else [])}
    return names


def resources() -> Iterator[Json]:
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    for name in listed:
        yield from yaml.safe_load_all((KUBERNETES / name).read_text(encoding="utf-8"))


def pods() -> Iterator[tuple[str, Json]]:
    for resource in resources():
        if resource["kind"] in ("Deployment", "Job"):
            yield resource["metadata"]["name"], resource["spec"]["template"]["spec"]


def check_command(arguments: list[str]) -> None:
    """Click itself says whether these arguments are a command of ours."""
    commands = getattr(get_command(app), "commands")  # noqa: B009  typer promises no type
    inner = commands[arguments[0]].make_context(arguments[0], arguments[1:])
    assert set(inner.params.get("queues") or ()) <= set(POOLS)
    assert inner.params.get("role", "all") in {"all", "web", "worker", "scheduler"}


def stages() -> dict[str, list[tuple[str, str]]]:
    """The Dockerfile's instructions by stage."""
    found: dict[str, list[tuple[str, str]]] = {"": []}
    stage = ""
    for line in re.sub(r"\\\n\s*", " ", DOCKERFILE).splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stage = rest.partition(" AS ")[2] or "last"
            found[stage] = []
        found[stage].append((word, rest))
    return found


def test_the_image_runs_as_nobody_special_and_says_whether_it_is_well() -> None:
    for stage in ("cpu", "cuda"):
        users = [rest for word, rest in stages()[stage] if word == "USER"]
        assert users[-1] == "10001:10001"
    assert stages()["last"] == [("FROM", "cpu")]  # the small one is what a plain build makes
    health = next(rest for word, rest in stages()["cpu"] if word == "HEALTHCHECK")
    assert "/opt/runlore/healthcheck.py" in health
    assert ("COPY", "deploy/healthcheck.py /opt/runlore/healthcheck.py") in stages()["cpu"]


def test_the_image_is_made_of_what_is_there_and_is_let_through() -> None:
    let_through = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").split("\n")
    copied = [
        source
        for instructions in stages().values()
        for word, rest in instructions
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists()
        assert f"!{source}" in let_through
    assert {"bot", "nlp", "storage", "localslack"} <= set(copied)


def pins(name: str) -> dict[str, str]:
    """A lock's packages and their versions; every line has both and a hash."""
    lines = [line for line in (DEPLOY / name).read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    found = [re.fullmatch(r"([a-z0-9-]+)==(\S+) --hash=sha256:[0-9a-f]{64}", line) for line in lines]
    assert all(found)
    return {one.group(1): one.group(2).partition("+")[0] for one in found if one}


def test_the_image_installs_only_what_the_locks_name_by_hash() -> None:
    asked = re.findall(r"pip.* install .*", DOCKERFILE)
    by_hash = re.compile(r"--require-hashes -r \S+\.lock")
    assert sum(bool(by_hash.search(line)) for line in asked) == 2
    # The rest is the bot's own wheel.
    assert [line for line in asked if not by_hash.search(line)] == [
        "pip install --no-deps --no-build-isolation ."
    ]
    assert set(pins("requirements-cuda.lock")) >= {"nvidia-cublas-cu12", "nvidia-cudnn-cu12"}


def test_the_lock_covers_every_dependency_and_theirs_at_the_tested_versions() -> None:
    """When this fails: `make lock`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = pins("requirements.lock")
    direct = {canonicalize_name(Requirement(one).name) for one in project["dependencies"]}
    assert direct | {"hatchling"} <= set(locked)
    listed = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    tested: dict[str, str] = {
        canonicalize_name(one): at for one, at in re.findall(r"^(\S+)==(\S+)$", listed, re.M)
    }
    assert {name: at for name, at in locked.items() if tested.get(name, at) != at} == {}
    # triton is for another engine on a card, and the image takes it away; setuptools is its and torch's.
    assert locked.keys() - tested.keys() == {"triton", "setuptools"}
    for name in locked.keys() & tested.keys():
        for line in distribution(name).requires or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                assert canonicalize_name(needed.name) in locked, f"{name} needs {needed.name}"


def test_the_images_environment_and_ports_are_the_bots() -> None:
    environment = dict(
        pair.split("=", 1)
        for word, rest in stages()["cpu"]
        if word == "ENV"
        for pair in shlex.split(rest)
        if pair.startswith("RUNLORE_")
    )
    assert set(environment) <= names_of_settings()
    exposed = next(rest for word, rest in stages()["cpu"] if word == "EXPOSE").split()
    assert exposed == [environment["RUNLORE_PORT"], environment["RUNLORE_METRICS_PORT"]]


def test_compose_runs_every_role_after_one_migration() -> None:
    services = COMPOSE["services"]
    assert set(services) == ROLES | {"database", "migrate"}
    for name, service in services.items():
        if name == "database":
            continue
        check_command(service["command"])
        assert set(service["environment"]) <= names_of_settings()
        if name != "migrate":
            assert service["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    build = services["migrate"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).exists()
    queues = [word for service in services.values() for word in service.get("command", []) if word in POOLS]
    assert sorted(queues) == sorted(POOLS)  # every queue is worked off, by one service each


def test_compose_asks_only_for_variables_the_example_names() -> None:
    example = (DEPLOY / "env.example").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    assert [name for name in sorted(asked) if f"{name}=" not in example] == []


def test_compose_is_compose() -> None:
    """By the specification, where a package with it is installed; see deploy/README.md."""
    compose_spec = pytest.importorskip("compose_spec", reason="pip install compose-spec to check the schema")
    merged = {name: value for name, value in COMPOSE.items() if not name.startswith("x-")}
    filled = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", yaml.safe_dump(merged))
    parsed = compose_spec.PyCompose.from_yaml(re.sub(r"\$\{\w+:\?[^}]*\}", "secret", filled))
    assert set(parsed.service_names()) == set(COMPOSE["services"])


def test_kubernetes_resources_are_what_kubernetes_knows() -> None:
    """By Kubernetes' own schema, where a package with it is installed; see deploy/README.md."""
    kubernetes = pytest.importorskip(
        "kubernetes_validate", reason="pip install kubernetes-validate to check the schemas"
    )
    for resource in resources():
        kubernetes.validate(resource, LATEST_KUBERNETES, strict=True)


def test_kustomize_builds_it() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not here: kustomize cannot be tried")
    secret = KUBERNETES / "secret.env"
    made = not secret.exists()
    if made:
        shutil.copyfile(KUBERNETES / "secret.env.example", secret)
    try:
        done = subprocess.run(
            [kubectl, "kustomize", str(KUBERNETES)], capture_output=True, text=True, timeout=60, check=True
        )
    finally:
        if made:
            secret.unlink()
    built = list(yaml.safe_load_all(done.stdout))
    for resource in built:
        if resource["kind"] == "Deployment":
            labels = resource["spec"]["template"]["metadata"]["labels"]
            assert labels["app.kubernetes.io/name"] == "runlore"  # what the network policy selects
            assert resource["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert {"ConfigMap", "Secret"} <= {resource["kind"] for resource in built}


def test_every_file_of_kubernetes_is_part_of_the_whole() -> None:
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text(encoding="utf-8"))
    there = {file.name for file in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(listed["resources"]) == there
    assert listed["secretGenerator"][0]["envs"] == ["secret.env"]
    keys = re.findall(r"^([A-Z_]+)=", (KUBERNETES / "secret.env.example").read_text(encoding="utf-8"), re.M)
    literals = [one.partition("=")[0] for one in listed["configMapGenerator"][0]["literals"]]
    assert keys
    assert set(keys) | set(literals) <= names_of_settings()
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8")
    assert "deploy/kubernetes/secret.env" in ignored


def test_pods_are_bound_probed_and_restricted() -> None:
    found = dict(pods())
    assert set(found) == ROLES | {"migrate-0-1-0"}
    ports = {8700: {"web"}, 8701: ROLES - {"web"}}
    for name, pod in found.items():
        (container,) = pod["containers"]
        check_command(container["args"])
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {"requests", "limits"} <= set(container["resources"])
        assert {next(iter(one)) for one in container["envFrom"]} == {"configMapRef", "secretRef"}
        mounted = {one["name"] for one in container["volumeMounts"]}
        assert mounted == {one["name"] for one in pod["volumes"]}
        if name.startswith("migrate"):
            continue
        (port,) = container["ports"]
        assert name in ports[port["containerPort"]]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = container[probe]["httpGet"]
            assert asked["port"] == port["name"]
            assert asked["path"] in ("/healthz", "/readyz")
        # Longer than leaving takes: what is in hand is finished or handed back.
        assert pod["terminationGracePeriodSeconds"] >= 60


def test_the_network_is_closed_but_for_what_is_needed() -> None:
    policy = next(one for one in resources() if one["kind"] == "NetworkPolicy")
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    out = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
    assert out == {53, 443, 5432}
    policies = [one for one in resources() if one["kind"] == "NetworkPolicy"]
    into = {
        port["port"] for one in policies for rule in one["spec"].get("ingress", ()) for port in rule["ports"]
    }
    assert into == {8700, 8701}


def test_every_port_that_is_named_is_one_that_the_image_opens() -> None:
    (service,) = (one for one in resources() if one["kind"] == "Service")
    assert [port["port"] for port in service["spec"]["ports"]] == [8700]
    assert [port for one in COMPOSE["services"].values() for port in one.get("ports", ())] == [
        "${RUNLORE_PORT:-8700}:8700"
    ]
    assert [name for name, one in COMPOSE["services"].items() if "ports" in one] == ["web"]
    scraped = re.search(r"targets: (\[.*\])", (ROOT / "docs" / "operations.md").read_text(encoding="utf-8"))
    assert scraped is not None
    targets = dict(one.split(":") for one in yaml.safe_load(scraped.group(1)))
    assert targets == {name: "8700" if name == "web" else "8701" for name in ROLES}


def test_the_service_of_a_single_machine_names_what_exists() -> None:
    unit = (DEPLOY / "runlore.service").read_text(encoding="utf-8")
    start = re.search(r"^ExecStart=(.+)$", unit, re.M)
    assert start is not None
    program, *arguments = start.group(1).split()
    assert program.endswith("/runlore-bot")
    check_command(arguments)
    set_here = re.findall(r"^Environment=(\w+)=", unit, re.M)
    assert set(set_here) <= names_of_settings()
    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        done = subprocess.run(
            [analyze, "verify", "--man=no", str(DEPLOY / "runlore.service")],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        said = [line for line in done.stderr.splitlines() if "runlore.service" in line]
        assert [line for line in said if "is not executable" not in line] == []


def test_the_health_check_tells_a_dead_process() -> None:
    free = {"RUNLORE_PORT": "9", "RUNLORE_METRICS_PORT": "9", "PATH": ""}
    done = subprocess.run([sys.executable, str(DEPLOY / "healthcheck.py")], env=free, timeout=30, check=False)
    assert done.returncode == 1
