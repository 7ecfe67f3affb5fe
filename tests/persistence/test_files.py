"""The lock on a run's database, and files that must stay where they are."""

import os
import subprocess
import sys

import apsw
import pytest

from hft.errors import UsageError
from hft.persistence.files import DatabaseLock, FilesInPlace, RunFiles, is_locked

HOLD = """
import sys
from hft.persistence.files import DatabaseLock
lock = DatabaseLock(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "run.db"
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.execute("CREATE TABLE t (n)")
    yield path
    connection.close()


def test_one_process_at_a_time_has_it_and_sqlite_does_not_notice(database):
    with subprocess.Popen([sys.executable, "-c", HOLD, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        assert is_locked(database)
        with pytest.raises(UsageError, match="another engine is running on it; stop the other engine"):
            DatabaseLock(database)
        reader = apsw.Connection(str(database))
        reader.execute("INSERT INTO t VALUES (1)")
        assert reader.execute("SELECT n FROM t").get == 1
        reader.close()
        other.kill()
    assert not is_locked(database)          # however it died


def test_closing_another_descriptor_does_not_let_go_of_it(database):
    lock = DatabaseLock(database)
    os.close(os.open(database, os.O_RDONLY))
    apsw.Connection(str(database)).close()
    command = [sys.executable, "-c", "import sys; from hft.persistence.files import is_locked; sys.exit(is_locked(sys.argv[1]))"]
    assert subprocess.run([*command, database]).returncode == 1
    lock.close()
    lock.close()
    assert subprocess.run([*command, database]).returncode == 0


def test_no_file_is_not_locked(tmp_path):
    assert not is_locked(tmp_path / "none.db")
    assert not is_locked(tmp_path / "none" / "none.db")


def test_deleted_replaced_and_moved_files_are_missing(tmp_path):
    (tmp_path / "folder").mkdir()
    a, b, c, d = paths = [tmp_path / "a", tmp_path / "b", tmp_path / "folder" / "c", tmp_path / "d"]
    for path in paths:
        path.write_text("x")
    files = FilesInPlace(paths)
    assert files.missing() == []
    d.write_text("changed, and the same file")
    a.unlink()
    (tmp_path / "new").write_text("x")
    (tmp_path / "new").rename(b)
    (tmp_path / "folder").rename(tmp_path / "elsewhere")
    assert files.missing() == [str(a), str(b), str(c)]


def test_a_file_that_cannot_be_checked_is_not_missing(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_text("x")
    files = FilesInPlace([folder / "a"])
    folder.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)       # root may look everywhere
    try:
        with pytest.raises(PermissionError):
            (folder / "a").stat()
        assert files.missing() == []
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)
    (folder / "a").unlink()
    folder.rmdir()
    folder.write_text("a file where the folder was")
    assert files.missing() == [str(folder / "a")]


def test_a_page_whose_name_begins_with_that_of_the_database_is_not_the_database(tmp_path):
    database, page = tmp_path / "strategy", tmp_path / "strategy.state"
    database.touch()
    page.touch()
    files = RunFiles(database)
    files.watch(page)
    page.unlink()
    assert files.missing() == [str(page)]
    assert not files.database_gone
    database.unlink()
    assert files.missing() == [str(database), str(page)]
    assert files.database_gone
    files.close()
