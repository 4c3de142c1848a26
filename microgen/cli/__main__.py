"""``python -m microgen.cli``."""

from microgen.cli import main

main()
