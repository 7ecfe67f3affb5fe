NAMES: dict[int, str]
CODES: dict[str, int]
CODE_COUNT: int
FIRST_ORDER_CODE: int

def name(code: int) -> str: ...
def text(code: int) -> str: ...
