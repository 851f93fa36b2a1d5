"""checks - how a test fails or is skipped: check() and equal() raise Failure, Skip says why a test cannot run here"""


class Skip(Exception):
    pass


class Failure(AssertionError):
    pass


def check(condition, *what):
    if not condition:
        raise Failure(" ".join(str(w) for w in what) or "check failed")


def equal(got, wanted, what=""):
    if got != wanted:
        raise Failure(f"{what or 'value'}: got {got!r}, wanted {wanted!r}")
