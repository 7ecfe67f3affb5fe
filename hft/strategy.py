"""What a user subclasses: a strategy in Python, and its parameters."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import msgspec

from hft.errors import ConfigError, StrategyError, UsageError


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of a strategy: a field of a subclass is one, with its type and default.

    >>> class Mine(Params):
    ...     size: float = 0.01
    >>> Mine(size=0.5)
    Mine(size=0.5)
    """


class Strategy:
    """A strategy in Python. A subclass has those of these methods that it needs; others are not called.

    ===========================  ====================================================================================
    ``on_start(ctx)``            the run begins
    ``on_tick(ctx)``             the book of a symbol changed; it is in sync, and both sides are quoted
    ``on_trade(ctx, trade)``     somebody traded (`hft.MarketTrade`); before the `on_tick` of the same message
    ``on_fill(ctx, report)``     an order of yours filled, or a part of it (`hft.OrderReport`)
    ``on_order(ctx, report)``    anything else that is reported about an order of yours, a refusal by the risk limits too
    ``on_timer(ctx)``            a timer that `ctx.set_timer` set has run out
    ``on_stop(ctx)``             the run ends; new orders are not sent any more
    ===========================  ====================================================================================

    ``ctx`` is a `hft.StrategyContext`: what is known of the symbol that the call is about (of the first one, where it is about
    none), and how to act. It is good during the call. Where a method raises, nothing that this call asked for is sent, the open
    orders are cancelled, and the run ends.

    A class may have parameters: a `Params` of its own. They are checked, and stand in ``self.params``.

    >>> class Quoter(Strategy):
    ...     class Params(Params):
    ...         size: float = 0.01
    >>> Quoter(size=0.5).params.size
    0.5
    >>> Quoter(sise=0.5)
    Traceback (most recent call last):
    hft.errors.ConfigError: Quoter: Object contains unknown field `sise`; its parameters: size
    """

    Params: ClassVar[type[Params]] = Params
    params: Any

    def __init__(self, **params: Any) -> None:
        self.params = checked_params(type(self), params)


def checked_params(kind: type[Strategy], given: Mapping[str, Any], where: str = "") -> Params:
    """The parameters of a strategy, each of its type; numbers may be text, as settings are when they travel.

    Raises `ConfigError`.
    """
    try:
        return msgspec.convert(dict(given), kind.Params, strict=False)
    except msgspec.ValidationError as error:
        known = ", ".join(kind.Params.__struct_fields__) or "none"
        raise ConfigError(str(error), where=where or kind.__name__, do=f"its parameters: {known}") from None


def described(source: str) -> str:
    """What a strategy is, in some lines: its methods that are called, and its parameters."""
    from hft._core.trade.python_strategy import CALLBACKS  # compiled: help and other commands do without

    kind = load_strategy(source)
    lines = [source, *(inspect.cleandoc(kind.__doc__ or "").splitlines()[:1])]
    lines.append("called        " + (", ".join(name for name in CALLBACKS if hasattr(kind, name)) or "never"))
    for field in msgspec.structs.fields(kind.Params):
        default = "required" if field.required else repr(field.default)
        lines.append(f"{field.name:<13} {getattr(field.type, '__name__', field.type)}, {default}")
    return "\n".join(lines)


def load_strategy(source: str) -> type[Strategy]:
    """The class that ``FILE.py:CLASS`` or ``MODULE:CLASS`` names.

    Raises `UsageError` where there is none, `StrategyError` where its module can't be imported.

    >>> load_strategy("nowhere.py:Quoter")
    Traceback (most recent call last):
    hft.errors.UsageError: nowhere.py: no such file; give FILE.py:CLASS or MODULE:CLASS
    """
    module_name, _, name = source.rpartition(":")
    module = _load_file(Path(module_name)) if module_name.endswith(".py") else _load_module(module_name)
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, Strategy)):
        there = [key for key, each in vars(module).items() if _is_strategy(each)]
        do = f"it has {', '.join(there)}" if there else "subclass hft.Strategy there"
        raise UsageError(f"has no strategy {name}" if found is None else f"{name} is no hft.Strategy", where=module_name, do=do)
    return found


def _is_strategy(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, Strategy) and found is not Strategy


def _load_file(path: Path) -> ModuleType:
    """A file as a module of its name; what lies beside it can be imported, as when Python runs it."""
    if not path.is_file():
        raise UsageError("no such file", where=str(path), do="give FILE.py:CLASS or MODULE:CLASS")
    name = path.stem
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path.resolve()):
        return loaded
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise raised(error, f"importing {path}") from error
    return module


def _load_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise UsageError("no such module", where=name, do="give FILE.py:CLASS or MODULE:CLASS") from None
        raise raised(error, f"importing {name}") from error
    except Exception as error:
        raise raised(error, f"importing {name}") from error


def raise_error(port: Any) -> None:
    """Raises the failure of a strategy, if there is one."""
    if (failure := failure_of(port)) is not None:
        raise failure


def failure_of(port: Any) -> BaseException | None:
    """The exception of a strategy in Python while an engine ran it, as a `StrategyError`; Ctrl-C as itself; None without one."""
    error = getattr(port, "error", None)
    if not isinstance(error, Exception):
        return error
    failure = raised(error, f"{type(port.strategy).__name__}.{port.raised_in}")
    failure.__cause__ = error
    return failure


def _is_ours(filename: str) -> bool:
    return filename.startswith(("hft/_core", str(Path(__file__).parent)))      # compiled modules go by the first


def raised(error: BaseException, doing: str) -> StrategyError:
    """The one line about an exception of the user's code: what, and in which of its lines."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_ours(frame.filename)]
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    if isinstance(error, SyntaxError):
        where = f"{error.filename}:{error.lineno}"
    said = f": {error}" if str(error) else ""
    return StrategyError(f"{doing} raised {type(error).__name__}{said}", where=where)
