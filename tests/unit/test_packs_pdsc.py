"""Descriptions of packs: what devices inherit, what is not believed, what is refused."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgen.errors import InputError, MicrogenError, UsageError
from microgen.packs import xmlfile
from microgen.packs.index import parse_index
from microgen.packs.names import PackName, parse_request
from microgen.packs.pdsc import Pdsc, parse_pdsc
from microgen.packs.version import Version
from tests.support import packs


@pytest.fixture(scope="module")
def acme() -> Pdsc:
    return parse_pdsc(packs.pdsc(), "acme.pdsc")


def test_names_and_releases(acme: Pdsc) -> None:
    assert str(acme.newest) == "Acme::Acme_DFP@1.2.0"
    assert [str(r.version) for r in acme.releases] == ["1.2.0", "1.1.0"]
    assert acme.device_names == [
        "ACME-S1", "ACME-S2", "ACME-U5", "ACME-V7", "ACMEF746NG", "ACMEF746NGHx", "ACMEF746NGTx", "ACMEH745XI",
    ]  # fmt: skip


def test_attributes_add_up_from_family_to_variant(acme: Pdsc) -> None:
    device = acme.device("ACMEF746NGHx")
    (processor,) = device.processors
    assert (processor.core, processor.fpu, processor.clock) == ("Cortex-M7", "sp", 200_000_000)
    assert processor.dsp and processor.mpu and not processor.trustzone
    assert acme.device("ACMEF746NG").processor().clock == 216_000_000
    assert (device.vendor, device.family, device.sub_family) == ("Acme:999", "Fast Series", "F7")
    sizes = {m.name: (m.start, m.size, m.default, m.startup) for m in device.memories}
    assert sizes["Flash"] == (0x0800_0000, 0x10_0000, True, True)
    assert sizes["DTCM"] == (0x2000_0000, 0x1_0000, False, False)


def test_an_inner_memory_changes_the_outer_one(acme: Pdsc) -> None:
    memories = {m.name: m for m in acme.device("ACME-S2").memories}
    assert memories["IROM1"].size == 0x40000
    assert memories["IROM1"].startup and memories["IROM1"].default, "what the inner one leaves out is inherited"
    assert not memories["IROM1"].is_writable and memories["IRAM1"].is_writable
    assert memories["RAM1"].external and not memories["IRAM1"].external
    assert {m.name: m for m in acme.device("ACME-S1").memories}["IROM1"].size == 0x20000


def test_what_a_core_cannot_have_is_not_believed(acme: Pdsc) -> None:
    processor = acme.device("ACME-S1").processor()
    assert (processor.fpu, processor.mve, processor.dsp) == ("none", "none", False)
    high, efficient, _ = acme.device("ACME-V7").processors
    assert (high.fpu, high.mve) == ("dp", "fp"), "this core's unit always computes double precision"
    assert (efficient.fpu, efficient.mve, efficient.dsp) == ("none", "int", True)
    secure = acme.device("ACME-U5").processor()
    assert (secure.fpu, secure.dsp, secure.trustzone) == ("sp", True, True)


@pytest.mark.parametrize(
    ("core", "fpu", "mve", "expected"),
    [
        ("Cortex-M0", "FPU", "FP_MVE", ("none", "none")),
        ("Cortex-M3", "1", "", ("none", "none")),
        ("Cortex-M4", "DP_FPU", "MVE", ("sp", "none")),
        ("Cortex-M7", "1", "", ("sp", "none")),
        ("Cortex-M7", "DP_FPU", "", ("dp", "none")),
        ("Cortex-M33", "0", "", ("none", "none")),
        ("Cortex-M85", "FPU", "FP_MVE", ("dp", "fp")),
        ("Cortex-M55", "NO_FPU", "FP_MVE", ("none", "int")),
        ("Cortex-M52", "SP_FPU", "FP_MVE", ("sp", "fp")),
        ("ARMV8MML", "SP_FPU", "NO_MVE", ("sp", "none")),
    ],
)
def test_units_of_cores(core: str, fpu: str, mve: str, expected: tuple[str, str]) -> None:
    text = (
        f'<family Dfamily="F"><device Dname="D"><processor Dcore="{core}" Dfpu="{fpu}" Dmve="{mve}"/></device></family>'
    )
    processor = parse_pdsc(packs.pdsc(text), "x").device("D").processor()
    assert (processor.fpu, processor.mve) == expected


def test_several_processors_have_to_be_chosen_from(acme: Pdsc) -> None:
    device = acme.device("ACMEH745XI")
    with pytest.raises(UsageError, match=r"CM7 \(Cortex-M7\), CM4 \(Cortex-M4\)") as caught:
        device.processor()
    assert "ACMEH745XI:CM7 or ACMEH745XI:CM4" in caught.value.hint
    assert device.processor("cm4").fpu == "sp" and device.processor("CM7").fpu == "dp"
    with pytest.raises(UsageError, match="no processor 'CM9'"):
        device.processor("CM9")
    vector = acme.device("ACME-V7")
    with pytest.raises(UsageError, match="HP") as caught:
        vector.processor()
    assert "APPS" not in caught.value.hint, "an application processor is no choice"
    with pytest.raises(UsageError) as caught:
        acme.device("ACME-S1").processor("X")
    assert caught.value.hint == "It has one processor: ACME-S1"


def test_only_application_processors() -> None:
    text = '<family Dfamily="F"><device Dname="D"><processor Dcore="Cortex-A53"/></device></family>'
    with pytest.raises(UsageError, match="no Cortex-M device: its core is Cortex-A53"):
        parse_pdsc(packs.pdsc(text), "x").device("D").processor()


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        ('<processor Dcore="Cortex-M4"/><memory name="R" start="0x20000000"/>', "memory R: size is missing"),
        (
            '<processor Dcore="Cortex-M4"/><memory id="IRAM1" start="x" size="1"/>',
            "memory IRAM1: start 'x' is no number",
        ),
        ('<processor Dcore="Cortex-M4"/><memory start="0" size="1"/>', "memory has neither name nor id"),
        ('<processor Dcore="Cortex-M4"/><memory name="R" start="0xFFFFFFF0" size="0x20"/>', "lies beyond 32 bits"),
        ('<processor Dcore="Cortex-M4"/><memory name="R" start="0" size="99999999999999999999"/>', "beyond 32 bits"),
        ('<processor Dcore="Cortex-M4"/><memory name="R" start="-1" size="4"/>', "start '-1' is no number"),
        ("<processor Dclock='1'/>", "has no Dcore"),
        ('<processor Dcore="Cortex-M4" Dclock="fast"/>', "processor : Dclock 'fast' is no number"),
        ("", "device BAD has no processor element"),
    ],
)
def test_a_device_that_is_described_wrongly_leaves_the_others_usable(inner: str, said: str) -> None:
    good = '<device Dname="GOOD"><processor Dcore="Cortex-M4"/></device>'
    text = f'<family Dfamily="F">\n{good}\n<device Dname="BAD">{inner}</device></family>'
    description = parse_pdsc(packs.pdsc(text), "f.pdsc")
    assert description.device("GOOD").processor().core == "Cortex-M4"
    with pytest.raises(InputError) as caught:
        description.device("BAD")
    assert said in str(caught.value) and "f.pdsc" in str(caught.value)
    assert "line " in str(caught.value) and "\n" not in str(caught.value)


def test_an_unknown_device() -> None:
    with pytest.raises(InputError, match="describes no device 'NO'"):
        parse_pdsc(packs.pdsc(), "x").device("NO")


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (f'<!DOCTYPE package [<!ENTITY l0 "lol">{LAUGHS}]><package><name>&l9;</name></package>'.encode(),
         "document type declaration is refused"),
        (b'<!DOCTYPE package SYSTEM "file:///etc/passwd"><package/>', "document type declaration is refused"),
        (b'<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><package><name>&x;</name></package>', "refused"),
        (b"<package><name>&undefined;</name></package>", "undefined entity"),
        (b"<package>" + b"<devices>" * 200, "nested deeper"),
        (packs.pdsc()[:-30], "well-formed"),
        (b"", "no element"),
        (b"not xml", "well-formed"),
        (b"\x00\x01\x02", "well-formed"),
        (b'<?xml version="1.0" encoding="no-such"?><package/>', "XML"),
        (b"<html><body/></html>", "outermost element is html, package expected"),
        (b"<package><vendor>A</vendor></package>", "the name"),
        (b"<package><vendor>..</vendor><name>x</name></package>", "cannot name a folder"),
        (b"<package><vendor>a/b</vendor><name>x</name></package>", "cannot name a folder"),
        (b"<package><vendor>CON</vendor><name>x</name></package>", "cannot name a folder"),
        (b"<package><vendor>A</vendor><name>" + b"n" * 200 + b"</name></package>", "cannot name a folder"),
    ],
)  # fmt: skip
def test_xml_that_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_pdsc(data, "bad.pdsc")
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xmlfile, "MAX_BYTES", 1000)
    with pytest.raises(InputError, match="more than a description may have"):
        parse_pdsc(packs.pdsc(), "x")
    monkeypatch.undo()
    monkeypatch.setattr(xmlfile, "_MAX_ELEMENTS", 20)
    with pytest.raises(InputError, match="more than 20 elements"):
        parse_pdsc(packs.pdsc(), "x")
    monkeypatch.undo()
    monkeypatch.setattr(xmlfile, "_MAX_TEXT", 3)
    assert (
        parse_pdsc(
            b"<package><vendor>A</vendor><name>B</name><devices><family>"
            + b"x" * 99
            + b"</family></devices></package>",
            "x",
        ).name
        == "B"
    )
    with pytest.raises(InputError, match="characters of text"):
        parse_pdsc(packs.pdsc(), "x")


@given(st.binary(max_size=400), st.integers(0, 3000), st.integers(0, 3000))
def test_damage_is_a_typed_error(noise: bytes, start: int, length: int) -> None:
    data = packs.pdsc()
    damaged = data[:start] + noise + data[start + length :]
    with contextlib.suppress(MicrogenError):
        description = parse_pdsc(damaged, "damaged")
        for name in description.device_names:
            description.device(name)
        assert description.newest


def test_components_and_conditions() -> None:
    text = """
    <conditions>
      <condition id="M4"><description>d</description><require Dcore="Cortex-M4"/><deny Dfpu="NO_FPU"/></condition>
    </conditions>
    <components>
      <component Cclass="CMSIS" Cgroup="NN Lib" Cversion="7.0.0" condition="M4">
        <files>
          <file category="header" name="Include/arm_nnfunctions.h"/>
          <file category="source" name="Source/a.c" condition="M4"/>
        </files>
      </component>
      <bundle Cbundle="B" Cclass="Device" Cversion="2.0.0"><component Cgroup="Startup" Csub="C" Cvariant="x"/></bundle>
    </components>"""
    description = parse_pdsc(packs.pdsc("", components=text), "x")
    nn, startup = description.components
    assert (nn.group, nn.version, nn.condition) == (("CMSIS", "NN Lib", ""), "7.0.0", "M4")
    assert [(f.name, f.category, f.condition) for f in nn.files] == [
        ("Include/arm_nnfunctions.h", "header", ""), ("Source/a.c", "source", "M4"),
    ]  # fmt: skip
    assert (startup.group, startup.version, startup.variant) == (("Device", "Startup", "C"), "2.0.0", "x")
    assert [(rule.kind, rule.attributes) for rule in description.conditions["M4"]] == [
        ("require", (("Dcore", "Cortex-M4"),)), ("deny", (("Dfpu", "NO_FPU"),)),
    ]  # fmt: skip


def test_versions_are_ordered() -> None:
    order = [
        "0.9.9",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-rc2",
        "1.0.0",
        "1.2.0",
        "1.10.0",
        "2.0",
    ]
    for low, high in itertools.pairwise(order):
        assert Version(low) < Version(high), (low, high)
    assert Version("1.0.0+a") == Version("1.0.0+b") and hash(Version("1.0.0+a")) == hash(Version("1.0.0"))
    assert Version("1.2") == Version("1.2.0")
    for bad in ("", "1", "1.2.3/..", "../1.2", "v1.2.3", "1.2.3\n", "1" * 20 + ".0.0"):
        with pytest.raises(InputError, match="no version"):
            Version(bad)


def test_requests() -> None:
    assert parse_request("ARM::CMSIS-NN@7.0.0") == ("ARM", "CMSIS-NN", Version("7.0.0"))
    assert parse_request("ARM::CMSIS-NN") == ("ARM", "CMSIS-NN", None)
    assert parse_request("folder/file.pack") is None and parse_request("https://a.b/c::d") is None
    for bad in ("ARM::..", "..::X", "A B::C", "ARM::CMSIS@new"):
        with pytest.raises(UsageError, match="ARM::CMSIS-NN@7"):
            parse_request(bad)
    with pytest.raises(InputError, match="cannot name a folder"):
        PackName("A", "x" * 101, Version("1.0.0"))


def test_the_index_keeps_the_newest_and_leaves_out_what_breaks_the_form() -> None:
    data = packs.index("https://example.invalid/", ("A", "P", "1.0.0"), ("A", "P", "1.10.0"), ("A", "P", "1.9.0"),
                       ("B", "../x", "1.0.0"), ("B", "Q", "new"), ("C", "R", "2.0.0"))  # fmt: skip
    assert [str(e.name) for e in parse_index(data, "i")] == ["A::P@1.10.0", "C::R@2.0.0"]
    with pytest.raises(InputError, match=r"lists no pack \(1 entries"):
        parse_index(packs.index("https://x/", ("B", "Q", "new")), "i")
    with pytest.raises(InputError, match="outermost element is package"):
        parse_index(packs.pdsc(), "i")


def test_a_second_reader_sees_the_same_devices(tmp_path: Path, acme: Pdsc) -> None:
    """cmsis-pack-manager's own reader, where it does not fall short: device names, processors, memories."""
    import cmsis_pack_manager as manager

    path = tmp_path / "Acme.Acme_DFP.pdsc"
    path.write_bytes(packs.pdsc())
    cache = manager.Cache(True, True, json_path=str(tmp_path), data_path=str(tmp_path))
    cache.add_pack_from_path(str(path))
    assert cache.index, "the other reader read nothing"
    assert set(cache.index) == set(acme.device_names) - {"ACMEF746NG"}, "it knows variants only"
    for name, other in cache.index.items():
        device = acme.device(name)
        # It replaces an outer memory as a whole, and does not know what RAM1 means: flags are not compared.
        ours = {m.name: (m.start, m.size, m.processor or None) for m in device.memories}
        theirs = {key: (m["start"], m["size"], m["p_name"]) for key, m in other["memories"].items()}
        assert ours == theirs
        cores = [(p["core"].replace("Cortex", "Cortex-").replace("Plus", "+"), p["name"]) for p in other["processors"]]
        assert [(p.core, p.name or None) for p in device.processors] == cores
    assert cache.index["ACME-S1"]["processors"][0]["fpu"] == "SinglePrecision", "an M0+ has none: ours says so"
