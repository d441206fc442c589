"""What the command line does with what is stored; no server needed, none in the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from backend.api.bodies import BodyError, read_json
from backend.errors import ConflictError, DiskFullError, InvalidError
from backend.results.reports import report
from backend.scheduling.admission import check_disk
from backend.settings import Settings
from backend.storage import backups
from backend.storage.database import Database, NewerSchemaError
from backend.storage.database_file import DatabaseFileError, database_file
from backend.storage.folder_lock import FolderError, FolderInUseError, only_server
from backend.storage.permissions import NOTICE_KEY
from backend.storage.scratch import scratch
from backend.storage.store import experiments, transfer
from backend.storage.store.exported import Limits
from backend.storage.store.exported_json import TransferError


class StoredError(Exception):
    """It cannot be done, and why."""


def _settings(home: Path | None) -> Settings:
    return Settings(home=home) if home else Settings()


def _check_home(settings: Settings) -> None:
    file = database_file(settings.url)
    if file is not None and not file.is_file():
        raise StoredError(f"there is no database in {settings.home}: {file} is no file")


@contextmanager
def opened(settings: Settings, *, writes: bool = False) -> Iterator[Database]:
    """The database; of this command alone where it ``writes``, or must be brought up to date. A
    server that has it may be an older release, under which the schema must not change."""
    if not writes:
        _check_home(settings)
    database = Database(settings.url)
    try:
        with ExitStack() as held:
            if writes or not database.is_current():
                held.enter_context(only_server(settings))
                database.migrate()
            yield database
    except FolderInUseError as error:
        also = "; the page of that server can import, too" if writes else ""
        raise StoredError(f"{error}{also}") from error
    except (NewerSchemaError, FolderError, DatabaseFileError) as error:
        raise StoredError(str(error)) from error
    finally:
        database.close()


def _write(settings: Settings, output: Path, texts: Iterable[str]) -> None:
    """A file with the pieces of a text, or none. Raises StoredError where it cannot be written."""
    try:
        if output.exists() and not output.is_file() and not output.is_dir():
            with output.open("w", encoding="utf-8") as file:  # a terminal, a pipe
                file.writelines(texts)
            return
        backups.check_output(settings, output)
        output.parent.mkdir(parents=True, exist_ok=True)
        with scratch(output.parent) as folder:
            with (folder / "new").open("w", encoding="utf-8") as file:
                file.writelines(texts)
            (folder / "new").replace(output.resolve())
    except backups.BackupError as error:
        raise StoredError(str(error)) from error
    except OSError as error:
        raise StoredError(f"{output} cannot be written: {error.strerror or error}") from error


def write_report(home: Path | None, key: int, output: Path) -> None:
    """The experiment's report as one HTML file. Raises StoredError where it is not there."""
    settings = _settings(home)
    with opened(settings) as database, database.read() as session:
        experiment = experiments.get(session, key)
        if experiment is None:
            raise StoredError(f"there is no experiment {key}")
        try:
            texts = report(session, experiment)
        except InvalidError as error:
            raise StoredError(f"{error}; allowed: {error.problems[0].allowed}") from error
        _write(settings, output, texts)


def write_export(home: Path | None, key: int, output: Path) -> None:
    """The experiment as JSON that another server takes in. Raises StoredError as above."""
    settings = _settings(home)
    with opened(settings) as database, database.read() as session:
        experiment = experiments.get(session, key)
        if experiment is None:
            raise StoredError(f"there is no experiment {key}")
        _write(settings, output, transfer.parts(session, experiment))


def take_in(home: Path | None, file: Path) -> transfer.Taken:
    """Store an exported experiment as a new one, all of it or nothing; what it is here.

    Raises StoredError where the file is none, naming the part that is wrong.
    """
    settings = _settings(home)
    limits = Limits(settings.max_import_runs, settings.max_import_rows)
    try:
        text = file.read_bytes()
        document = read_json(text)
    except (OSError, BodyError) as error:
        raise StoredError(f"{file} cannot be read: {error}") from error
    with opened(settings, writes=True) as database:
        try:
            check_disk(settings, len(text))
            return transfer.load(database, document, limits)
        except (ConflictError, DiskFullError) as error:
            raise StoredError(f"{file}: {error}") from error
        except TransferError as error:
            allowed = error.problems[0].allowed
            more = f"; allowed: {allowed}" if allowed else ""
            raise StoredError(f"{file}: {error}{more}") from error


def write_backup(home: Path | None, output: Path, *, adapters: bool) -> str:
    """Everything as one file; a sentence about it. Raises StoredError where that cannot be."""
    settings = _settings(home)
    _check_home(settings)
    try:
        manifest = backups.write(settings, output, adapters=adapters)
    except (backups.BackupError, OSError) as error:
        raise StoredError(str(error)) from error
    size = output.stat().st_size / 1e6
    left = (
        f"; left out {manifest.left_out} paths that are no plain files among those of runs"
        if manifest.left_out
        else ""
    )
    hashes = (
        f"; it holds the hashes of passwords, sessions and tokens of {manifest.accounts} accounts: "
        "keep it from others"
        if manifest.accounts
        else ""
    )
    channels = (
        f"; it holds {manifest.channels} addresses that notices are sent to, encrypted: without "
        f"{NOTICE_KEY} of the data folder, which is not in it, they have to be added again"
        if manifest.channels
        else ""
    )
    return f"wrote {output} ({size:.1f} MB): {_counts(manifest)}{left}{hashes}{channels}"


def restore(home: Path | None, file: Path) -> str:
    """Put a backup into a folder; a sentence about it. Raises StoredError where that cannot be."""
    settings = _settings(home)
    try:
        manifest = backups.restore(settings, file)
    except (backups.BackupError, NewerSchemaError, OSError) as error:
        raise StoredError(str(error)) from error
    unchecked = (
        "; it was written before backups had checksums, so its files are as they are"
        if manifest.format == 1
        else ""
    )
    again = (
        f"; {manifest.accounts} accounts with their sessions and tokens are as they were then: "
        "disable again whoever was disabled since"
        if manifest.accounts
        else ""
    )
    return f"restored {_counts(manifest)} into {settings.home}{unchecked}{again}"


def _counts(manifest: backups.Manifest) -> str:
    return f"{manifest.experiments} experiments, {manifest.runs} runs"
