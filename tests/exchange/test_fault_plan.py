"""A fault file: what it may say, and one clear line for what it may not."""

import pytest

from hft.errors import ConfigError
from hft.exchange.fault_plan import FAULTS, Drop, Malformed, read_plan

DROP = '[[fault]]\nkind = "drop"\n'


def read(tmp_path, text):
    path = tmp_path / "rough.toml"
    path.write_text(text, "utf-8")
    return read_plan(path, ["BTCUSDT", "ETHUSDT"])


def test_a_plan_is_a_seed_and_faults(tmp_path):
    plan = read(tmp_path, 'seed = 7\n[[fault]]\nkind = "drop"\nevery_s = 2\nstreams = ["depth"]\n[[fault]]\nkind = "malformed"\n'
                          'probability = 0.01\nshape = "nan"\nbeside = true\nsymbols = ["BTCUSDT"]\n')
    assert plan.seed == 7
    assert plan.faults == (
        Drop(every_s=2.0, streams=("depth",)), Malformed(probability=0.01, shape="nan", beside=True, symbols=("BTCUSDT",))
    )
    assert read(tmp_path, "").faults == ()


@pytest.mark.parametrize("kind", FAULTS)
def test_every_kind_can_be_requested(kind, tmp_path):
    (fault,) = read(tmp_path, f'[[fault]]\nkind = "{kind}"\nat_s = 3\n').faults
    assert (fault.kind, fault.at_s) == (kind, 3.0)


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ('[[fault]]\nkind = "stal"\nat_s = 1', "[fault 1]: unknown kind stal; did you mean stall?"),
        (DROP + "at_s = 1\n[[fault]]\nat_s = 3", "[fault 2]: kind is missing; give one of drop, gap"),
        (DROP + "evry_s = 3", "[fault 1: drop]: unknown key evry_s; did you mean every_s?"),
        (DROP, "[fault 1]: has no time; give exactly one of at_s, every_s, probability"),
        (DROP + "at_s = 1\nevery_s = 2", "[fault 1]: has at_s and every_s; give exactly one"),
        (DROP + "probability = 1.5", "probability: 1.5 is not allowed; give a number above 0 up to 1"),
        (DROP + 'at_s = 1\nstreams = ["dept"]', "give a list of 1 to 4 of depth, bookTicker, trade and aggTrade"),
        (DROP + 'at_s = 1\nsymbols = ["BTCUSDT", "SOLUSDT"]', "[fault 1]: SOLUSDT is not served; take of BTCUSDT, ETHUSDT"),
        (DROP + "at_s = 1\ncount = 0", "count: 0 is not allowed; give a whole number from 1"),
        ('[[fault]]\nkind = "malformed"\nat_s = 1\nshape = "odd"', 'give one of "any", "truncated"'),
        ('[[fault]]\nkind = "oversize"\nat_s = 1\nbytes = 100_000_000', "up to 67108864"),
        ("sed = 3", "unknown key sed; did you mean seed?"),
        ("fault = 3", "fault is not a list of tables; begin each fault with [[fault]]"),
        ("seed = ", "not valid TOML"),
    ],
)
def test_what_can_not_be_done_is_one_line(text, states, tmp_path):
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)
    line = str(refused.value)
    assert states in line
    assert line.startswith(str(tmp_path / "rough.toml"))
    assert "\n" not in line


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: no such file"):
        read_plan(tmp_path / "none.toml")
