"""A real server that schemathesis asks, and what it was sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil

from tests.backend.web.conftest import Served
from tests.backend.web.fuzz_checks import MOST_SECONDS, SENT, Sent

SEED = int(os.environ.get("LORAONE_FUZZ_SEED", "20261125"))
SECONDS = int(os.environ.get("LORAONE_FUZZ_SECONDS", "0"))
ROOT = Path(__file__).parents[3]
OF_THE_DESCRIPTION = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,response_headers_conformance"
)


@dataclass
class Server:
    """A server whose runs stay queued, and what it was sent."""

    served: Served
    requests: Path

    def reader(self) -> psutil.Process:
        """The process that computes its answers."""
        children = psutil.Process(self.served.process.pid).children()
        (reader,) = [child for child in children if "backend.web.reader" in child.cmdline()]
        return reader

    def computed(self) -> float:
        """Seconds that it and its reader have computed, however busy the machine is."""
        both = psutil.Process(self.served.process.pid), self.reader()
        return sum(sum(process.cpu_times()[:2]) for process in both)

    def fuzz(
        self, phases: str, folder: Path, seconds: int, checks: str = "asked_again", **more: str
    ) -> list[Sent]:
        """Let schemathesis ask it for so long, or for ``LORAONE_FUZZ_SECONDS``, with more checks
        than those of the description; ``more`` is said in the environment of its hooks. What was
        sent."""
        seconds = SECONDS or seconds
        # Not always the same routes are left when the time is over.
        document = self.served.http.get("/api/openapi.json").json()
        paths = list(document["paths"].items())
        Random(SEED).shuffle(paths)
        described = folder / f"openapi-{phases.replace(',', '-')}.json"
        described.write_text(json.dumps({**document, "paths": dict(paths)}))
        command = [
            "schemathesis", "--no-color", "run", str(described), f"--url={self.served.url}",
            f"--checks={OF_THE_DESCRIPTION},bounded,{checks}", f"--phases={phases}",
            f"--seed={SEED}", f"--max-time={seconds}", "--mode=all", "--max-examples=8",
            "--no-shrink", "--continue-on-failure", "--request-timeout=60",
            "--suppress-health-check=all", "--max-redirects=0",
        ]  # fmt: skip
        before, reader = len(Sent.read(self.requests)), self.reader()
        here = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        hooks = {"SCHEMATHESIS_HOOKS": "tests.backend.web.fuzz_checks", **more}
        ran = subprocess.run(
            [str(Path(sys.executable).parent / command[0]), *command[1:]],
            env={**os.environ, "PYTHONPATH": here, SENT: str(self.requests), **hooks},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=seconds + 120,
        )
        sent = Sent.read(self.requests)[before:]
        print(f"{phases}: seed {SEED}, {len(sent)} requests\n{ran.stdout[-2500:]}")
        assert ran.returncode == 0, f"LORAONE_FUZZ_SEED={SEED}\n{ran.stdout[-20_000:]}{ran.stderr}"
        assert self.reader() == reader, "nothing that was sent has ended it"
        return sent

    def check_quick(self) -> None:
        """No answer is slow twice, and none was a mistake."""
        for request in filter(lambda request: request.slow, Sent.read(self.requests)):
            before = self.computed()
            again = request.again()  # the first time, the machine may have been busy; now too
            spent = self.computed() - before
            assert min(again.elapsed.total_seconds(), spent) <= MOST_SECONDS, request
        assert "Traceback" not in self.served.log
