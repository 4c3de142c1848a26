"""Host execution of MindIR graphs."""

from microgen.runtime.session import Session

__all__ = ["Session"]
