"""Files from pack servers: HTTPS, bounded in size and time, whole or not at all.

``cmsis-pack-manager`` can download too, but it bounds nothing and answers "no network" with an empty index, so what it
downloaded for others (pyOCD) is read, and nothing is downloaded with it.
"""

from __future__ import annotations

import http.client
import ipaddress
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urljoin, urlsplit

from microgen import __version__
from microgen.errors import InputError, NetworkError, UsageError, one_line
from microgen.packs.archive import Progress

TIMEOUT_VARIABLE = "MICROGEN_PACK_TIMEOUT"
"""Seconds that a server may stay silent."""

_MAX_REDIRECTS = 5
_CHUNK = 1 << 16
_TIMEOUT = 30.0
# The slowest connection that is waited for: a whole download may take this much longer than a silent server.
_LEAST_BYTES_PER_SECOND = 4096
_REDIRECTS = (301, 302, 303, 307, 308)


def silent(done: int, total: int) -> None:
    """A progress callback that tells nobody."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address that may be asked for.

    ``given``: typed by the user, who may choose plain HTTP. Plain HTTP in an index or a description, which anybody on
    the way could change, is asked for by HTTPS instead, except on this machine.
    """

    url: str
    given: bool = False

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return _is_loopback(_split(self.url).hostname or "")

    def secured(self) -> Address:
        """The address that is asked for. Raises UsageError for what is no web address."""
        parts = _split(self.url)
        if parts.scheme == "http" and not self.given and not self.is_local:
            parts = parts._replace(scheme="https")
        return Address(parts.geturl(), self.given)

    def below(self, name: str) -> Address:
        """The file ``name`` in the folder that this address names; not typed by the user."""
        return Address(self.url.rstrip("/") + "/" + name)


def _split(url: str) -> SplitResult:
    shown = one_line(url, 200)
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or not url.isascii() or not url.isprintable() or " " in url or parts.username is not None:
        raise UsageError("is no web address (https://…)", where=shown)
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are followed by hand, so that each is checked."""

    def redirect_request(self, *_: object) -> None:
        return None


def _timeout() -> float:
    text = os.environ.get(TIMEOUT_VARIABLE, "")
    try:
        seconds = float(text) if text else _TIMEOUT
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise UsageError(f"{one_line(text, 40)!r} is no number of seconds", where=TIMEOUT_VARIABLE)
    return seconds


def _open(address: Address) -> http.client.HTTPResponse:
    """The answer to a request, after the redirects that are allowed."""
    current = address.secured()
    for _ in range(_MAX_REDIRECTS + 1):
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if current.is_local:
            handlers.append(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(current.url, headers={"User-Agent": f"microgen/{__version__}"})
        try:
            answer: http.client.HTTPResponse = urllib.request.build_opener(*handlers).open(request, timeout=_timeout())
            return answer
        except urllib.error.HTTPError as error:
            with error:
                if error.code not in _REDIRECTS or not error.headers.get("Location"):
                    raise _refusal(current.url, error.code) from None
                current = _redirected(current, str(error.headers["Location"]))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _unreachable(current.url, error) from None
    raise NetworkError(f"is redirected more than {_MAX_REDIRECTS} times", where=address.url)


def _redirected(current: Address, location: str) -> Address:
    target = Address(urljoin(current.url, location), current.given)
    shown = one_line(target.url, 120)
    try:
        scheme = _split(target.url).scheme
    except UsageError:
        raise NetworkError(f"is redirected to {shown}, which is no web address", where=current.url) from None
    if _split(current.url).scheme == "https" and scheme == "http":
        raise NetworkError(f"is redirected from HTTPS to {shown}, without protection", where=current.url)
    if target.is_local and not current.is_local:
        raise NetworkError(f"is redirected to this machine ({shown})", where=current.url)
    return target.secured()


def _refusal(url: str, code: int) -> InputError | NetworkError:
    if code in (404, 410):
        return InputError(f"does not exist (the server answers {code})", where=url)
    return NetworkError(f"cannot be downloaded (the server answers {code})", where=url, hint=OFFLINE_HINT)


OFFLINE_HINT = "Try again, or download the .pack elsewhere and add it with: microgen packs add FILE.pack"


def _unreachable(url: str, error: Exception) -> NetworkError:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        text = "the server does not answer in time"
    elif isinstance(reason, ssl.SSLError):
        text = f"no secure connection: {reason.reason or reason}"
    elif isinstance(reason, OSError) and reason.strerror:
        text = f"no connection: {reason.strerror}"
    else:
        text = f"no connection: {reason or type(error).__name__}"
    return NetworkError(f"cannot be downloaded ({one_line(str(text), 160)})", where=url, hint=OFFLINE_HINT)


def fetch(address: Address, limit: int, progress: Progress = silent) -> bytes:
    """The file at ``address``, of at most ``limit`` bytes.

    Raises NetworkError where the server cannot be reached, is too slow or stops early, InputError for a file that does
    not exist or is too large, UsageError for what is no web address.
    """
    return b"".join(_pieces(address, limit, progress))


def fetch_to(address: Address, path: Path, limit: int, progress: Progress = silent) -> None:
    """Like ``fetch``, into a new file; an unfinished file is removed."""
    try:
        with path.open("xb") as stream:
            for piece in _pieces(address, limit, progress):
                stream.write(piece)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise InputError(f"cannot be written ({error.strerror})", where=str(path)) from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _pieces(address: Address, limit: int, progress: Progress) -> Iterator[bytes]:
    with _open(address) as answer:
        url = address.url
        length = answer.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() and len(length) < 16 else 0
        if total > limit:
            raise InputError(f"has {total:,} bytes, more than the {limit:,} that are accepted", where=url)
        done, began = 0, time.monotonic()
        patience = 2 * _timeout()
        while True:
            try:
                piece = answer.read1(_CHUNK)
            except (OSError, http.client.HTTPException) as error:
                raise _unreachable(url, error) from None
            if not piece:
                break
            done += len(piece)
            if done > limit:
                raise InputError(f"has more than the {limit:,} bytes that are accepted", where=url)
            if time.monotonic() - began > patience + done / _LEAST_BYTES_PER_SECOND:
                raise NetworkError("is sent too slowly", where=url, hint=OFFLINE_HINT)
            progress(done, total)
            yield piece
        if length and done != total:
            what = f"was cut short: {done:,} of {total:,} bytes arrived"
            raise NetworkError(what, where=url, hint=OFFLINE_HINT)
