"""The newest index, newer versions of what is installed and, if asked for, every description of the index."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace

from microgen.errors import InputError, MicrogenError, NetworkError, one_line
from microgen.packs.adding import Added, Request, add, fetch_description, fetch_index
from microgen.packs.cache import Cache, Installed
from microgen.packs.index import Entry
from microgen.packs.pdsc import read_pdsc

_CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Updated:
    """What an update did: the number of packs in the index, newer versions that were installed, descriptions that were
    downloaded, and one line for each pack that could not be had.
    """

    packs: int
    added: tuple[Added, ...]
    descriptions: int
    problems: tuple[str, ...]


def update(cache: Cache, request: Request = Request(), *, descriptions: bool = False) -> Updated:
    """Download the index, newer versions of the packs in microgen's own cache and, with ``descriptions``, what every
    pack of the index describes, so that devices of packs that are not installed are known.

    A pack that cannot be had is a line in the result; NetworkError where the index cannot be had, or nothing of all.
    """
    entries = fetch_index(cache, request)
    added, problems = _newer(cache, entries, replace(request, index=""))
    count = 0
    if descriptions:
        count, failed = _descriptions(cache, entries, request)
        problems += failed
    return Updated(len(entries), tuple(added), count, tuple(problems))


def _newer(cache: Cache, entries: tuple[Entry, ...], request: Request) -> tuple[list[Added], list[str]]:
    newest: dict[str, Installed] = {}
    for pack in cache.installed():
        if pack.owner == "microgen":
            newest.setdefault(pack.name.family, pack)
    added: list[Added] = []
    problems: list[str] = []
    for entry in entries:
        have = newest.get(entry.name.family)
        if have is None or have.name.version >= entry.name.version:
            continue
        try:
            added.append(add(cache, str(entry.name), replace(request, description_only=not have.has_files)))
        except MicrogenError as error:
            problems.append(f"{entry.name}: {one_line(str(error))}")
    return added, problems


def _descriptions(cache: Cache, entries: tuple[Entry, ...], request: Request) -> tuple[int, list[str]]:
    wanted = [entry for entry in entries if not _is_kept(cache, entry)]
    problems: dict[str, MicrogenError] = {}
    done = 0
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        try:
            jobs = {pool.submit(_keep, cache, entry): entry for entry in wanted}
            for number, job in enumerate(as_completed(jobs), 1):
                error = job.exception()
                if isinstance(error, MicrogenError):
                    problems[jobs[job].name.family] = error
                elif error is not None:
                    raise error
                else:
                    done += 1
                request.told("descriptions", number, len(wanted))
        finally:
            pool.shutdown(cancel_futures=True)
    if wanted and not done and all(isinstance(error, NetworkError) for error in problems.values()):
        raise next(iter(problems.values()))
    return done, [f"{family}: {one_line(str(problems[family]))}" for family in sorted(problems)]


def _keep(cache: Cache, entry: Entry) -> None:
    data, _ = fetch_description(entry)
    cache.keep(entry.name.pdsc_file, data)


def _is_kept(cache: Cache, entry: Entry) -> bool:
    path = cache.web / entry.name.pdsc_file
    if not path.is_file():
        return False
    try:
        return read_pdsc(path).newest.version >= entry.name.version
    except InputError:
        return False
