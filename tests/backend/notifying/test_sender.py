"""What happens is sent once, gathered, to those who may know of it; nothing is lost."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest

from backend.notifying import sender as sending
from backend.notifying.sender import Sender
from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.permissions import NOTICE_KEY
from backend.storage.store import notices, outgoing
from backend.storage.tables import Experiment, NoticeChannel, NoticeToSend, Person, now
from tests.backend.notifying.receivers import Receiver
from tests.backend.notifying.sent import Office


def test_five_hundred_failures_are_one_message_with_a_link(office: Office, web: Receiver) -> None:
    office.channel(web.address())
    experiment = office.experiment()
    office.fails(experiment, times=500)
    assert office.waiting() == [500]
    assert office.sender.send() == 1
    assert web.texts == [
        "first: run 499: out of memory (500 times)\n"
        f"https://lab.example.org/lora/experiments/{experiment}?tab=runs"
    ]
    assert office.sender.send() == 0 and office.waiting() == []


def test_what_happens_within_a_minute_goes_along(
    office: Office, web: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "WINDOW", timedelta(seconds=60))
    office.channel(web.address())
    first, second = office.experiment(), office.experiment("second")
    office.fails(first)
    assert office.sender.send() == 0
    with office.database.write() as session:  # a minute later
        session.query(NoticeToSend).update({"due": now()})
    office.fails(second)
    assert office.sender.send() == 1
    assert "first" in web.texts[0] and "second" in web.texts[0]
    assert web.came[0]["title"] == "LoRA-One Lab: 2 experiments"


def test_a_storm_of_experiments_is_ten_messages_and_then_one_every_six_minutes(
    office: Office, web: Receiver
) -> None:
    channel = office.channel(web.address())
    with office.database.write() as session:
        row = session.get_one(NoticeChannel, channel)
        gone = [outgoing.count_one(row) for _ in range(outgoing.AT_ONCE - 1)]
        assert gone == [None] * len(gone)
    for number in range(4):
        office.fails(office.experiment(f"e{number}"))
        office.sender.send()
    assert len(web.came) == 1 and office.waiting() == [1, 1, 1]
    calm = office.state(channel).calm_at
    assert calm is not None
    before = now()
    with office.database.write() as session:
        again = outgoing.count_one(session.get_one(NoticeChannel, channel))
    assert again is not None
    full = calm - (outgoing.AT_ONCE - 1) * outgoing.EACH
    assert before < full - timedelta(seconds=again) < now()
    office.set(NoticeChannel, channel, calm_at=calm - outgoing.EACH)
    assert office.sender.send() == 1
    assert all(f"e{number}" in web.texts[-1] for number in (1, 2, 3))
    # A clock that was a year ahead holds nothing up.
    office.set(NoticeChannel, channel, calm_at=now() + timedelta(days=365))
    with office.database.write() as session:
        assert outgoing.count_one(session.get_one(NoticeChannel, channel)) is None


def test_each_channel_is_sent_the_kinds_that_were_chosen_for_it(
    office: Office, web: Receiver
) -> None:
    office.channel(web.address(), kinds=["finished"])
    office.channel(web.address(), office.root, kinds=["failed"])
    office.fails(office.experiment())
    assert office.sender.send() == 0
    with office.database.write() as session:  # the page may tell of other kinds
        notices.choose(session, office.root, [])
    office.fails(1, person=office.root)
    assert office.sender.send() == 1


@pytest.mark.parametrize("change", ["disabled", "a name alone", "private", "deleted"])
def test_who_may_not_know_of_it_any_more_is_not_told(
    office: Office, web: Receiver, change: str
) -> None:
    office.channel(web.address())
    experiment = office.experiment()
    office.fails(experiment)
    match change:
        case "disabled":
            office.set_person(disabled=True)
        case "a name alone":
            office.set_person(source="named")
        case "private":
            office.set(Experiment, experiment, private=True, owner_id=office.root)
        case "deleted":
            with office.database.write() as session:
                session.delete(session.get_one(Person, office.ada))
    assert office.sender.send() == 0
    assert web.asked == 0 and office.waiting() == []


def test_the_machine_is_told_of_to_those_who_see_to_it(office: Office, web: Receiver) -> None:
    office.channel(web.address(), office.root)
    for role in ("administrator", "viewer"):
        with office.database.write() as session:
            notices.of_machine(session, "disk", "disk", "the disk fills up", None)
        office.set(Person, office.root, role=role)
        office.sender.send()
    assert web.texts == ["the disk fills up\nhttps://lab.example.org/lora/queue"]


def test_what_fails_is_kept_and_tried_again_and_then_paused_and_said(
    office: Office, web: Receiver
) -> None:
    web.status = 500
    channel = office.channel(web.address())
    office.fails(office.experiment())
    before = now()
    assert office.sender.send() == 0
    state = office.state(channel)
    assert state.trouble == "the server answered 500" and state.not_before is not None
    assert before < state.not_before - outgoing.FIRST_WAIT < now()
    assert office.sender.send() == 0 and web.asked == 1, "not before a minute is over"
    office.set(NoticeChannel, channel, failures=outgoing.MOST_FAILURES - 1)
    assert office.try_again(channel) == 0
    assert office.state(channel).paused
    with office.database.read() as session:
        (notice,) = [row for row in notices.newest(session, office.ada) if row.kind == "channel"]
    assert notice.text.startswith("nothing is sent to mine any more: the server answered 500.")
    office.fails(1)
    assert office.try_again(channel) == 0 and web.asked == 2
    web.status = 200
    office.set(NoticeChannel, channel, paused=False)  # as a test of it does that arrives
    assert office.try_again(channel) == 1
    assert "(2 times)" in web.texts[0]
    assert office.state(channel).failures == 0 and office.state(channel).trouble is None


def test_without_its_key_a_channel_is_paused_at_once(office: Office, web: Receiver) -> None:
    channel = office.channel(web.address())
    (office.settings.home / NOTICE_KEY).unlink()
    office.fails(office.experiment())
    assert office.sender.send() == 0
    assert office.state(channel).paused and "add it again" in (office.state(channel).trouble or "")


SEND = """
import sys
from backend.notifying.sender import Sender
from backend.settings import Settings
from backend.storage.database import Database
settings = Settings(home=sys.argv[1], auth="local", database_url=sys.argv[2],
                    notice_networks="127.0.0.1")
Sender(Database(settings.url), settings).send()
"""


def test_a_server_that_is_killed_while_it_sends_loses_nothing(
    office: Office, web: Receiver
) -> None:
    channel = office.channel(web.address())
    office.fails(office.experiment())
    web.hang = True
    where = [str(office.settings.home), office.settings.url]
    killed = subprocess.Popen([sys.executable, "-c", SEND, *where])
    while not web.asked:
        assert killed.poll() is None
        time.sleep(0.02)
    killed.kill()
    killed.wait()
    web.hang = False
    office.fails(1)
    assert office.waiting() == [1, 1], "what is being sent is left as it is"
    assert office.sender.send() == 1, "what came since"
    with office.database.write() as session:  # when the time of the dead one is over
        session.query(NoticeToSend).update({"claimed_until": now()})
    office.set(NoticeChannel, channel, calm_at=None)
    assert office.sender.send() == 1
    assert office.waiting() == []


def test_several_servers_on_one_database_send_each_message_once(
    office: Office, web: Receiver
) -> None:
    for _ in range(6):
        office.channel(web.address())
    office.fails(office.experiment())
    others = [Database(office.settings.url) for _ in range(3)]
    sent: list[int] = []
    threads = [
        threading.Thread(target=lambda d=each: sent.append(Sender(d, office.settings).send()))
        for each in others
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in others:
        each.close()
    assert sum(sent) == len(web.came) == 6
    assert office.waiting() == []


def test_a_server_without_accounts_sends_to_whoever_uses_it(office: Office, web: Receiver) -> None:
    office.channel(web.address())
    for user in ("somebody", "ada"):
        settings = Settings(home=office.settings.home, user=user, notice_networks="127.0.0.1")
        office.fails(1 if user == "ada" else office.experiment(private=True))
        sent = Sender(office.database, settings).send()
        assert sent == (user == "ada")
    assert web.texts == ["first: run 0: out of memory"]  # no link: it has no name


def test_without_apprise_nothing_is_sent_and_nothing_breaks(
    office: Office, web: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "installed", lambda: False)
    office.channel(web.address())
    office.fails(office.experiment())
    assert office.sender.send() == 0 and office.waiting() == [1]
    with office.database.write() as session:
        session.query(NoticeToSend).update({"at": now() - timedelta(days=8)})
    office.sender.prune()
    assert office.waiting() == []
