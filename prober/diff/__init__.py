"""Two runs side by side: what is different, how grave it is, and what is behind it. Files are read, never written.

`sides_of` joins runs, `compare` finds the differences, `diff_document` groups and words them.
"""

from prober.diff.compare import Comparison, compare, differing
from prober.diff.document import DiffDoc, diff_document, encode_diff
from prober.diff.kinds import Kind, Severity, parse_kinds
from prober.diff.saved import SavedRun, read_run, saved_run
from prober.diff.sides import Side, Sides, SidesError, beside, side_of, sides_of

__all__ = [
    "Comparison",
    "DiffDoc",
    "Kind",
    "SavedRun",
    "Severity",
    "Side",
    "Sides",
    "SidesError",
    "beside",
    "compare",
    "diff_document",
    "differing",
    "encode_diff",
    "parse_kinds",
    "read_run",
    "saved_run",
    "side_of",
    "sides_of",
]
