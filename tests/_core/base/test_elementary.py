"""exp, log, log1p, pow and the cosine of a turn: known bits, and within one unit of the last place of the exact value."""

import math
import random
from decimal import Context, Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hft._core.base.elementary import evaluate
from tests.sizes import examples

INF, NAN = float("inf"), float("nan")
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798")
EXACT = Context(prec=50, Emin=-10**6, Emax=10**6)

# Worked out once with these functions; the same on every machine, whatever its libm says.
KNOWN = [
    ("exp", (1.0,), "0x1.5bf0a8b14576ap+1"),
    ("exp", (-0.1,), "0x1.cf46d99d52b3ap-1"),
    ("exp", (-1e-09,), "0x1.fffffff768fa1p-1"),
    ("exp", (0.34657359,), "0x1.6a09e66640654p+0"),
    ("exp", (-20.5,), "0x1.57a3afeed00abp-30"),
    ("exp", (300.25,), "0x1.1fda3eaeb3d0ep+433"),
    ("exp", (-744.4,), "0x0.0000000000001p-1022"),
    ("log", (2.0,), "0x1.62e42fefa39efp-1"),
    ("log", (10.0,), "0x1.26bb1bbb55516p+1"),
    ("log", (0.7,), "-0x1.6d3c324e13f50p-2"),
    ("log", (1.0000001,), "0x1.ad7f2847b6492p-24"),
    ("log", (5e-324,), "-0x1.74385446d71c3p+9"),
    ("log", (1.7e+308,), "0x1.62dd08fdc6f88p+9"),
    ("log1p", (1e-09,), "0x1.12e0be801f1d9p-30"),
    ("log1p", (0.5,), "0x1.9f323ecbf984cp-2"),
    ("log1p", (2.507,), "0x1.413803d76bc5cp+0"),
    ("log1p", (61800.0,), "0x1.61037aebf0d32p+3"),
    ("log1p", (1000000000000.0,), "0x1.ba18a999000bap+4"),
    ("pow", (0.3, 2.0), "0x1.70a3d70a3d70ap-4"),
    ("pow", (0.999, 99.5), "0x1.cf7c41dcb6c5bp-1"),
    ("pow", (2.507, 0.5), "0x1.95567bab38259p+0"),
    ("pow", (75.0, 0.123456789), "0x1.b43e58958f2e6p+0"),
    ("pow", (1e-08, 3.0), "0x1.357c299a88ea8p-80"),
    ("cos_turn", (0.1,), "0x1.9e3779b97f4a8p-1"),
    ("cos_turn", (0.2499999,), "0x1.515370f9c8fd9p-21"),
    ("cos_turn", (0.333333,), "-0x1.ffff864725361p-2"),
    ("cos_turn", (0.625,), "-0x1.6a09e667f3bcdp-1"),
    ("cos_turn", (0.9,), "0x1.9e3779b97f4a8p-1"),
]


def cosine(x):
    """By its series."""
    total = term = Decimal(1)
    n = 0
    while abs(term) > Decimal("1e-60"):
        n += 2
        term *= -x * x / (n * (n - 1))
        total += term
    return total


def exact(function, x, y):
    """The value to 50 digits."""
    x, y = Decimal(x), Decimal(y)
    with localcontext(EXACT):
        match function:
            case "exp":
                return x.exp()
            case "log":
                return x.ln()
            case "log1p":
                return (1 + x).ln()
            case "pow":
                return (x.ln() * y).exp()
            case "cos_turn":
                return cosine(2 * PI * x)


def ulps_off(function, x, y=0.0):
    """By how many units of the last place a result differs from the exact value."""
    wanted = exact(function, x, y)
    with localcontext(EXACT):
        return abs(Decimal(evaluate(function, x, y)) - wanted) / Decimal(math.ulp(float(wanted)))


@pytest.mark.parametrize(("function", "arguments", "bits"), KNOWN)
def test_known_answers_to_the_bit(function, arguments, bits):
    assert evaluate(function, *arguments).hex() == bits


@pytest.mark.parametrize("function", ["exp", "log", "log1p", "pow", "cos_turn"])
def test_a_thousand_answers_are_within_a_unit_of_the_last_place(function):
    r = random.Random(function)
    draw = {
        "exp": lambda: (r.choice([r.uniform(-745, 709.78), r.choice([-1, 1]) * 10 ** r.uniform(-17, 0)]),),
        "log": lambda: (r.choice([10 ** r.uniform(-323, 308), 1 + r.uniform(-1, 1) * 10 ** r.uniform(-15, 0)]) or 1.0,),
        "log1p": lambda: (r.choice([10 ** r.uniform(-20, 300), -(10 ** r.uniform(-20, -0.01))]),),
        "pow": lambda: r.choice([
            (10 ** r.uniform(-10, 10), r.uniform(-30, 30)), (r.random() or 0.5, r.uniform(0, 100)),
            (10 ** r.uniform(100, 300), r.uniform(0.9, 1.02)),
        ]),
        "cos_turn": lambda: (r.choice([r.random(), r.choice([0.25, 0.75]) + r.choice([-1, 1]) * 10 ** r.uniform(-15, -1)]),),
    }[function]  # fmt: skip
    assert max(ulps_off(function, *draw()) for _ in range(1000)) <= 1


QUANTITY = st.floats(1e-8, 1e12)


@settings(max_examples=examples(200), deadline=None)
@given(QUANTITY, QUANTITY, st.floats(0.01, 99.99))
def test_what_the_queue_models_and_the_signal_ask_for_is_within_a_unit(front, back, exponent):
    assert ulps_off("log1p", back + front) <= 1
    assert ulps_off("exp", -front) <= 1 if front < 745 else evaluate("exp", -front) in (0.0, 5e-324)
    share = front / (front + back)
    if share != 1.0 and exponent * math.log(share) > -700:
        assert ulps_off("pow", share, exponent) <= 1


@pytest.mark.parametrize(
    ("function", "arguments", "value"),
    [
        ("exp", (0.0,), 1.0), ("exp", (INF,), INF), ("exp", (-INF,), 0.0), ("exp", (710.0,), INF), ("exp", (-750.0,), 0.0),
        ("exp", (709.782712893384,), 1.7976931348622732e308), ("exp", (-745.13,), 5e-324),
        ("log", (0.0,), -INF), ("log", (INF,), INF), ("log", (1.0,), 0.0), ("log", (5e-324,), -744.4400719213812),
        ("log1p", (-1.0,), -INF), ("log1p", (INF,), INF), ("log1p", (1e-300,), 1e-300),
        ("pow", (0.0, 0.0), 1.0), ("pow", (0.0, 2.0), 0.0), ("pow", (0.0, -1.0), INF), ("pow", (INF, 2.0), INF),
        ("pow", (INF, -2.0), 0.0), ("pow", (2.0, INF), INF), ("pow", (0.5, INF), 0.0), ("pow", (1.0, NAN), 1.0),
        ("pow", (2.0, 10.0), 1024.0), ("pow", (10.0, 3.0), 1000.0), ("pow", (2.0, 1e300), INF), ("pow", (2.0, -1074.0), 5e-324),
        ("cos_turn", (0.0,), 1.0), ("cos_turn", (0.25,), 0.0), ("cos_turn", (0.5,), -1.0), ("cos_turn", (1.0,), 1.0),
    ],
)  # fmt: skip
def test_ends_of_the_range(function, arguments, value):
    assert evaluate(function, *arguments) == value


@pytest.mark.parametrize(("function", "arguments"), [("exp", (NAN,)), ("log", (-1.0,)), ("log", (NAN,)), ("log1p", (-1.5,)),
                                                     ("pow", (-1.0, 2.0)), ("pow", (NAN, 1.0)), ("pow", (2.0, NAN))])  # fmt: skip
def test_what_has_no_value_is_nan(function, arguments):
    assert math.isnan(evaluate(function, *arguments))


def test_what_can_not_be_requested_is_refused():
    with pytest.raises(ValueError, match="must be one of"):
        evaluate("tan", 1.0)
    with pytest.raises(ValueError, match="from 0 to 1"):
        evaluate("cos_turn", 1.5)
