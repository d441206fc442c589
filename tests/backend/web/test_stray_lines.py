"""What is written past the log is JSON too, whoever of the server's processes writes it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from backend.web.stray_lines import lines

FIELDS = {"time", "level", "logger", "message"}
SCRIPT = """
import logging, multiprocessing, os, subprocess, sys, warnings
from backend.logs import configure
from backend.web.stray_lines import gathered

def child():
    warnings.warn("of a library")
    sys.stderr.write("half a line")
    sys.stderr.flush()
    raise ValueError("nobody catches it")

if __name__ == "__main__":
    with gathered():
        configure("json")
        logging.getLogger("server").warning("its own")
        process = multiprocessing.get_context("spawn").Process(target=child)
        process.start()
        process.join()
        subprocess.run(["sh", "-c", "echo 'free(): invalid pointer' >&2; kill -ABRT $$"])
        reader = "import logging; from backend.logs import configure; configure('json'); "
        reader += "logging.getLogger('reader').error('of a reader', extra={'run': 7})"
        subprocess.run([sys.executable, "-c", reader])
        os.write(2, b"of C in the server")
    print("after it", file=sys.stderr)
"""


def test_all_that_is_written_meanwhile_is_json_and_nothing_of_it_is_lost(tmp_path: Any) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=60
    )
    *written, after = done.stderr.splitlines()
    assert after == "after it"
    found = [json.loads(line) for line in written]
    assert all(line.keys() >= FIELDS for line in found)
    said = {line["message"]: line for line in found}
    assert said["its own"]["logger"] == "server"
    assert (said["of a reader"]["logger"], said["of a reader"]["run"]) == ("reader", 7)
    stray = [line["message"] for line in found if line["logger"] == "stderr"]
    for words in ("UserWarning: of a library", "half a line", "free(): invalid pointer", "of C in"):
        assert any(words in message for message in stray), words
    (traced,) = [message for message in stray if "nobody catches it" in message]
    assert "Traceback (most recent call last)" in traced


def test_what_only_looks_like_a_line_of_the_log_is_told_of_as_text() -> None:
    ours = json.dumps(dict.fromkeys(FIELDS, "x"))
    forged = [b'{"level": "info"}', b"{", b"[1]", b"\xff", b"  ", ours.encode()]
    first, second = lines(forged)
    assert json.loads(first)["message"] == '{"level": "info"}\n{\n[1]\n\ufffd'
    assert second == ours
