"""CMSIS packs: devices and CMSIS-NN from packs that are installed, added and updated here.

Everything in a pack comes from outside: names, sizes and XML are checked before they are used. Only ``add`` and
``update`` use the network.
"""

from microgen.packs.adding import Added, Request, add
from microgen.packs.cache import Cache, Installed, default_root
from microgen.packs.cmsis_nn import cmsis_nn_tree
from microgen.packs.device_board import device_board
from microgen.packs.lookup import Found, board_for, devices_like, find_device
from microgen.packs.names import PackName, parse_request
from microgen.packs.updating import Updated, update

__all__ = [
    "Added",
    "Cache",
    "Found",
    "Installed",
    "PackName",
    "Request",
    "Updated",
    "add",
    "board_for",
    "cmsis_nn_tree",
    "default_root",
    "device_board",
    "devices_like",
    "find_device",
    "parse_request",
    "update",
]
