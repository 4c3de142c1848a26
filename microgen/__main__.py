"""``python -m microgen``: the command line, also where its program is not on the search path."""

from microgen.cli import main

if __name__ == "__main__":
    main()
