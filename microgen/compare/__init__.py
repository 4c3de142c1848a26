"""``microgen compare``: the same inputs on several paths, where they first part ways, and the likely cause."""

from microgen.compare.diagnose import Cause, diagnose
from microgen.compare.disagreement import Comparison, Disagreement, compare_paths
from microgen.compare.observe import Observation, Observer, make_observer
from microgen.compare.tracelog import LogComparison, compare_log

__all__ = [
    "Cause",
    "Comparison",
    "Disagreement",
    "LogComparison",
    "Observation",
    "Observer",
    "compare_log",
    "compare_paths",
    "diagnose",
    "make_observer",
]
