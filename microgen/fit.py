"""What a firmware needs of each memory region, and whether the board has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from microgen import resources
from microgen.boards import ROLES, Board, Region
from microgen.codegen import NetworkInput
from microgen.codegen.lower import build_view
from microgen.codegen.tables import Table
from microgen.errors import InputError, one_line
from microgen.placement import Placement, make_placement
from microgen.plan import Plan, Step
from microgen.target.regions import PARTS, RegionUse


@dataclass(frozen=True, slots=True)
class Constant:
    """A table of constants: ``names`` are all that a pattern of ``--place`` can call it."""

    names: tuple[str, ...]
    layers: tuple[str, ...]
    nbytes: int


@dataclass(frozen=True, slots=True)
class NetworkNeeds:
    """One network's constants and arena, with ``state_bytes`` of it that are kept between invocations. ``float_bytes``
    of the constants are floats, and ``widest`` says which layer needs the most of the arena and how much; 0 and ""
    where that is not known.
    """

    name: str
    constants: tuple[Constant, ...]
    arena_bytes: int
    float_bytes: int = 0
    widest: tuple[str, int] = ("", 0)
    state_bytes: int = 0

    @property
    def const_bytes(self) -> int:
        """Bytes of all constants."""
        return sum(constant.nbytes for constant in self.constants)


@dataclass(frozen=True, slots=True)
class Needs:
    """What the firmware needs: its networks, the stack, and by region what was found besides them (``rest``)."""

    networks: tuple[NetworkNeeds, ...]
    stack_bytes: int
    share_arena: bool = False
    rest: Mapping[str, int] = field(default_factory=dict)

    @property
    def const_bytes(self) -> int:
        """Bytes of all networks' constants."""
        return sum(network.const_bytes for network in self.networks)

    @property
    def arena_bytes(self) -> int:
        """Bytes of all arenas; where one is shared, of what all keep and the largest of what they need besides."""
        if not self.share_arena:
            return sum(network.arena_bytes for network in self.networks)
        kept = sum(network.state_bytes for network in self.networks)
        return kept + max(network.arena_bytes - network.state_bytes for network in self.networks)


@dataclass(frozen=True, slots=True)
class Item:
    """Bytes that lie in one region: ``part`` is one of PARTS, ``label`` says what they are."""

    part: str
    label: str
    nbytes: int


@dataclass(frozen=True, slots=True)
class Planned:
    """What is planned for a region; the code is not known before the build."""

    region: Region
    items: tuple[Item, ...]

    @property
    def use(self) -> RegionUse:
        """The bytes of each part."""
        sums = {part: sum(item.nbytes for item in self.items if item.part == part) for part in PARTS}
        return RegionUse(self.region, {part: size for part, size in sums.items() if size})

    @property
    def listed(self) -> str:
        """The items in words."""
        return ", ".join(f"{item.label} {item.nbytes:,}" for item in self.items)

    @property
    def shortfall(self) -> str:
        """In words how much too small the region is; "" where it is not."""
        use = self.use
        if use.free >= 0:
            return ""
        figures = f"{use.used:,} of {use.region.size:,} bytes ({-use.free:,} too many: {self.listed})"
        return f"{use.region.name}: {figures}"


def network_needs(network: NetworkInput, plan: Plan) -> NetworkNeeds:
    """What the generated code of ``network`` needs when it is planned as ``plan``."""
    view = build_view(plan, network.name, resources.runtime_c_dir(), network.layouts)
    floats = sum(table.nbytes for table in view.tables if table.ctype == "float")
    steps = [(_working_set(step), step.node.label) for step in plan.steps]
    size, label = max(steps, key=lambda pair: pair[0], default=(0, ""))
    constants = tuple(_constant(t) for t in view.tables)
    return NetworkNeeds(network.name, constants, view.arena_bytes, floats, (label, size), plan.state_bytes)


def _working_set(step: Step) -> int:
    """Bytes of a step's inputs and outputs in the arena."""
    return sum(v.type.nbytes for v in (*step.node.inputs, *step.node.outputs) if v is not None and not v.is_const)


def _constant(table: Table) -> Constant:
    return Constant(table.names, table.layers, table.nbytes)


def plan_regions(board: Board, placement: Placement, needs: Needs) -> tuple[Planned, ...]:
    """What goes into each region of ``board``, in its order. What belongs into RAM is stored in flash, too."""
    items: dict[str, list[Item]] = {region.name: [] for region in board.memory}
    if placement["code"].kind == "ram" and (moved := needs.rest.get(placement["code"].name)):
        items[placement.load.name].append(Item("stored", "stored code", moved))
    for network in needs.networks:
        for region in board.memory:
            lying = [c for c in network.constants if placement.region_of(*c.names).name == region.name]
            if size := sum(constant.nbytes for constant in lying):
                items[region.name].append(Item("weights", f"weights of {network.name}", size))
                if region.kind == "ram":
                    items[placement.load.name].append(Item("stored", f"stored weights of {network.name}", size))
    items[placement["stack"].name].append(Item("stack", "stack", needs.stack_bytes))
    arena = items[placement["arena"].name]
    if needs.share_arena:
        arena.append(Item("arena", "shared arena", needs.arena_bytes))
    else:
        arena += [Item("arena", f"arena of {n.name}", n.arena_bytes) for n in needs.networks]
    for name, size in needs.rest.items():
        if name in items and size > 0:
            kind = board.regions[name].kind
            in_flash = kind == "flash" or name == placement["code"].name
            items[name].append(Item("code" if in_flash else "data", "code and the like" if in_flash else "data", size))
    return tuple(Planned(region, tuple(items[region.name])) for region in board.memory)


def limit_problems(needs: Needs, max_flash: int | None, max_ram: int | None) -> list[str]:
    """A line for each of the user's own limits that the networks alone exceed."""
    checks = (
        ("the weights take", needs.const_bytes, "flash", max_flash, "--max-flash"),
        ("the arena takes", needs.arena_bytes, "RAM", max_ram, "--max-ram"),
    )
    return [
        f"{subject} {used:,} bytes of {kind}, {flag} allows {limit:,}"
        for subject, used, kind, limit, flag in checks
        if limit is not None and used > limit
    ]


def needs_from_manifest(manifest: Mapping[str, Any]) -> Needs:
    """What a generated project needs, from its manifest; InputError where that is damaged."""
    try:
        networks = tuple(
            NetworkNeeds(
                str(entry["name"]),
                tuple(
                    Constant((*t["layers"], t["name"], t["symbol"]), tuple(t["layers"]), int(t["bytes"]))
                    for t in entry["constants"]["tables"]
                ),
                int(entry["arena"]["bytes"]),
            )
            for entry in manifest["networks"]
        )
        return Needs(networks, int(manifest["options"]["stack_bytes"]), bool(manifest["arena"]["shared"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the manifest is damaged ({error})", hint="Compile the model again") from None


def place_from_manifest(manifest: Mapping[str, Any], board: Board) -> dict[str, str]:
    """The user's choices of regions with which a project was generated."""
    options = manifest["options"]
    roles = {role: options["placement"][role] for role in ROLES}
    chosen = {role: name for role, name in roles.items() if name != board.region_for(role).name}
    return {**chosen, **{f"weights/{pattern}": name for pattern, name in options["tables"].items()}}


def planned_regions(manifest: Mapping[str, Any], board: Board) -> tuple[Planned, ...]:
    """What a generated project has planned for each region of its board."""
    placement = make_placement(board, place_from_manifest(manifest, board))
    return plan_regions(board, placement, needs_from_manifest(manifest))


def planned_code(manifest: Mapping[str, Any], board: Board) -> Region:
    """The region that a generated project's code runs in."""
    return make_placement(board, place_from_manifest(manifest, board))["code"]


def largest_constants(needs: Needs, placement: Placement, region: str) -> list[tuple[str, int]]:
    """The layers whose constants lie in ``region`` with the bytes of those, the largest first; layers of one name, and
    those that share a constant, count together.
    """
    sizes: dict[str, int] = {}
    for network in needs.networks:
        for constant in network.constants:
            if constant.layers and placement.region_of(*constant.names).name == region:
                sizes[constant.layers[0]] = sizes.get(constant.layers[0], 0) + constant.nbytes
    return sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0]))


def widest_text(needs: Needs) -> str:
    """Which layer needs the most of the arena; "" where that is not known."""
    name, size = max((network.widest for network in needs.networks), key=lambda pair: pair[1])
    return f"the widest layer, {one_line(name, 60)}, works on {size:,} bytes at once" if name else ""
