"""``microgen report``: what there is to know of a model on a board, as plain data and as one page."""

from microgen.report.gather import FORMAT, Request, gather
from microgen.report.page import MARKER, render_page, write_page

__all__ = ["FORMAT", "MARKER", "Request", "gather", "render_page", "write_page"]
