"""What does not fit is refused with figures that a second count confirms, and every proposal is tried out."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgen import advice, fit
from microgen.boards import Board, Region, all_boards, load_board
from microgen.compiler import Compiled, Options, compile_graph
from microgen.errors import DoesNotFit, MicrogenError
from microgen.fit import Constant, Needs, NetworkNeeds
from microgen.mindir import Graph
from microgen.placement import make_placement
from tests.support.memories import PSRAM, QSPI, two_memories
from tests.support.networks import Net

STACK = 4096


def dense(*units: int, inputs: int = 32) -> Graph:
    net = Net()
    x = net.input(1, inputs)
    for count in units:
        x = net.relu(net.dense(x, count))
    return net.graph(x)


def branches(count: int = 4, wide: int = 500) -> Graph:
    """Every branch is first widened, then all are narrowed: order decides how many wide ones live at once."""
    net = Net()
    x = net.input(1, 8)
    wides = [net.dense(x, wide) for _ in range(count)]
    return net.graph(*[net.dense(value, 4) for value in wides])


def compiled(graph: Graph, board: Board, **options: object) -> Compiled:
    chosen = Options(name="net", stack_bytes=STACK, **options)  # type: ignore[arg-type]
    return compile_graph(graph, board, chosen, model_file="net.tflite", sha256="ab" * 32)


def refused(graph: Graph, board: Board, **options: object) -> str:
    with pytest.raises(DoesNotFit) as error:
        compiled(graph, board, **options)
    assert error.value.exit_code == 1 and "\n" not in str(error.value)
    return str(error.value)


def counted(graph: Graph, **options: object) -> tuple[int, int]:
    """Bytes of the constants and of the arena, from the generated C."""
    files = compiled(graph, load_board("mps2-an386"), **options).files
    tables = re.findall(r": (\d+) bytes \*/", files["net_weights.c"].decode())
    arena = re.search(r"NET_ARENA_BYTES (\d+)u", files["net.h"].decode())
    assert tables and arena
    return sum(int(size) for size in tables), int(arena[1])


def proposed(message: str) -> dict[str, str]:
    found = re.search(r"--place '?([^' ]+)'? would fit", message)
    assert found is not None, message
    return dict(pair.rsplit("=", 1) for pair in found[1].split(","))  # type: ignore[misc]


def test_every_short_region_is_named_with_its_figures() -> None:
    graph = dense(64, 1024, 8)
    weights, arena = counted(graph)
    text = refused(graph, two_memories(0x4000, 0x1800))
    flash = f"flash: {weights:,} of 16,384 bytes ({weights - 0x4000:,} too many: weights of net {weights:,})"
    more = f"{STACK + arena - 0x1800:,} too many: stack 4,096, arena of net {arena:,}"
    ram = f"ram: {STACK + arena:,} of 6,144 bytes ({more})"
    assert text.startswith(f"net: too small on small: {flash}; {ram}. ")
    assert "The widest layer, " in text and re.search(r"works on [\d,]+ bytes at once$", text)


def test_exactly_full_fits_and_32_bytes_less_do_not() -> None:
    graph = dense(64, inputs=16)
    weights, arena = counted(graph)
    flash, ram = -(-weights // 32) * 32, -(-(STACK + arena) // 32) * 32
    assert compiled(graph, two_memories(flash, ram)).files
    assert f"flash: {weights:,} of {flash - 32:,}" in refused(graph, two_memories(flash - 32, ram))
    assert f"ram: {STACK + arena:,} of {ram - 32:,}" in refused(graph, two_memories(flash, ram - 32))


def test_the_users_limits_and_the_board_at_once() -> None:
    graph = dense(64, 64)
    weights, arena = counted(graph)
    text = refused(graph, two_memories(0x2000, 0x8000), max_flash=4096, max_ram=64)
    assert f"the weights take {weights:,} bytes of flash, --max-flash allows 4,096" in text
    assert f"the arena takes {arena:,} bytes of RAM, --max-ram allows 64" in text
    assert f"flash: {weights:,} of 8,192 bytes" in text
    # No other memory helps against the limits, but against the board's.
    assert "oards that would hold it: " in text


@pytest.mark.parametrize(
    ("flash", "ram", "others", "expected"),
    [
        (0x4000, 0x8000, (QSPI,), {"weights": "qspi"}),
        (0x80000, 0x1800, (PSRAM, QSPI), {"arena": "psram"}),
        (0x4000, 0x1800, (PSRAM, QSPI), {"weights": "qspi", "arena": "psram"}),
    ],
)
def test_a_proposed_region_holds_it(flash: int, ram: int, others: tuple[Region, ...], expected: dict[str, str]) -> None:
    graph, board = dense(64, 1024, 8), two_memories(flash, ram, *others)
    text = refused(graph, board)
    assert proposed(text) == expected
    assert f"(start-up code must set up {' and '.join(expected.values())} first)" in text
    assert compiled(graph, board, place=expected).files


def test_weights_in_ram_are_no_help_where_flash_is_short() -> None:
    """They are stored in flash all the same."""
    text = refused(dense(64, 1024, 8), two_memories(0x4000, 0x8000, PSRAM))
    assert "--place" not in text


def test_a_few_layers_are_moved_where_no_region_holds_all() -> None:
    graph = dense(100, 100, 100)
    weights, _ = counted(graph)
    small = Region("small", "flash", 0x00200000, weights // 64 * 32, ())
    board = two_memories(-(-weights * 2 // 3 // 32) * 32, 0x8000, small)
    place = proposed(refused(graph, board))
    assert place and all(what.startswith("weights/") for what in place)
    regions = {
        use.region.name: use.use for use in fit.planned_regions(compiled(graph, board, place=place).manifest, board)
    }
    assert regions["small"].used > 0 and regions["flash"].used + regions["small"].used == weights


def test_optimizing_for_ram_is_proposed_only_where_it_is_enough() -> None:
    graph = branches()
    _, speed = counted(graph)
    _, ram = counted(graph, optimize="ram")
    assert ram < speed
    between = -(-(STACK + ram) // 32) * 32
    board = two_memories(1 << 20, between)
    assert f"--optimize ram would fit: {ram:,} bytes of arena" in refused(graph, board)
    assert compiled(graph, board, optimize="ram").plan.arena_bytes == ram
    assert "--optimize ram" not in refused(graph, two_memories(1 << 20, between - 64))
    assert "--optimize ram" not in refused(graph, two_memories(1 << 20, between - 64), optimize="ram")
    assert "--optimize ram" not in refused(dense(64, 1024), two_memories(1 << 20, 0x1800))


def test_the_order_of_branches_is_what_ran_short() -> None:
    """The proposal above changes nothing in the graph that is compiled afterwards."""
    graph = branches()
    before = counted(graph)
    refused(graph, two_memories(1 << 20, 0x1400))
    assert counted(graph) == before


def test_quantizing_a_float_model_is_a_quarter() -> None:
    graph = dense(64, 64)
    weights, arena = counted(graph)
    figures = f"leaves about {round(weights / 4):,} bytes of weights and {-(-arena // 4):,} of arena"
    enough = refused(graph, two_memories(weights // 64 * 32, 0x8000))
    assert f"Quantizing to int8 (--calibration) {figures}, and would fit" in enough
    assert f"{figures}, which alone is not enough" in refused(graph, two_memories(weights // 256 * 32, 0x8000))


def test_boards_that_would_hold_it_do_and_smaller_ones_do_not() -> None:
    graph = dense(256, 2048, 8, inputs=64)
    found = re.search(r"oards? that would hold it: ([^.]*)", refused(graph, two_memories(0x8000, 0x8000)))
    assert found is not None
    names = found[1].split(", ")
    boards = sorted(all_boards(), key=lambda b: (b.flash_size + b.ram_size, b.name))
    largest = max(boards.index(load_board(name)) for name in names)
    for board in boards[: largest + 1]:
        try:
            planned = fit.planned_regions(compiled(graph, board).manifest, board)
        except MicrogenError:
            assert board.name not in names
            continue
        room = next(p.use.free for p in planned if p.region.name == board.region_for("code").name)
        assert (board.name in names) == (room >= advice.ROOM_FOR_CODE)


def network(name: str, arena: int, *constants: int) -> NetworkNeeds:
    tables = (Constant((f"layer{i}", f"{name}_t{i}"), (f"layer{i}",), size) for i, size in enumerate(constants))
    return NetworkNeeds(name, tuple(tables), arena)


def test_several_networks_can_share_an_arena() -> None:
    needs = Needs((network("a", 3000, 400), network("b", 2000, 500)), STACK)
    situation = advice.Situation(two_memories(0x8000, 0x2000), needs, {})
    with pytest.raises(DoesNotFit) as error:
        advice.check(situation, "a, b")
    text = str(error.value)
    assert "ram: 9,096 of 8,192 bytes (904 too many: stack 4,096, arena of a 3,000, arena of b 2,000)" in text
    assert "--share-arena would fit: one arena of 3,000 bytes for networks that take turns" in text
    shared = advice.Situation(situation.board, Needs(needs.networks, STACK, share_arena=True), {})
    advice.check(shared, "a, b")
    smaller = two_memories(0x8000, 0x1800)
    with pytest.raises(DoesNotFit, match=r"7,096 of 6,144 bytes \(952 too many: stack 4,096, shared arena 3,000\)"):
        advice.check(advice.Situation(smaller, shared.needs, {}), "a, b")


def test_states_of_networks_in_one_arena_lie_apart() -> None:
    keeping = tuple(
        dataclasses.replace(network(name, arena), state_bytes=kept)
        for name, arena, kept in (("a", 3000, 400), ("b", 2900, 16))
    )
    assert Needs((*keeping, network("c", 2800)), STACK, share_arena=True).arena_bytes == 416 + 2884
    assert Needs(keeping, STACK).arena_bytes == 5900


def test_a_smaller_stack_is_proposed() -> None:
    board = two_memories(0x8000, 0x2000)
    needs = Needs((network("a", 6000),), 4096)
    with pytest.raises(DoesNotFit, match="--stack 2048 would fit"):
        advice.check(advice.Situation(board, needs, {}), "a")
    assert "--stack" not in " ".join(advice.hints(advice.Situation(board, Needs((network("a", 9000),), 4096), {})))


def test_small_boards_have_small_stacks() -> None:
    stacks = {board.name: board.default_stack for board in all_boards()}
    assert {name for name, size in stacks.items() if size != 4096} == {"microbit", "stm32vldiscovery"}
    assert Options().stack_on(load_board("microbit")) == 1024
    assert Options(stack_bytes=512).stack_on(load_board("microbit")) == 512


@pytest.mark.parametrize("name", ["a,b", "it's", "x*", "[x]", "con\nv", "a=b", "model/conv 1;relu"])
def test_a_layer_is_proposed_only_under_a_name_that_can_be_typed(name: str) -> None:
    needs = Needs((NetworkNeeds("n", (Constant((name, "t"), (name,), 4096), Constant(("u",), ("u",), 8192)), 64),), 512)
    situation = advice.Situation(
        two_memories(8192, 4096, Region("small", "flash", 0x00200000, 4096)), needs, {"arena": "ram"}
    )
    with pytest.raises(DoesNotFit) as refusal:
        advice.check(situation, "n")
    assert "\n" not in str(refusal.value)
    assert (f"--place 'weights/{name}=small' would fit" in str(refusal.value)) == (name == "model/conv 1;relu")


def test_weights_in_ram_count_twice() -> None:
    board = two_memories(0x8000, 0x8000, PSRAM)
    needs = Needs((network("a", 64, 1000, 2000),), STACK)
    planned = fit.plan_regions(board, make_placement(board, {"weights/layer1": "psram"}), needs)
    assert {p.region.name: dict(p.use.parts) for p in planned} == {
        "flash": {"weights": 1000, "stored": 2000},
        "ram": {"stack": STACK, "arena": 64},
        "psram": {"weights": 2000},
    }


SIZES = st.integers(1, 40_000)


@given(
    arenas=st.lists(SIZES, min_size=1, max_size=3),
    tables=st.lists(SIZES, max_size=4),
    flash=st.integers(1, 2048),
    ram=st.integers(1, 2048),
    psram=st.integers(1, 2048),
    qspi=st.integers(1, 2048),
    place=st.sampled_from([{}, {"weights": "psram"}, {"weights": "qspi", "arena": "psram"}]),
)
@settings(max_examples=80, deadline=None)
def test_whatever_is_short_a_proposal_holds(
    arenas: list[int], tables: list[int], flash: int, ram: int, psram: int, qspi: int, place: dict[str, str]
) -> None:
    others = (Region("psram", "ram", 0x21000000, psram * 32), Region("qspi", "flash", 0x00200000, qspi * 32))
    board = two_memories(flash * 32, ram * 32, *others)
    needs = Needs(tuple(network(f"n{i}", size, *tables) for i, size in enumerate(arenas)), 512)
    situation = advice.Situation(board, needs, place)
    if situation.fits:
        advice.check(situation, "net")
        return
    with pytest.raises(DoesNotFit) as refusal:
        advice.check(situation, "net")
    error = refusal.value
    assert error.hint
    for short in (p for p in situation.planned if p.use.free < 0):
        assert f"{short.region.name}: {sum(i.nbytes for i in short.items):,} of {short.region.size:,}" in error.what
    if "--place" in error.hint:
        assert advice.Situation(board, needs, {**place, **proposed(error.hint)}).holds


def test_a_damaged_manifest_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(MicrogenError, match="Compile the model again"):
        fit.needs_from_manifest({"networks": [{"name": "x"}], "options": {}, "arena": {}})
