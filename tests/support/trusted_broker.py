"""A broker as it is shipped: deploy/nats as it stands, with credentials that deploy/secrets.sh has just made."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from live_broker import Broker, free_port, server_binary

from shared.settings import BusSettings

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
USERS = ("admin", "bench", "reader", "router", "s1", "s2", "memory")


class TrustedBroker(Broker):
    """Users log in with passwords; with `nkeys` by key; with `tls` the broker wants a certificate of theirs too."""

    def __init__(self, folder: Path, *, nkeys: bool = False, tls: bool = False) -> None:
        super().__init__(folder)
        self.nkeys, self.tls = nkeys, tls
        shutil.copytree(DEPLOY / "nats", folder / "deploy/nats", ignore=shutil.ignore_patterns("secrets"))
        shutil.copy(DEPLOY / "secrets.sh", folder / "deploy")
        options = [f"--{name}" for name, wanted in (("nkeys", nkeys), ("tls", tls)) if wanted]
        script = ["bash", str(folder / "deploy/secrets.sh"), *options]
        subprocess.run(script, check=True, capture_output=True)
        # The store is the test's own; all else is as shipped.
        server = folder / "deploy/nats/server.conf"
        server.write_text(server.read_text().replace("store_dir: /data", f'store_dir: "{folder}/store"'))
        self._config = folder / "deploy/nats" / ("nats-nkeys.conf" if nkeys else "nats.conf")
        self.env = dict(re.findall(r"^(\w+)=(.+)$", (folder / ".env").read_text(), re.MULTILINE))
        self.env |= {"NATS_MONITOR": f"127.0.0.1:{free_port()}", "NATS_MAX_STORE": "8GB"}

    @property
    def secrets(self) -> Path:
        return self.folder / "deploy/nats/secrets"

    def command(self) -> list[str]:
        command = [server_binary(), "-c", str(self._config), "-a", "127.0.0.1", "-p", str(self.port)]
        command += ["-l", str(self.folder / "nats.log")]
        if not self.tls:
            return command
        tls = self.secrets / "tls"
        files = [f"--tlscert={tls}/server.pem", f"--tlskey={tls}/server.key", f"--tlscacert={tls}/ca.pem"]
        return [*command, "--tls", *files, "--tlsverify"]

    def login(self, user: str) -> dict[str, Any]:
        """The settings with which a user logs in, by field of `BusSettings`."""
        fields: dict[str, Any] = {"nats_url": self.url, "nats_user": user}
        if self.nkeys:
            fields["nats_nkey_seed_file"] = str(self.secrets / f"nkeys/{user}.seed")
        else:
            fields["nats_password"] = self.env[f"NATS_PW_{user.upper()}"]
        if self.tls:
            tls = self.secrets / "tls"
            fields["nats_tls_ca"] = str(tls / "ca.pem")
            fields |= {"nats_tls_cert": str(tls / f"{user}.pem"), "nats_tls_key": str(tls / f"{user}.key")}
        return fields

    def settings(self, user: str, **more: Any) -> BusSettings:
        return BusSettings(**{"request_timeout_s": 5.0, **self.login(user), **more})

    def env_of(self, user: str) -> dict[str, str]:
        """The same as variables of a process."""
        return {f"DSB_{field}".upper(): str(value) for field, value in self.login(user).items()}

    def log(self) -> str:
        return (self.folder / "nats.log").read_text()

    def violations(self) -> list[str]:
        """What the broker refused to anybody so far, a line each."""
        return [line for line in self.log().splitlines() if "Violation" in line]
