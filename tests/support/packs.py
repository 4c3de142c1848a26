"""Packs that tests make, and a server for them on the loopback address."""

from __future__ import annotations

import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.sax.saxutils import quoteattr

#: Devices in the forms that descriptions of vendors have: inherited attributes, old and new memories, several cores.
DEVICES = """
<family Dfamily="Small Series" Dvendor="Acme:999">
  <processor Dcore="Cortex-M0+" DcoreVersion="r0p1" Dfpu="1" Dmpu="1" Dclock="48000000" Dendian="Little-endian"/>
  <memory id="IROM1" start="0x00000000" size="0x00020000" startup="1" default="1"/>
  <memory id="IRAM1" start="0x20000000" size="0x00004000" init="0" default="1"/>
  <device Dname="ACME-S1">
    <description>An M0+ whose description claims a floating-point unit</description>
  </device>
  <device Dname="ACME-S2">
    <memory id="IROM1" start="0x00000000" size="0x00040000"/>
    <memory id="RAM1" start="0x60000000" size="0x00100000"/>
  </device>
</family>
<family Dfamily="Fast Series" Dvendor="Acme:999">
  <processor Dcore="Cortex-M7" Dmpu="MPU" Dendian="Little-endian" Dclock="216000000"/>
  <subFamily DsubFamily="F7">
    <processor Dfpu="SP_FPU"/>
    <memory name="DTCM" access="rwx" start="0x20000000" size="0x00010000" default="0"/>
    <memory name="SRAM1" access="rwx" start="0x20010000" size="0x0003C000" default="1"/>
    <memory name="SRAM2" access="rwx" start="0x2004C000" size="0x00004000" default="1"/>
    <memory name="ITCM" access="rwx" start="0x00000000" size="0x00004000" default="0"/>
    <memory name="BKP_SRAM" access="rwx" start="0x40024000" size="0x00001000"/>
    <memory name="Periph" access="rwp" start="0x40000000" size="0x00010000"/>
    <device Dname="ACMEF746NG">
      <memory name="Flash" access="rx" start="0x08000000" size="0x00100000" default="1" startup="1"/>
      <memory name="ITCM_Flash" access="rx" start="0x00200000" size="0x00100000" default="0"/>
      <variant Dvariant="ACMEF746NGHx"><processor Dclock="200000000"/></variant>
      <variant Dvariant="ACMEF746NGTx"/>
    </device>
  </subFamily>
  <subFamily DsubFamily="H7">
    <processor Pname="CM7" Dcore="Cortex-M7" Dfpu="DP_FPU" Dclock="480000000"/>
    <processor Pname="CM4" Dcore="Cortex-M4" Dfpu="FPU" Dclock="240000000"/>
    <device Dname="ACMEH745XI">
      <memory Pname="CM7" name="DTCMRAM" access="rw" start="0x20000000" size="0x00020000"/>
      <memory Pname="CM7" name="RAM_D1" access="rw" start="0x24000000" size="0x00080000" default="1"/>
      <memory Pname="CM4" name="RAM_D2" access="rw" start="0x10000000" size="0x00048000" default="1"/>
      <memory Pname="CM7" name="FLASH_Bank1" access="rx" start="0x08000000" size="0x00100000" default="1" startup="1"/>
      <memory Pname="CM4" name="FLASH_Bank2" access="rx" start="0x08100000" size="0x00100000" default="1" startup="1"/>
    </device>
  </subFamily>
</family>
<family Dfamily="Vector Series" Dvendor="Acme:999">
  <processor Pname="HP" Dcore="Cortex-M55" Dfpu="SP_FPU" Dmve="FP_MVE" Ddsp="DSP" Dtz="TZ" Dclock="400000000"/>
  <processor Pname="HE" Dcore="Cortex-M55" Dfpu="NO_FPU" Dmve="MVE" Dclock="160000000"/>
  <processor Pname="APPS" Dcore="Cortex-A32" Dclock="800000000"/>
  <device Dname="ACME-V7">
    <memory name="MRAM" start="0x80000000" size="0x00580000" access="rx" default="1"/>
    <memory name="SRAM0" start="0x02000000" size="0x00400000" access="rwx" default="1"/>
    <memory name="SRAM3" start="0x50800000" size="0x00100000" access="rwx" default="1"/>
    <memory name="DTCM_HP" start="0x20000000" size="0x00100000" access="rwx" alias="SRAM3" Pname="HP"/>
    <memory name="SRAM0_ALIAS" start="0x62000000" size="0x00400000" access="rwx" alias="SRAM0"/>
  </device>
</family>
<family Dfamily="Secure Series" Dvendor="Acme:999">
  <processor Dcore="Cortex-M33" Dfpu="1" Ddsp="1" Dtz="TZ" Dmpu="MPU" Dclock="96000000"/>
  <memory name="FLASH_S" access="rwxs" start="0x0C000000" size="0x00080000" default="1" startup="1"/>
  <memory name="SRAM" access="rwx" start="0x30000000" size="0x00040000" default="1"/>
  <memory name="SRAM_lower_half" access="rwx" start="0x30000000" size="0x00020000"/>
  <device Dname="ACME-U5"/>
</family>
"""


def pdsc(
    devices: str = DEVICES,
    *,
    vendor: str = "Acme",
    name: str = "Acme_DFP",
    versions: tuple[str, ...] = ("1.2.0", "1.1.0"),
    url: str = "",
    release_url: str = "",
    components: str = "",
) -> bytes:
    """A description; ``release_url`` is the address of the first release's archive."""
    address = f" url={quoteattr(release_url)}" if release_url else ""
    listed = "".join(
        f"<release version={quoteattr(v)}{'' if number else address}>r</release>" for number, v in enumerate(versions)
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<package schemaVersion="1.7.7">\n<vendor>{vendor}</vendor>'
        f"<name>{name}</name><description>Devices &amp; more</description><url>{url}</url>\n"
        f"<releases>{listed}</releases>\n<devices>{devices}</devices>\n{components}</package>\n"
    ).encode()


def write_pack(path: Path, files: Mapping[str, bytes]) -> Path:
    """A pack archive with these files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def index(url: str, *packs: tuple[str, str, str]) -> bytes:
    """An index of packs (vendor, name, version) whose descriptions lie in the folder ``url``."""
    lines = "".join(f'<pdsc url="{url}" vendor="{v}" name="{n}" version="{r}"/>' for v, n, r in packs)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><index schemaVersion="1.1.1"><vendor>Acme</vendor>'
        f"<url>{url}</url><timestamp>2024-01-01T00:00:00</timestamp><pindex>{lines}</pindex></index>"
    ).encode()


Answer = bytes | Callable[[BaseHTTPRequestHandler], None]


class PackServer:
    """Serves ``files`` (path → content, or a function that answers the request) and counts the requests."""

    def __init__(self) -> None:
        self.files: dict[str, Answer] = {}
        self.requests: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(self.path)
                answer = outer.files.get(self.path)
                if answer is None:
                    self.send_error(404)
                elif isinstance(answer, bytes):
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                else:
                    answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def publish(self, vendor: str, name: str, description: bytes, version: str, archive: bytes) -> None:
        """Serve a pack below the root; ``index.pidx`` lists all that were published."""
        self.files[f"/{vendor}.{name}.pdsc"] = description
        self.files[f"/{vendor}.{name}.{version}.pack"] = archive
        self._published = {**getattr(self, "_published", {}), (vendor, name): version}
        self.files["/index.pidx"] = index(self.url + "/", *((v, n, r) for (v, n), r in self._published.items()))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving() -> Iterator[PackServer]:
    server = PackServer()
    try:
        yield server
    finally:
        server.close()


def redirect_to(location: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", location)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def cut_short(content: bytes, announced: int) -> Answer:
    """Announces more bytes than it sends."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(announced))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def hanging(seconds: float) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)

    return answer
