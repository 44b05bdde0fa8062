"""What a user of several egress points can be told before anything is probed."""

from __future__ import annotations

from typing import Final

MISSING: Final = "runs over several egress points need an optional part: python -m pip install 'prober[cluster]'"


class ClusterError(Exception):
    """Nothing can begin, or nobody is there any more; `errors` has every reason as a sentence."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


class UnreachableError(ClusterError):
    """Nobody is there (yet): trying again may help."""


def behind(error: BaseException) -> BaseException:
    """What an exception was raised from: dask's own say that something failed, and not what."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def is_installed() -> bool:
    """Whether the extra is there, without loading it."""
    from importlib.util import find_spec

    return find_spec("distributed") is not None
