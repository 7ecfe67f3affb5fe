"""What the compiled reader takes of a line is what the parsers of captures take; the rest it leaves to them."""

from itertools import islice
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hft.data import captures, files, hot_lines
from hft.data.record import Kind, Record
from hft.data.recording import RecordingReader
from hft.errors import NOT_JSON

FRAME = b'{"e":"trade","E":1,"s":"BTCUSDT","t":7,"p":"1.5","q":"-0.25e","m":true,"M":[[],{}],"x":null,"y":-0.5}'
PARSERS = [(hot_lines.stamped, captures._parse_stamped), (hot_lines.received, captures._parse_paired)]


def agree(hot, parse, line: bytes) -> Record | None:
    """What the compiled reader takes; it must be what the parser takes."""
    found = hot(line)
    if found is not None:
        assert found == parse(line.strip(captures._BLANK))
        assert type(found) is Record
        assert found.kind is Kind.FRAME
        assert msgspec.json.decode(found.data) is not None
    return found


CAPTURES = sorted(path for path in (Path(__file__).parents[1] / "data" / "captures").rglob("*.*") if path.suffix != ".md")


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_on_every_line_of_every_capture(path):
    with path.open("rb") as file:
        lines = list(islice(files.lines(file), 20_000))
    for hot, parse in PARSERS:
        taken = sum(agree(hot, parse, line) is not None for line in lines)
        if captures._parser(lines[0].strip()) is parse and path.suffix == ".gz":
            assert taken > 0.98 * len(lines)


MUTATIONS = st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=2)), max_size=3)


@pytest.mark.parametrize("between", [b" ", b": ", b":"])
@pytest.mark.parametrize("stamp", [b"1723161253937085768", b"1723161253937", b"1723161253.9370857683", b"1723161253937085"])
@given(cuts=MUTATIONS)
@example(cuts=[])
def test_on_lines_that_are_damaged_anyhow(stamp, between, cuts):
    line = stamp + between + FRAME + b"\n"
    for at, put in cuts:
        line = line[:at] + put + line[at + 1:]
    for hot, parse in PARSERS:
        found = agree(hot, parse, line)
        if not cuts:
            assert (found is not None) is (between.startswith(b":") is (hot is hot_lines.received))


@given(st.from_regex(rb"\d{1,20}(\.\d{1,12})? \{\"e\":\"trade\"\}\n", fullmatch=True))
@example(b'18446744073709551616 {"e":"x"}\n')
@example(b'4102444800000000000 {"e":"x"}\n')
@example(b'946684800 {"e":"x"}\n')
def test_on_any_stamp(line):
    try:
        expected = captures._parse_stamped(line.strip())
    except ValueError:
        expected = None
    found = hot_lines.stamped(line)
    assert found == expected


@pytest.mark.parametrize(
    "body",
    [
        b'{"e":"trade"', b'{"e":"trade"}}', b'{"e":"trade",}', b'{"e":"trade" }', b'{"e":01}', b'{"e":"a","b":1.}',
        b'{"e":"a","b":tru}',
        b'{"lastUpdateId":7}', b'{"u":7,"lastUpdateId":8}', b'{"u":7,"hft":1}', b"{}", b"[]", b"", b'{"e":"\xc3\xa4"}',
        b'{"e":"\\u0041"}', b'{"stream":"a","data":' + b"[" * 40 + b"]" * 40 + b"}",
    ],
)
def test_what_it_leaves_to_others(body):
    assert hot_lines.stamped(b"1723161253937 " + body + b"\n") is None


@given(st.binary(max_size=8), st.sampled_from([b"", b'{"hft":{"connect":"A"}}', b"{}", b'{"e":1}', b"x y"]))
@example(b"1", b"")
@example(b"123456789012345678", b"{}")
@example(b"9223372036854775807", b"{}")
def test_a_recording_s_frames_are_not_judged(stamp, body):
    line = stamp + b" " + body + b"\n"
    found = hot_lines.recorded(line)
    reader = RecordingReader()
    reader._rest = None
    if found is not None:
        whole, _, rest = line[:-1].partition(b" ")
        assert found == Record(int(whole), Kind.FRAME, rest)
    else:
        try:
            read = reader.read(line)
        except NOT_JSON:
            return
        assert read is None or read.kind is Kind.LOG or len(stamp) == 19
