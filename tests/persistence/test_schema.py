"""Whose database it is, how old, and whether SQLite is sound enough: decided before anything is written."""

import os
import stat

import apsw
import pytest

from hft.errors import DamagedData, UsageError
from hft.persistence import schema
from hft.persistence.reader import RunDatabase


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "strategy.db"


def test_a_new_database_is_private_ours_and_in_wal_mode(path):
    db = schema.create_or_open(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    db.execute("DELETE FROM runs")  # brings the log into being
    assert stat.S_IMODE(path.with_name("strategy.db-wal").stat().st_mode) == 0o600
    assert (db.pragma("application_id"), db.pragma("user_version")) == (schema.APPLICATION_ID, schema.VERSION)
    assert (db.pragma("journal_mode"), db.pragma("synchronous")) == ("wal", 1)
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert tables >= {"runs", "trades", "orders", "positions", "performance_metrics", "strategy_snapshots"}
    db.close()


def test_opening_again_changes_nothing(path):
    schema.create_or_open(path).close()
    before = path.read_bytes()
    schema.create_or_open(path).close()
    assert path.read_bytes() == before


def test_each_migration_leads_from_the_version_before(path, monkeypatch):
    schema.create_or_open(path).close()
    after = schema.VERSION + 1
    monkeypatch.setitem(schema.MIGRATIONS, after, "ALTER TABLE runs ADD COLUMN note TEXT; UPDATE runs SET note = 'kept'")
    monkeypatch.setattr(schema, "VERSION", after)
    with pytest.raises(UsageError, match="older than this hft's"):
        schema.open_to_read(path)
    db = schema.create_or_open(path)
    assert db.pragma("user_version") == after
    assert "note" in [column[1] for column in db.execute("PRAGMA table_info(runs)")]
    db.close()


def test_a_database_of_version_1_keeps_its_fills_and_symbols(path, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr(schema, "VERSION", 1)
        db = schema.create_or_open(path)
        db.execute("INSERT INTO runs VALUES (1, 'a', 'imbalance_v1', '0.1.0', 'sim', '{}', ?, 1, 2, NULL)",
                   ('[{"symbol":"BTCUSDT","quote":"USDT","dialect":"usdm","tick":"0.1"}]',))
        fields = dict.fromkeys((column[1] for column in db.execute("PRAGMA table_info(trades)")), 1)
        fields |= {"symbol": "BTCUSDT", "side": "buy", "fee_asset": "USDT", "trust": "suspect"}
        db.execute(f"INSERT INTO trades VALUES ({', '.join('?' * len(fields))})", tuple(fields.values()))
        db.close()
    db = schema.create_or_open(path)
    assert (db.pragma("user_version"), db.pragma("integrity_check")) == (schema.VERSION, "ok")
    db.close()
    with RunDatabase(path) as database:
        assert [fill.book_status for fill in database.trades(1)] == ["suspect"]
        assert database.runs()[0].symbols == [{"symbol": "BTCUSDT", "quote": "USDT", "instrument": "linear", "tick": "0.1"}]


def test_a_migration_that_fails_half_way_leaves_the_old_schema(path, monkeypatch):
    schema.create_or_open(path).close()
    now = schema.VERSION
    monkeypatch.setitem(schema.MIGRATIONS, now + 1, "ALTER TABLE runs ADD COLUMN note TEXT; SELECT * FROM nowhere")
    monkeypatch.setattr(schema, "VERSION", now + 1)
    with pytest.raises(apsw.SQLError):
        schema.create_or_open(path)
    monkeypatch.setattr(schema, "VERSION", now)
    db = schema.open_to_read(path)
    assert "note" not in [column[1] for column in db.execute("PRAGMA table_info(runs)")]
    db.close()


def test_a_database_of_a_newer_hft_is_refused(path):
    db = schema.create_or_open(path)
    db.pragma("user_version", schema.VERSION + 1)
    db.close()
    with pytest.raises(UsageError, match="use the newer hft"):
        schema.create_or_open(path)


def test_a_foreign_database_is_refused_untouched(path):
    path.parent.mkdir()
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE recipes (name)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(UsageError, match="another application"):
        schema.create_or_open(path)
    assert path.read_bytes() == before


def test_what_is_not_a_database_is_refused_untouched(path):
    path.parent.mkdir()
    path.write_text("my notes, long enough to be taken for a database header by something careless\n" * 10)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="not a SQLite database"):
        schema.create_or_open(path)
    assert path.read_bytes() == before


def test_a_damaged_database_is_damaged_data(path):
    db = schema.create_or_open(path)
    db.close()
    raw = bytearray(path.read_bytes())
    raw[100:4000] = b"\xff" * 3900  # the first page's b-tree, the header left alone
    path.write_bytes(raw)
    with pytest.raises(DamagedData, match="damaged"):
        schema.create_or_open(path)


def test_a_place_that_can_not_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "strategy.db", tmp_path):
        with pytest.raises(UsageError) as error:
            schema.create_or_open(path)
        assert "\n" not in str(error.value)
        assert str(path) in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_directory_without_permission_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="can't be written"):
        schema.create_or_open(tmp_path / "strategy.db")


def test_an_sqlite_with_the_wal_reset_race_is_refused():
    with pytest.raises(UsageError, match=r"3\.51\.3 or later"):
        schema.require_sqlite("3.51.2")
    schema.require_sqlite("3.51.3")
    schema.require_sqlite()
