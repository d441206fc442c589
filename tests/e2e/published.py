"""A server as others find it: behind a real nginx or a real Caddy, as docs/deploy sets them up.

Needs no root: everything of a proxy lies in one folder. It listens on loopback, or as it is told.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import httpx

from tests.ports import free_port

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
NAME = "lab.example.org"


def replaced(text: str, **by: str) -> str:
    """A file as an administrator changes it; what is to be changed must be there."""
    for old, new in by.items():
        assert old in text, f"{old!r} is not in the file"
        text = text.replace(old, new)
    return text


class Proxy(ABC):
    """A proxy in a process of its own, for one server."""

    program: str

    def __init__(
        self, folder: Path, port: int, upstream: str, path: str, address: str = "127.0.0.1"
    ) -> None:
        folder.mkdir(parents=True)
        self.address = address
        self.log = folder / "log"
        self.url = f"https://{NAME}:{port}{path}"
        found = shutil.which(self.program, path=f"{os.environ['PATH']}:/usr/sbin")
        assert found, f"{self.program} is not installed: run 'make system'"
        command, environment = self.set_up(folder, port, upstream, path)
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [found, *command], stdout=log, stderr=log, env={**os.environ, **environment}
            )
        # The name is in no DNS: the connection goes to the address, all else is as by name.
        self._http = httpx.Client(
            base_url=f"https://{address}:{port}{path}",
            headers={"Host": f"{NAME}:{port}"},
            verify=False,
            timeout=20,
        )
        self._wait()

    @abstractmethod
    def set_up(
        self, folder: Path, port: int, upstream: str, path: str
    ) -> tuple[list[str], dict[str, str]]:
        """Write its files; what it is started with."""

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """An answer to a client that is no browser."""
        return self._http.request(method, path, extensions={"sni_hostname": NAME}, **more)

    def stream(self, path: str) -> Any:
        """An answer that is read as it comes."""
        return self._http.stream("GET", path, extensions={"sni_hostname": NAME})

    def stop(self) -> None:
        """End it."""
        self._http.close()
        self.process.terminate()
        self.process.wait(timeout=20)

    def _wait(self) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if self.ask("GET", "/api/health").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())


class Nginx(Proxy):
    """nginx with docs/deploy/nginx.conf."""

    program = "nginx"

    def set_up(
        self, folder: Path, port: int, upstream: str, path: str
    ) -> tuple[list[str], dict[str, str]]:
        certificate, key = folder / "lab.crt", folder / "lab.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={NAME}",
             "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", key, "-out", certificate],
            check=True, capture_output=True,
        )  # fmt: skip
        site = replaced(
            (DEPLOY / "nginx.conf").read_text(),
            **{
                "127.0.0.1:8111": upstream,
                "listen 443 ssl": f"listen {self.address}:{port} ssl",
                "listen 80;": f"listen 127.0.0.1:{free_port()};",
                f"/etc/ssl/{NAME}.crt": str(certificate),
                f"/etc/ssl/{NAME}.key": str(key),
                "\n    location / {": f"\n    location {path}/ {{",
            },
        )
        (folder / "site.conf").write_text(site)
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        main = folder / "nginx.conf"
        main.write_text(
            ("user root;\n" if os.geteuid() == 0 else "")
            + f"daemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log {self.log};\n"
            + "events { worker_connections 256; }\n"
            + f"http {{\naccess_log off;\n{temporary}include {folder}/site.conf;\n}}\n"
        )
        return ["-p", str(folder), "-c", str(main)], {}


class Caddy(Proxy):
    """Caddy with docs/deploy/Caddyfile, and certificates of its own."""

    program = "caddy"

    def set_up(
        self, folder: Path, port: int, upstream: str, path: str
    ) -> tuple[list[str], dict[str, str]]:
        site = (DEPLOY / "Caddyfile").read_text()
        if path:
            under = f"\tredir {path} {path}/\n\treverse_proxy {path}/* {{$"
            site = replaced(site, **{"\treverse_proxy {$": under})
        main = folder / "Caddyfile"
        main.write_text(
            "{\n\tadmin off\n\tlocal_certs\n\tskip_install_trust\n"
            f"\tdefault_bind {self.address}\n"
            f"\thttps_port {port}\n\thttp_port {free_port()}\n}}\n\n{site}"
        )
        return (
            ["run", "--config", str(main), "--adapter", "caddyfile"],
            {
                "UPSTREAM": upstream,
                "HOME": str(folder),
                "XDG_DATA_HOME": str(folder),
                "XDG_CONFIG_HOME": str(folder),
            },
        )
