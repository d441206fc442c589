"""What is sent arrives; and an attacker's addresses reach nothing, read nothing, start nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from backend.errors import UnavailableError
from backend.notifying import couriers
from backend.notifying.couriers import Couriers, Message, Outcome
from backend.notifying.reasons import LATE
from backend.settings import Settings
from backend.settings.notices import USUAL_SCHEMAS
from tests.backend.notifying.receivers import (
    SECRET,
    receiving,
    receiving_mail,
    signed_by_itself,
)

HERE = "127.0.0.1"


def carried(home: Path, *addresses: str, networks: str = "", **settings: str) -> list[str | None]:
    """Why each of them did not get its message, None where it did."""
    given = Settings(home=home, notice_networks=networks, **settings)  # type: ignore[arg-type]
    outcomes = Couriers(given).carry([Message(each, "Title", "Body") for each in addresses])
    reasons = [None if found is None else found.reason for found in outcomes]
    assert all(SECRET not in (reason or "") for reason in reasons), reasons
    return reasons


def test_messages_arrive_by_web_and_mail_where_an_administrator_names_the_network(
    tmp_path: Path,
) -> None:
    with receiving() as web, receiving_mail() as (mailbox, port):
        mail = f"mailto://ana:{SECRET}@{HERE}:{port}?from=lab@example.org&to=ana@example.org"
        # A server that asks for no password is given none.
        mail = mail.replace(f"ana:{SECRET}@", "")
        assert carried(tmp_path, web.address(), mail, networks=HERE) == [None, None]
        assert web.texts == ["Body"]
        (text,) = mailbox.mails
        assert "Subject: Title" in text and "ana@example.org" in text


ATTACKS = [
    "127.0.0.1", "127.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0177.0.0.1", "localhost",
    "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "169.254.169.254",
    "10.0.0.1", "192.168.0.1", "[fe80::1]", "[fc00::1]", "224.0.0.1", "100.64.0.1",
]  # fmt: skip


def test_nothing_reaches_an_address_that_is_not_public_however_it_is_written(
    tmp_path: Path,
) -> None:
    with receiving() as web:
        reasons = carried(tmp_path, *(web.address(host) for host in ATTACKS))
        assert web.asked == 0
    refused = [reason for reason in reasons if reason and "LORAONE_NOTICE_NETWORKS" in reason]
    assert None not in reasons and LATE not in reasons, reasons
    # Some of them are no hosts to apprise, or to a machine without IPv6.
    assert len(refused) >= 10, reasons


def test_a_network_that_is_named_opens_no_other_and_no_redirect_leads_there(tmp_path: Path) -> None:
    with receiving() as named, receiving("127.0.0.2") as inner:
        named.to = f"http://127.0.0.2:{inner.port}/"
        (reason,) = carried(tmp_path, named.address(), networks=HERE)
        assert named.asked == 1 and inner.asked == 0
    assert reason is not None and "LORAONE_NOTICE_NETWORKS" in reason


def test_no_address_reads_a_file_or_starts_a_program(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.write_text('{"text": "' + SECRET + '"}')
    slack = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/"
    discord = "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js/"
    reading = [f"{service}?template={private}" for service in (slack, discord)]
    local = ["syslog://", "dbus://", "file:///etc/passwd", "kde://", "exec://x", "rsyslog://[::1]"]
    reasons = carried(tmp_path, *reading, *local, notice_schemas=f"{USUAL_SCHEMAS}, rsyslog")
    assert ["file of this machine" in (reason or "") for reason in reasons[:2]] == [True, True]
    assert all(reasons[2:])


ATTEMPTS = (
    "subprocess.run(['true'])",
    "os.system('true')",
    "os.fork()",
    "open('/etc/hostname')",
    "open('there')",
    "open('written', 'w')",
    "os.open('written', os.O_CREAT | os.O_WRONLY)",
    "os.remove('there')",
    "os.rename('there', 'elsewhere')",
    "socket.create_connection(('127.0.0.1', 9))",
    "socket.socket().connect(('localhost', 9))",
    "socket.socket(socket.AF_UNIX).connect('/run/some.sock')",
    "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('10.0.0.1', 9))",
)
ASKED = """
import os, socket, subprocess, sys
from backend.notifying import guard
guard.install([])
for attempt in sys.argv[1:]:
    try:
        exec(attempt)
    except guard.RefusedHereError:
        print(guard.refused())
    else:
        print("done:", attempt)
"""


def test_the_process_that_sends_is_kept_from_it_whoever_asks(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    done = subprocess.run(
        [sys.executable, "-c", ASKED, *ATTEMPTS],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stdout.splitlines()
    assert len(said) == len(ATTEMPTS)
    assert all(line.startswith(("it would use", "its host")) for line in said), said
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_certificates_are_always_looked_at(tmp_path: Path) -> None:
    with receiving() as web:
        turned_off = web.address(more="?verify=no")
        plain = web.address().replace("json:", "jsons:")
        with signed_by_itself(tmp_path) as port:
            own = f"jsons://{HERE}:{port}/"
            found = carried(tmp_path, turned_off, plain, own, networks=HERE)
        assert web.asked == 0
    assert found == [
        "verify=no is refused: certificates are always looked at",
        "it does not speak TLS as it should",
        "its certificate does not hold",
    ]


class UntilAnswered(subprocess.Popen[str]):
    """Its time is over when four addresses are answered, whatever the clock says."""

    def communicate(self, given: Any = None, timeout: float | None = None) -> tuple[str, str]:
        if timeout is None:
            return self.said + super().communicate()[0], ""
        assert self.stdin is not None and self.stdout is not None
        self.stdin.write(given)
        self.stdin.close()
        self.stdin = None
        self.said = "".join(self.stdout.readline() for _ in range(4))
        raise subprocess.TimeoutExpired(self.args, timeout)


def test_what_fails_is_said_in_words_and_keeps_nothing_else_from_arriving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", UntilAnswered)
    with receiving() as web, receiving() as wrong, receiving() as slow, receiving() as endless:
        wrong.status, slow.hang, endless.endless = 500, True, True
        closed = f"json://{HERE}:9/{SECRET}"
        addresses = [each.address() for each in (slow, endless, wrong, web)]
        found = carried(tmp_path, *addresses, closed, "json://no.invalid", networks=HERE)
        assert web.texts == ["Body"]
        endless.endless = False
    assert found == [
        LATE,
        LATE,
        "the server answered 500",
        None,
        "the connection was refused",
        "no such host is known",
    ]


def test_what_hangs_is_waited_for_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(couriers, "WAIT_S", 0.1)
    with receiving() as slow:
        slow.hang = True
        assert carried(tmp_path, slow.address(), networks=HERE) == [LATE]


def test_an_address_is_shown_without_what_may_be_a_secret(tmp_path: Path) -> None:
    given = {
        f"mailtos://ana:{SECRET}@mail.example.org/?to=b@example.org": "mailtos://mail.example.org",
        f"jsons://ana:{SECRET}@10.0.0.1:81/{SECRET}": "jsons://10.0.0.1",
        "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ": "slack://…",
        f"ntfy://{SECRET}": "ntfy://…",
    }
    sends = Couriers(Settings(home=tmp_path, notice_networks="10.0.0.0/8"))
    found = sends.carry([Message(address) for address in given])
    assert [None if each is None else each.shown for each in found] == list(given.values())
    (inner,) = Couriers(Settings(home=tmp_path)).carry([Message("jsons://10.0.0.1/x")])
    assert inner is not None and "LORAONE_NOTICE_NETWORKS" in (inner.reason or "")


def test_an_administrator_says_which_services_there_are(tmp_path: Path) -> None:
    with receiving() as web:
        (reason,) = carried(tmp_path, web.address(), networks=HERE, notice_schemas="mailtos, jsons")
        assert reason == "json is none of the services that this server sends to"
    for wrong in ("syslog", "json,dbus", "no/name"):
        with pytest.raises(ValueError, match=r"refused|no name of a service"):
            Settings(home=tmp_path, notice_schemas=wrong)
    with pytest.raises(ValueError, match="no address and no network"):
        Settings(home=tmp_path, notice_networks="the mail server")


def test_a_stopped_server_knows_nothing_of_what_was_under_way(tmp_path: Path) -> None:
    sends = Couriers(Settings(home=tmp_path, notice_networks=HERE))
    found: list[list[Outcome | None]] = []
    with receiving() as slow:
        slow.hang = True
        thread = threading.Thread(target=lambda: found.append(sends.carry([_to(slow.address())])))
        thread.start()
        while not slow.asked:
            time.sleep(0.02)
        sends.stop()
        thread.join()
    assert found == [[None]]
    with pytest.raises(UnavailableError):
        sends.carry([_to("json://example.org")])


def _to(address: str) -> Message:
    return Message(address, "Title", "Body")
