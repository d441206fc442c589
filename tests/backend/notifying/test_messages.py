"""What a message says: one line for each thing, together by experiment, calling nobody."""

from __future__ import annotations

from backend.notifying import messages
from backend.storage.tables import NoticeToSend


def row(
    text: str, experiment: int | None = 1, kind: str = "failed", count: int = 1
) -> NoticeToSend:
    subject = f"experiment {experiment}"
    about = {"experiment_id": experiment, "kind": kind, "subject": subject}
    return NoticeToSend(text=text, count=count, **about)


def test_what_is_about_one_experiment_stands_together() -> None:
    rows = [row("a: x"), row("b: y", 2), row("a: ended", kind="finished"), row("a: z", count=2)]
    assert messages.body(rows, "https://lab.example.org") == (
        "a: z (3 times)\na: ended\nhttps://lab.example.org/experiments/1?tab=runs\n\n"
        "b: y\nhttps://lab.example.org/experiments/2?tab=runs"
    )
    assert messages.title(rows, {1: "a", 2: "b"}) == "LoRA-One Lab: 2 experiments"
    assert messages.title(rows[:1], {1: "a"}) == "LoRA-One Lab: a"
    assert messages.title([row("disk", None)], {}) == "LoRA-One Lab"


def test_of_many_things_the_first_are_said_and_the_others_counted() -> None:
    body = messages.body([row(f"e{number}: x", number) for number in range(1, 101)], None)
    assert body.count(": x") == messages.MOST_LINES and body.endswith("and 70 more")


def test_what_people_write_calls_nobody_and_breaks_no_line() -> None:
    said = "bob mentioned you: @everyone <!channel> <@U1>\r\nBcc: all@example.org a < b"
    body = messages.body([row(said)], None)
    assert "@everyone" not in body and "<!channel>" not in body and "<@U1>" not in body
    assert "\n" not in body and "\r" not in body and "a < b" in body
    title = messages.title([row("x")], {1: "name\r\nBcc: x@example.org @here"})
    assert "\n" not in title and "@here" not in title
