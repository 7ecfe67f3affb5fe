"""Elementary functions whose results do not depend on the machine's libm."""


def evaluate(str function not None, double x, double y=0.0) -> float:
    """One of the functions that the core uses instead of libm, for tests and to compare machines.

    Parameters
    ----------
    function : str
        ``"exp"``, ``"log"``, ``"log1p"``, ``"pow"`` (`x` at least 0, to the power of `y`), or ``"cos_turn"``, the cosine of `x`
        turns, 0 to 1.

    >>> evaluate("exp", 1.0), evaluate("pow", 2.0, 0.5), evaluate("cos_turn", 0.5)
    (2.7182818284590455, 1.414213562373095, -1.0)
    """
    if function == "exp":
        return exp(x)
    if function == "log":
        return log(x)
    if function == "log1p":
        return log1p(x)
    if function == "pow":
        return power(x, y)
    if function == "cos_turn":
        if not 0.0 <= x <= 1.0:
            raise ValueError(f"{x} turns are not from 0 to 1")
        return cos_turn(x)
    raise ValueError(f"function {function!r} must be one of exp, log, log1p, pow, cos_turn")
