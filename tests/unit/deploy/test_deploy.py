"""What the files of deploy/ say, held against what their page claims. Nothing is started."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from paperdesk.config import Settings, load_settings

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
UNITS = ["paperdesk.service", "paperdesk-backup.service"]
ACCOUNT = "DU1234567"
# "Exposure", by systemd's own count: 0 is nothing, 10 is root with everything.
EXPOSURE_MAX = 1.5
analyze = shutil.which("systemd-analyze") or ""
needs_systemd = pytest.mark.skipif(not analyze, reason="no systemd-analyze here")


@pytest.fixture
def compose() -> dict[str, Any]:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    given = {"PAPER_ACCOUNT": ACCOUNT, "PAPER_LOGIN": "me"}

    def value(found: re.Match[str]) -> str:
        name, sign, rest = found.groups()
        return rest if sign == ":-" else given[name]

    document = yaml.safe_load(re.sub(r"\$\{(\w+)(:[-?])([^}]*)\}", value, text))
    assert isinstance(document, dict)
    return document


@pytest.fixture
def dockerfile() -> list[tuple[str, str]]:
    """The instructions and their words, comments and line ends taken out."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def settings_of(environment: dict[str, str], folder: Path) -> Settings:
    (folder / "paperdesk.toml").write_text(f'[[gateways]]\naccounts = ["{ACCOUNT}"]\n')
    own = {name: word for name, word in environment.items() if name.startswith("PAPERDESK_")}
    assert own
    return load_settings(folder / "paperdesk.toml", own)


def test_only_the_service_is_published_and_only_on_loopback(compose: dict[str, Any]) -> None:
    ports = {name: one["ports"] for name, one in compose["services"].items() if "ports" in one}

    assert list(ports) == ["paperdesk"]
    assert all(port.startswith("127.0.0.1:") for port in ports["paperdesk"])
    assert not any(one.get("network_mode") for one in compose["services"].values())


def test_gateway_and_ledger_are_each_on_a_network_with_the_service_alone(
    compose: dict[str, Any],
) -> None:
    members: dict[str, set[str]] = {}
    for name, one in compose["services"].items():
        for network in one["networks"]:
            members.setdefault(network, set()).add(name)

    assert members == {
        "front": {"paperdesk"},
        "ledger": {"paperdesk", "postgres"},
        "broker": {"paperdesk", "ib-gateway"},
    }
    assert compose["networks"]["ledger"]["internal"] is True


def test_the_services_settings_are_ones_that_it_takes(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    settings = settings_of(compose["services"]["paperdesk"]["environment"], tmp_path)
    server, (gateway,) = settings.server, settings.gateways
    bridges = [
        config["gateway"]
        for network in ("front", "broker")
        for config in compose["networks"][network]["ipam"]["config"]
    ]

    assert (server.host, server.port, server.behind_proxy) == ("0.0.0.0", 8000, True)  # noqa: S104
    assert [str(network.network_address) for network in server.trusted_proxies] == bridges
    assert (gateway.host, gateway.port, gateway.accounts) == ("ib-gateway", 4004, (ACCOUNT,))
    assert settings.default_account == ACCOUNT
    assert settings.ledger.url == "postgresql://paperdesk@postgres/paperdesk"


def test_the_gateway_is_a_paper_one(compose: dict[str, Any]) -> None:
    gateway = compose["services"]["ib-gateway"]

    assert gateway["environment"]["TRADING_MODE"] == "paper"
    assert gateway["image"] == "gnzsnz/ib-gateway:stable"


def test_secrets_come_by_file_and_stand_in_no_environment(compose: dict[str, Any]) -> None:
    used = set()
    for one in compose["services"].values():
        for name, word in one["environment"].items():
            if re.search("PASSWORD|SECRET|PGPASS", name):
                assert name.endswith("FILE"), name
                assert word.removeprefix("/run/secrets/") in one["secrets"]
        used |= set(one.get("secrets", []))

    assert used == set(compose["secrets"])
    assert all(set(secret) == {"file"} for secret in compose["secrets"].values())


def test_the_containers_of_the_service_may_do_little(compose: dict[str, Any]) -> None:
    service = compose["services"]["paperdesk"]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    for one in compose["services"].values():
        assert one["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in one


def test_the_image_is_installed_from_the_lock_alone_and_runs_as_nobody(
    dockerfile: list[tuple[str, str]], compose: dict[str, Any]
) -> None:
    stages = [rest for word, rest in dockerfile if word == "FROM"]
    installs = [rest for word, rest in dockerfile if word == "RUN" and " install " in rest]
    last = [word for word, _ in dockerfile].index("COPY", len(dockerfile) // 2)
    after = dict(dockerfile[last:])

    assert stages == ["python:3.11-slim AS build", "python:3.11-slim"]
    assert "--require-hashes -r requirements.lock" in installs[0]
    assert "--no-deps --no-build-isolation ." in installs[1]
    assert len(installs) == 2
    assert after["USER"].split(":")[0] not in {"", "0", "root"}
    assert "/livez" in after["HEALTHCHECK"]
    assert after["ENTRYPOINT"] == '["paperdesk"]'
    assert compose["services"]["paperdesk"]["build"]["dockerfile"] == "deploy/Dockerfile"


def test_the_image_is_built_of_few_files_and_each_of_them_is_there(
    dockerfile: list[tuple[str, str]],
) -> None:
    copied = [
        name
        for word, rest in dockerfile
        if word == "COPY" and not rest.startswith("--from")
        for name in rest.split()[:-1]
    ]
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}

    assert ignored[0] == "*"
    assert set(copied) == kept
    assert all((ROOT / name).exists() for name in copied)


def unit(name: str) -> dict[str, list[str]]:
    """Return the settings of a unit; a line that is continued is one."""
    text = (DEPLOY / name).read_text(encoding="utf-8").replace("\\\n", " ")
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_runs_as_nobody_and_its_settings_are_ones_that_the_service_takes(
    name: str, tmp_path: Path
) -> None:
    given = unit(name)
    environment = dict(word.split("=", 1) for word in given["Environment"])
    settings = settings_of(environment, tmp_path)

    assert given["DynamicUser"] == ["yes"]
    assert given["User"] == ["paperdesk"]
    assert given["ProtectSystem"] == ["strict"]
    assert given["NoNewPrivileges"] == ["yes"]
    assert given["CapabilityBoundingSet"] == [""]
    assert settings.ledger.path == Path("/var/lib/paperdesk/paperdesk.db")
    assert "paperdesk" in given["StateDirectory"][0].split()
    assert "/opt/paperdesk/bin/paperdesk" in given["ExecStart"][0]


def test_both_units_are_held_alike() -> None:
    """What is added to the one and forgotten at the other would be the way in."""
    hardening = [
        (DEPLOY / name).read_text(encoding="utf-8").partition("\nNoNewPrivileges")[2]
        for name in UNITS
    ]

    assert hardening[0].partition("\n[Install]")[0].strip() == hardening[1].strip()


@needs_systemd
@pytest.mark.parametrize("name", [*UNITS, "paperdesk-backup.timer"])
def test_systemd_understands_the_unit(name: str) -> None:
    said = subprocess.run(
        [analyze, "verify", DEPLOY / name], capture_output=True, check=False, text=True
    )
    # Where the service is not installed, its program is not there: nothing else may be said.
    told = [
        line
        for line in said.stderr.splitlines()
        if "/opt/paperdesk/bin/paperdesk is not executable" not in line
    ]

    assert told == []


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_the_unit_little_exposed(name: str) -> None:
    said = subprocess.run(
        [analyze, "security", "--offline=yes", "--no-pager", DEPLOY / name],
        capture_output=True,
        check=True,
        text=True,
    )
    (exposure,) = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", said.stdout)

    assert float(exposure) <= EXPOSURE_MAX


def test_the_settings_on_the_page_are_ones_that_the_service_takes(tmp_path: Path) -> None:
    page = (ROOT / "docs/deployment.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    for block in blocks:
        (tmp_path / "paperdesk.toml").write_text(block)
        assert load_settings(tmp_path / "paperdesk.toml", {}).server.port == 8000

    assert len(blocks) == 3


def test_no_file_here_names_a_registry() -> None:
    """A host in the name of an image is a host that is asked for ever."""
    for path in filter(Path.is_file, DEPLOY.rglob("*")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\b(?:ghcr|quay|gcr|docker|mcr)\.(?:io|com)\b", text), path.name
    for image in re.findall(r"image: (\S+)", (DEPLOY / "compose.yaml").read_text("utf-8")):
        assert "." not in image.partition("/")[0].partition(":")[0], image
