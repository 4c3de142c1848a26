"""``microgen compare``: the same inputs on several paths, where they first part ways, and the likely cause."""

from microgen.compare.diagnose import Cause, diagnose
from microgen.compare.disagreement import Comparison, Disagreement, compare_paths
from microgen.compare.observe import Observation, Observer, make_observer

__all__ = [
    "Cause",
    "Comparison",
    "Disagreement",
    "Observation",
    "Observer",
    "compare_paths",
    "diagnose",
    "make_observer",
]
