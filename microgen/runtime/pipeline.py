"""A chain of stages, each on a thread of its own, between bounded queues."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Generic, Self, TypeVar

from microgen.errors import UsageError

In = TypeVar("In")
Out = TypeVar("Out")
_Item = tuple["Future[Out]", object]


class Pipeline(Generic[In, Out]):
    """Items go through all stages in the order in which they were submitted.

    ``stages`` are functions of one argument: the first takes what is submitted, each other what the one before
    returned; the last one's result is the item's. Where a stage raises, the item's future carries the exception and the
    other items go on. At most ``depth`` items wait before each stage: ``submit`` then waits.
    """

    def __init__(self, stages: Sequence[Callable[..., object]], depth: int = 8) -> None:
        if not stages or depth < 1:
            raise UsageError("a pipeline needs a stage and room for an item")
        self._lock = threading.Lock()
        self._closed = False
        self._depth = depth
        self._queues: list[queue.Queue[_Item[Out] | None]] = [queue.Queue(depth) for _ in stages]
        following: list[queue.Queue[_Item[Out] | None] | None] = [*self._queues[1:], None]
        self._threads = [
            threading.Thread(target=_work, args=(stage, *queues), name=f"microgen-stage-{index}", daemon=True)
            for index, (stage, *queues) in enumerate(zip(stages, self._queues, following, strict=True))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def stages(self) -> int:
        """How many stages there are."""
        return len(self._threads)

    def submit(self, item: In) -> Future[Out]:
        """The result of ``item``, to come. UsageError once the pipeline is closed."""
        future: Future[Out] = Future()
        # Under the lock: what is submitted must stand before the end that close() appends.
        with self._lock:
            if self._closed:
                raise UsageError("the pipeline is closed")
            self._queues[0].put((future, item))
        return future

    def map(self, items: Iterable[In]) -> Iterator[Out]:
        """The results of ``items`` in their order, computed ahead as far as the queues allow.

        The first exception of an item is raised in its place; what was submitted behind it is finished and dropped.
        """
        pending: deque[Future[Out]] = deque()
        try:
            for item in items:
                pending.append(self.submit(item))
                if len(pending) > self._depth * len(self._threads):
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()

    def close(self) -> None:
        """Finish what was submitted and end the threads. May be called again."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queues[0].put(None)
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _work(
    stage: Callable[[object], object],
    own: queue.Queue[_Item[Out] | None],
    following: queue.Queue[_Item[Out] | None] | None,
) -> None:
    """One stage's thread: until None comes, which it hands on."""
    while (item := own.get()) is not None:
        future, value = item
        # A cancelled item is not computed; one that runs can no longer be cancelled.
        if not future.running() and not future.set_running_or_notify_cancel():
            continue
        try:
            result = stage(value)
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the item
            future.set_exception(error)
            continue
        if following is None:
            future.set_result(result)  # type: ignore[arg-type]  # the last stage's result
        else:
            following.put((future, result))
    if following is not None:
        following.put(None)
