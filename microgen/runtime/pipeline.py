"""A chain of stages, each on a thread of its own, between bounded queues."""

from __future__ import annotations

import queue
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Generic, Self, TypeVar

from microgen.errors import UsageError

In = TypeVar("In")
Out = TypeVar("Out")
_Item = tuple["Future[Out]", object]


class _Queue(Generic[Out]):
    """At most ``depth`` items; the end always finds room, and never waits: it may come from the garbage collector."""

    def __init__(self, depth: int) -> None:
        self._items: queue.SimpleQueue[_Item[Out] | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(depth)

    def put(self, future: Future[Out], value: object) -> None:
        """Append an item once there is room."""
        self._room.acquire()
        self._items.put((future, value))

    def end(self) -> None:
        """Append the end."""
        self._items.put(None)

    def get(self) -> _Item[Out] | None:
        """The next item once there is one, or None for the end."""
        item = self._items.get()
        if item is not None:
            self._room.release()
        return item


class Pipeline(Generic[In, Out]):
    """Items go through all stages in the order in which they were submitted.

    ``stages`` are functions of one argument: the first takes what is submitted, each other what the one before
    returned; the last one's result is the item's. Where a stage raises, the item's future carries the exception and the
    other items go on. At most ``depth`` items wait before each stage: ``submit`` then waits. A pipeline that nobody
    refers to any more ends as by ``close``.
    """

    def __init__(self, stages: Sequence[Callable[..., object]], depth: int = 8) -> None:
        if not stages or depth < 1:
            raise UsageError("a pipeline needs a stage and room for an item")
        self._lock = threading.Lock()
        self._closed = False
        self._depth = depth
        queues: list[_Queue[Out]] = [_Queue(depth) for _ in stages]
        self._first = queues[0]
        # The threads refer to their queues alone, so that a pipeline can be collected while they wait.
        self._end = weakref.finalize(self, self._first.end)
        self._threads = [
            threading.Thread(target=_work, args=(stage, *pair), name=f"microgen-stage-{index}", daemon=True)
            for index, (stage, *pair) in enumerate(zip(stages, queues, [*queues[1:], None], strict=True))
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
            self._first.put(future, item)
        return future

    def map(self, items: Iterable[In]) -> Iterator[Out]:
        """The results of ``items`` in their order, computed ahead as far as the queues allow; nothing is submitted
        before the first is asked for.

        The first exception of an item is raised in its place, and ends the iteration; what was submitted behind it is
        dropped.
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
        self._closed = True  # before the lock, so that those who wait for it to submit do not go on
        with self._lock:
            self._end()
        for thread in self._threads:
            if thread is not threading.current_thread():  # as in a future's callback
                thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _work(stage: Callable[[object], object], own: _Queue[Out], following: _Queue[Out] | None) -> None:
    """One stage's thread: until the end comes, which it hands on."""
    while (item := own.get()) is not None:
        _step(stage, *item, following)
        del item  # or it would be kept until the next one comes
    if following is not None:
        following.end()


def _step(stage: Callable[[object], object], future: Future[Out], value: object, following: _Queue[Out] | None) -> None:
    # A cancelled item is not computed; one that runs can no longer be cancelled.
    if not future.running() and not future.set_running_or_notify_cancel():
        return
    try:
        result = stage(value)
    except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the item
        future.set_exception(error)
        del future, value  # the exception's traceback refers to this frame
        return
    if following is None:
        future.set_result(result)  # type: ignore[arg-type]  # the last stage's result
    else:
        following.put(future, result)
