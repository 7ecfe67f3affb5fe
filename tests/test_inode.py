"""Whether an open file is still the one at its path."""

import os

from hft.inode import identity, is_at, is_open_at


def test_a_file_is_at_its_path_until_it_is_deleted_moved_or_replaced(tmp_path):
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_text("a")
    other.write_text("b")
    with path.open() as file:
        found = identity(path)
        assert is_open_at(path, file.fileno())
        assert is_at(path, found)
        other.rename(path)
        assert not is_open_at(path, file.fileno())
        assert identity(path) not in (None, found)
        path.unlink()
        assert identity(path) is None
        assert not is_at(path, found)
        assert is_at(path, None)
    assert identity(tmp_path / "a" / "b") is None


def test_a_path_that_can_not_be_checked_says_nothing_about_the_file(tmp_path):
    path = tmp_path / "a"
    path.write_text("a")
    found = identity(path)
    path.unlink()
    os.symlink(path, path)      # ELOOP
    assert is_at(path, found)
