"""A backup or restore that is killed, or has no space left, leaves nothing half done behind."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from backend.storage.backups import restore, write
from backend.storage.scratch import scratch, sweep
from tests.backend.conftest import check_sound
from tests.backend.storage.archived import Parts, a_backup, filled, fresh, packed, parts_of

pytestmark = pytest.mark.sqlite

# Ends itself, as kill -9 would, just before the nth file gets its name.
KILLED = """
import os, signal, sys
from pathlib import Path
from backend.storage import backups
from tests.backend.storage.archived import fresh

seen = 0
def watch(event, arguments):
    global seen
    if event == "os.rename":
        seen += 1
        if seen == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
settings, file = fresh(Path(sys.argv[3])), Path(sys.argv[4])
{"write": backups.write, "restore": backups.restore}[sys.argv[2]](settings, file)
"""


def killed(number: int, what: str, home: Path, file: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(number), what, str(home), str(file)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


def rests(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if "loraone-" in path.name}


def test_a_restore_that_is_killed_at_any_step_leaves_no_data_folder_and_the_next_one_works(
    tmp_path: Path,
) -> None:
    file = packed(a_backup(tmp_path), tmp_path / "all.tar")
    for number in (2, 3, 4):  # before artifacts, logs, and the database have their places
        home = tmp_path / str(number)
        killed(number, "restore", home, file)
        assert not (home / "loraone.db").exists()
        assert rests(home), "it was killed in the middle"
        assert restore(fresh(home), file).runs == 2
        assert rests(home) == set()
        check_sound(fresh(home).url)
        assert (home / "logs" / "1" / "1.log").read_text() == "printed"
    with pytest.raises(Exception, match="exists; move it away"):
        restore(fresh(home), file)


def test_what_a_killed_restore_had_moved_is_gone_where_another_backup_is_restored(
    tmp_path: Path,
) -> None:
    parts = a_backup(tmp_path)
    file = packed(parts, tmp_path / "all.tar")
    home = tmp_path / "new"
    killed(4, "restore", home, file)
    assert (home / "artifacts" / "1").is_dir()
    write(filled(tmp_path / "small"), tmp_path / "small.tar", adapters=False)
    restore(fresh(home), tmp_path / "small.tar")
    assert {path.name for path in home.iterdir()} == {"loraone.db", "server.lock"}


def test_a_backup_that_is_killed_leaves_the_former_one_and_the_next_removes_its_rests(
    tmp_path: Path,
) -> None:
    settings = filled(tmp_path / "old")
    file = tmp_path / "all.tar"
    file.write_text("the former one")
    killed(2, "write", settings.home, file)
    assert file.read_text() == "the former one"
    assert rests(tmp_path)
    write(settings, file)
    assert rests(tmp_path) == set()
    assert "loraone.db" in parts_of(file)


def limited(size: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that can write no file larger than that, as on a disk that becomes full."""
    code = (
        "import resource, signal, sys; from backend.cli import main; "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size})); main()"
    )
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_disk_that_is_full_ends_backup_and_restore_in_a_sentence_without_half_a_file(
    tmp_path: Path,
) -> None:
    settings = filled(tmp_path / "old")
    write(settings, tmp_path / "all.tar")
    size = (settings.home / "loraone.db").stat().st_size
    env_home = ["--home", str(settings.home)]
    for room in (size // 2, size + 2000):  # for half of the copy; for the copy, not for the tar
        cut = limited(room, "backup", "--output", str(tmp_path / "cut.tar"), *env_home)
        assert cut.returncode == 2, cut.stderr
        assert "cannot be" in cut.stderr and "Traceback" not in cut.stderr
        assert not (tmp_path / "cut.tar").exists()
        assert rests(tmp_path) == set()
    new = tmp_path / "new"
    cut = limited(size // 2, "restore", str(tmp_path / "all.tar"), "--home", str(new))
    assert cut.returncode == 2
    assert "nothing was restored" in cut.stderr and "Traceback" not in cut.stderr
    assert {path.name for path in new.iterdir()} <= {"server.lock"}


def test_a_backup_belongs_to_its_user_alone_and_takes_the_place_of_nothing_else(
    tmp_path: Path,
) -> None:
    settings = filled(tmp_path / "old")
    was = os.umask(0)
    try:
        write(settings, tmp_path / "all.tar")
        restore(fresh(tmp_path / "new"), tmp_path / "all.tar")
    finally:
        os.umask(was)
    made = [tmp_path / "all.tar", tmp_path / "new", *(tmp_path / "new").rglob("*")]
    for path in made:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or path.name == "server.lock", path
    (tmp_path / "link").symlink_to(settings.home / "loraone.db")
    os.mkfifo(tmp_path / "pipe")
    before = (settings.home / "loraone.db").read_bytes()
    for output in (
        settings.home / "loraone.db",
        settings.home / "loraone.db-wal",
        tmp_path / "link",
        settings.artifacts / "all.tar",
        settings.logs / "1" / "1.log",
        tmp_path / "pipe",
        tmp_path,
        Path("/dev/null"),
    ):
        with pytest.raises(Exception, match=r"name another|name a file|no plain file"):
            write(settings, output)
    assert (settings.home / "loraone.db").read_bytes() == before
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_scratch_of_the_living_stays_and_of_the_dead_goes(tmp_path: Path) -> None:
    code = (
        "import sys, os, signal; from pathlib import Path; "
        "from backend.storage.scratch import keep; "
        "print(keep(Path(sys.argv[1]))[0], flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        (tmp_path / ".loraone-file").write_text("no folder")
        (tmp_path / ".loraone-link").symlink_to(tmp_path.parent)
        with scratch(tmp_path) as mine:
            assert sweep(tmp_path) == 0
            assert theirs.is_dir() and mine.is_dir()
        other.kill()
    if os.geteuid() == 0:  # of another user
        (tmp_path / ".loraone-other").mkdir()
        os.chown(tmp_path / ".loraone-other", 12345, 12345)
    assert sweep(tmp_path) == 1
    assert rests(tmp_path) - {".loraone-other"} == {".loraone-file", ".loraone-link"}
    shutil.rmtree(tmp_path / ".loraone-other", ignore_errors=True)


def test_a_sound_backup_of_the_other_tests_is_restored(tmp_path: Path) -> None:
    parts: Parts = a_backup(tmp_path)
    assert restore(fresh(tmp_path / "new"), packed(parts, tmp_path / "all.tar")).left_out == 0
