"""Packs from a server on the loopback address: what arrives, and every way in which it may not."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from microgen.errors import InputError, MicrogenError, NetworkError, UsageError
from microgen.packs import Cache, Request, add, download, update
from microgen.packs.adding import entry_for
from microgen.packs.download import Address, fetch
from tests.support import packs
from tests.support.packs import PackServer, cut_short, hanging, redirect_to, serving


@pytest.fixture
def server() -> Iterator[PackServer]:
    with serving() as running:
        yield running


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.delenv("CMSIS_PACK_ROOT", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "none"))
    monkeypatch.setenv(download.TIMEOUT_VARIABLE, "2")
    return Cache(tmp_path / "cache")


def archive(tmp_path: Path, description: bytes, name: str = "Acme_DFP") -> bytes:
    return packs.write_pack(tmp_path / "made.pack", {f"Acme.{name}.pdsc": description, "a.c": b"x"}).read_bytes()


def publish(server: PackServer, tmp_path: Path, *versions: str, name: str = "Acme_DFP") -> None:
    description = packs.pdsc(versions=versions, url=server.url + "/", name=name)
    for version in versions:
        part = packs.pdsc(versions=versions[versions.index(version) :], url=server.url + "/", name=name)
        server.publish("Acme", name, description, version, archive(tmp_path, part, name))
    server.publish("Acme", name, description, versions[0], archive(tmp_path, description, name))


def request_to(server: PackServer, **others: object) -> Request:
    return Request(index=f"{server.url}/index.pidx", **others)  # type: ignore[arg-type]


def left_over(cache: Cache) -> list[str]:
    return [str(p) for p in (cache.root / ".staging").rglob("*")]


def test_a_pack_is_added_by_name(server: PackServer, cache: Cache, tmp_path: Path) -> None:
    publish(server, tmp_path, "1.2.0", "1.1.0")
    told: list[tuple[str, int, int]] = []
    added = add(cache, "Acme::Acme_DFP", request_to(server, told=lambda *step: told.append(step)))
    assert str(added.pack.name) == "Acme::Acme_DFP@1.2.0" and added.is_new and added.pack.has_files
    assert server.requests == ["/index.pidx", "/Acme.Acme_DFP.pdsc", "/Acme.Acme_DFP.1.2.0.pack"]
    assert {what for what, _, _ in told} >= {"index of packs", "Acme.Acme_DFP.pdsc", "Acme::Acme_DFP@1.2.0"}
    server.requests.clear()
    assert not add(cache, "Acme::Acme_DFP").is_new, "the index that was kept serves"
    assert server.requests == ["/Acme.Acme_DFP.pdsc"]
    old = add(cache, "Acme::Acme_DFP@1.1.0")
    assert str(old.pack.name.version) == "1.1.0" and old.is_new
    assert [str(p.name.version) for p in cache.installed()] == ["1.2.0", "1.1.0"]
    assert not left_over(cache)


def test_a_description_is_enough_for_devices(server: PackServer, cache: Cache, tmp_path: Path) -> None:
    publish(server, tmp_path, "1.2.0", "1.1.0")
    added = add(cache, "Acme::Acme_DFP", request_to(server, description_only=True))
    assert not added.pack.has_files and "/Acme.Acme_DFP.1.2.0.pack" not in server.requests
    with pytest.raises(UsageError, match=r"only version 1\.2\.0"):
        add(cache, "Acme::Acme_DFP@1.1.0", request_to(server, description_only=True))


def test_a_release_with_an_address_of_its_own(server: PackServer, cache: Cache, tmp_path: Path) -> None:
    description = packs.pdsc(versions=("1.2.0",), release_url=server.url + "/elsewhere/download?id=1")
    server.publish("Acme", "Acme_DFP", description, "1.2.0", b"")
    server.files["/elsewhere/download?id=1"] = archive(tmp_path, description)
    assert add(cache, "Acme::Acme_DFP", request_to(server)).pack.has_files


def test_preliminary_and_withdrawn_versions_are_not_chosen(server: PackServer, cache: Cache, tmp_path: Path) -> None:
    publish(server, tmp_path, "2.0.0-rc1", "1.1.0")
    assert str(add(cache, "Acme::Acme_DFP", request_to(server)).pack.name.version) == "1.1.0"
    assert str(add(cache, "Acme::Acme_DFP@2.0.0-rc1", request_to(server)).pack.name.version) == "2.0.0-rc1"


@pytest.mark.parametrize("form", ["pack", "pdsc"])
def test_a_pack_is_added_by_address(form: str, server: PackServer, cache: Cache, tmp_path: Path) -> None:
    server.files["/deep/x.pack"] = archive(tmp_path, packs.pdsc())
    server.files["/deep/x.pdsc"] = packs.pdsc()
    added = add(cache, f"{server.url}/deep/x.{form}")
    assert added.is_new and added.pack.has_files is (form == "pack")
    with pytest.raises(InputError, match="SHA-256"):
        add(cache, f"{server.url}/deep/x.{form}", Request(sha256="1" * 64))


def test_redirects_are_followed(server: PackServer, cache: Cache, tmp_path: Path) -> None:
    server.files["/x.pack"] = redirect_to("/moved.pack")
    server.files["/moved.pack"] = redirect_to(f"{server.url}/again.pack")
    server.files["/again.pack"] = archive(tmp_path, packs.pdsc())
    assert add(cache, f"{server.url}/x.pack").is_new


def failing(cache: Cache, source: str, request: Request, kind: type[MicrogenError], *words: str) -> MicrogenError:
    with pytest.raises(kind) as caught:
        add(cache, source, request)
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert "\n" not in str(caught.value)
    assert cache.installed() == [] and not left_over(cache)
    return caught.value


def test_servers_that_fail(server: PackServer, cache: Cache, tmp_path: Path) -> None:
    content = archive(tmp_path, packs.pdsc())
    server.files["/loop.pack"] = redirect_to("/loop.pack")
    server.files["/short.pack"] = cut_short(content[:100], len(content))
    server.files["/file.pack"] = redirect_to("file:///etc/passwd")
    server.files["/page.pack"] = b"<html>Log in first</html>"
    server.files["/large.pack"] = cut_short(b"", 1 << 40)
    nothing = Request()
    failing(cache, f"{server.url}/missing.pack", nothing, InputError, "does not exist", "404")
    failing(cache, f"{server.url}/loop.pack", nothing, NetworkError, "redirected more than 5 times")
    failing(cache, f"{server.url}/short.pack", nothing, NetworkError, "cut short", "100 of")
    failing(cache, f"{server.url}/file.pack", nothing, NetworkError, "no web address")
    failing(cache, f"{server.url}/page.pack", nothing, InputError, "is no pack")
    failing(cache, f"{server.url}/large.pack", nothing, InputError, "more than the")
    failing(cache, f"{server.url}/missing.pdsc", nothing, InputError, "404")


def test_an_error_of_the_server_is_not_the_users(server: PackServer, cache: Cache) -> None:
    server.files["/x.pack"] = lambda handler: handler.send_error(503)
    error = failing(cache, f"{server.url}/x.pack", Request(), NetworkError, "503", "packs add FILE.pack")
    assert error.exit_code == 3


def test_silence_and_dripping(server: PackServer, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(download.TIMEOUT_VARIABLE, "0.2")

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(40):
            try:
                handler.wfile.write(b"x")
            except OSError:
                return
            time.sleep(0.05)

    server.files["/silent.pack"] = hanging(1.0)
    server.files["/drip.pack"] = drip
    began = time.monotonic()
    failing(cache, f"{server.url}/silent.pack", Request(), NetworkError, "does not answer in time")
    failing(cache, f"{server.url}/drip.pack", Request(), NetworkError, "too slowly")
    assert time.monotonic() - began < 1.5


def test_more_than_announced_or_without_end(server: PackServer) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(bytes(10_000))
        except OSError:
            return

    server.files["/x"] = endless
    with pytest.raises(InputError, match="more than the 50,000 bytes"):
        fetch(Address(f"{server.url}/x", given=True), 50_000)


def dead_address() -> str:
    """An address on this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/"


def test_no_network(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    error = failing(cache, "Acme::Acme_DFP", Request(index=dead_address()), NetworkError,
                    "no connection", "microgen packs add FILE.pack")  # fmt: skip
    assert error.exit_code == 3
    monkeypatch.setenv("MICROGEN_PACK_INDEX", dead_address())
    with pytest.raises(NetworkError, match="no connection"):
        update(cache)


def test_without_a_network_the_old_index_serves(server: PackServer, cache: Cache, tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    publish(server, tmp_path, "1.2.0")
    assert entry_for(cache, "Acme", "Acme_DFP", request_to(server)).name.version.text == "1.2.0"
    os.utime(cache.index_path, (0, 0))
    monkeypatch.setenv("MICROGEN_PACK_INDEX", dead_address())
    assert entry_for(cache, "Acme", "Acme_DFP", Request()).name.version.text == "1.2.0"
    monkeypatch.setenv("MICROGEN_PACK_INDEX", f"{server.url}/index.pidx")
    server.requests.clear()
    entry_for(cache, "Acme", "Acme_DFP", Request())
    assert server.requests == ["/index.pidx"], "an index that is over a day old is downloaded again"


@pytest.mark.parametrize(
    ("url", "given", "asked"),
    [
        ("http://packs.example.com/a", False, "https://packs.example.com/a"),
        ("http://packs.example.com/a", True, "http://packs.example.com/a"),
        ("http://127.0.0.1:80/a", False, "http://127.0.0.1:80/a"),
        ("http://localhost/a", False, "http://localhost/a"),
        ("https://packs.example.com/a", False, "https://packs.example.com/a"),
    ],
)
def test_plain_http_only_where_the_user_wants_it(url: str, given: bool, asked: str) -> None:
    assert Address(url, given).secured().url == asked


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://a/b", "https://", "https://a:b/c", "https://u:p@host/x", "https://a b/c", "gopher://x",
     "https://host:99999/x", "https://host/\r\nX: y", "https://ho\u0301st/x", "javascript:1", ""],
)  # fmt: skip
def test_what_is_no_web_address(url: str) -> None:
    with pytest.raises(UsageError, match="no web address"):
        fetch(Address(url, given=True), 10)


def test_a_redirect_must_not_lose_protection_or_reach_into_this_machine() -> None:
    outside = Address("https://packs.example.com/x")
    with pytest.raises(NetworkError, match="without protection"):
        download._redirected(outside, "http://packs.example.com/x")
    with pytest.raises(NetworkError, match="to this machine"):
        download._redirected(outside, "https://127.0.0.1/x")
    assert download._redirected(outside, "/y").url == "https://packs.example.com/y"


def test_a_pack_that_is_another(server: PackServer, cache: Cache, tmp_path: Path) -> None:
    publish(server, tmp_path, "1.2.0")
    server.files["/Acme.Acme_DFP.1.2.0.pack"] = archive(tmp_path, packs.pdsc(versions=("9.9.9",)))
    failing(cache, "Acme::Acme_DFP", request_to(server), InputError, "Acme::Acme_DFP@9.9.9", "1.2.0 was expected")
    server.files["/Acme.Acme_DFP.pdsc"] = packs.pdsc(name="Other")
    failing(cache, "Acme::Acme_DFP", request_to(server), InputError, "describes Acme::Other")


def test_names_that_the_index_lacks(server: PackServer, cache: Cache, tmp_path: Path) -> None:
    publish(server, tmp_path, "1.2.0")
    failing(cache, "Acme::Acme_DF", request_to(server), UsageError, "not in the index", "Did you mean Acme::Acme_DFP?")
    failing(cache, "Nobody::Nothing", request_to(server), UsageError, "microgen packs update")
    failing(cache, "Acme::Acme_DFP@7.7.7", request_to(server), UsageError, "no version 7.7.7", "1.2.0")
    assert str(add(cache, "acme::acme_dfp", request_to(server)).pack.name) == "Acme::Acme_DFP@1.2.0"


def test_an_interrupted_download_leaves_nothing(server: PackServer, cache: Cache, tmp_path: Path) -> None:
    server.files["/x.pack"] = archive(tmp_path, packs.pdsc())

    def interrupt(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add(cache, f"{server.url}/x.pack", Request(told=interrupt))
    assert cache.installed() == [] and not left_over(cache)


def test_update_installs_newer_versions(server: PackServer, cache: Cache, tmp_path: Path) -> None:
    publish(server, tmp_path, "1.1.0")
    publish(server, tmp_path, "1.0.0", name="Other")
    publish(server, tmp_path, "1.0.0", name="Absent")
    add(cache, "Acme::Acme_DFP", request_to(server))
    add(cache, "Acme::Other", request_to(server, description_only=True))
    publish(server, tmp_path, "1.10.0", "1.1.0")
    publish(server, tmp_path, "2.0.0", name="Other")
    result = update(cache, request_to(server))
    assert result.packs == 3 and not result.problems
    assert [(str(a.pack.name), a.pack.has_files) for a in result.added] == [
        ("Acme::Acme_DFP@1.10.0", True), ("Acme::Other@2.0.0", False),
    ]  # fmt: skip
    assert update(cache, request_to(server)).added == ()
    publish(server, tmp_path, "3.0.0", name="Other")
    del server.files["/Acme.Other.pdsc"]
    result = update(cache, request_to(server))
    assert result.added == () and len(result.problems) == 1 and "404" in result.problems[0]


def test_update_downloads_descriptions(server: PackServer, cache: Cache, tmp_path: Path) -> None:
    for number in range(12):
        publish(server, tmp_path, "1.0.0", name=f"P{number}")
    server.files["/Acme.P3.pdsc"] = b"<!DOCTYPE package><package/>"
    del server.files["/Acme.P4.pdsc"]
    told: list[tuple[str, int, int]] = []
    result = update(cache, request_to(server, told=lambda *step: told.append(step)), descriptions=True)
    assert result.descriptions == 10
    assert [p.partition(":: ")[0][:9] for p in result.problems] == ["Acme::P3:", "Acme::P4:"]
    assert told[-1] == ("descriptions", 12, 12)
    assert len(list(cache.web.glob("*.pdsc"))) == 10
    server.requests.clear()
    assert update(cache, request_to(server), descriptions=True).descriptions == 0
    assert len(server.requests) == 3, "what is known already is not downloaded again"


def test_update_where_no_description_can_be_had(server: PackServer, cache: Cache) -> None:
    server.files["/index.pidx"] = packs.index(dead_address(), ("A", "B", "1.0.0"), ("A", "C", "1.0.0"))
    with pytest.raises(NetworkError, match="no connection"):
        update(cache, request_to(server), descriptions=True)


def test_an_index_that_is_none(server: PackServer, cache: Cache) -> None:
    server.files["/index.pidx"] = b"<html>portal</html>"
    failing(cache, "A::B", request_to(server), InputError, "outermost element is html")
    assert not cache.index_path.exists(), "the index that was there is not replaced by rubbish"


def test_a_timeout_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for bad in ("soon", "0", "-1", "nan"):
        monkeypatch.setenv(download.TIMEOUT_VARIABLE, bad)
        with pytest.raises(UsageError, match="no number of seconds"):
            fetch(Address("http://127.0.0.1:1/x"), 10)
