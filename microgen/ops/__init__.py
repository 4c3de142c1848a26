"""Operators: one module each, everything true of an operator in its one place."""
