"""Run a body once, whoever comes first: against double initialisation (RL301, RL302, RL303, RL304)."""

import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload
from weakref import ref

from racelint.runtime.forks import renew_after_fork
from racelint.runtime.functions import is_coroutine_function
from racelint.runtime.reentry import holding, waiting_for

if TYPE_CHECKING:
    from asyncio import Task

T = TypeVar("T")
P = ParamSpec("P")
Q = ParamSpec("Q")
Cells = dict[tuple[Any, ...], "Cell[T]"]
_NOT_YET: Any = object()


class Abandoned(Exception):
    """A run was interrupted, not by an error of the body: one of those who wait runs it anew."""


class Cell(Generic[T]):
    """The result of one body, or the run that will have it, or neither."""

    __slots__ = ("_lock", "_run", "_task", "value")

    def __init__(self) -> None:
        self.value: T = _NOT_YET
        """Written once, when all of it is there, so that it can be read without the lock."""
        self._lock = threading.Lock()
        self._run: Future[T] | None = None
        self._task: Task[None] | None = None  # a loop does not keep its tasks alive

    def forget(self) -> None:
        """As if it had never run; a run under way keeps its result for those who wait for it already."""
        with self._lock:
            self.value, self._run = _NOT_YET, None

    def renew(self, again: bool) -> None:
        """In a forked child: who was running the body does not exist, and the lock may have been theirs."""
        self._lock = threading.Lock()
        self._run = None
        if again:
            self.value = _NOT_YET

    def get(self, body: "Callable[[], T]", name: str) -> T:
        """The result, for threads."""
        while True:
            run, mine = self._join()
            if mine:
                return self._execute(body, run)
            try:
                with waiting_for(self, name):
                    return run.result()
            except Abandoned:
                continue

    async def aget(self, body: "Callable[[], Awaitable[T]]", name: str) -> T:
        """The result, for tasks. The body has a task of its own, which goes on when those who wait for it do not."""
        from asyncio import create_task, wrap_future

        while True:
            run, mine = self._join()
            if mine:
                self._task = create_task(self._execute_async(body, run))
            watched: Future[T] = Future()  # not `run` itself: a waiter that is cancelled cancels what it waits for
            run.add_done_callback(partial(_pass_on, watched))
            try:
                with waiting_for(self, name):
                    return await wrap_future(watched)
            except Abandoned as abandoned:
                if mine and abandoned.__cause__ is not None:
                    raise abandoned.__cause__ from None

    def _join(self) -> "tuple[Future[T], bool]":
        """The run to wait for, and whether it is for the caller to make it."""
        with self._lock:
            if self.value is not _NOT_YET:  # finished since the caller has looked
                done: Future[T] = Future()
                done.set_result(self.value)
                return done, False
            if self._run is not None:
                return self._run, False
            self._run = Future()
            return self._run, True

    def _execute(self, body: "Callable[[], T]", run: "Future[T]") -> T:
        try:
            with holding(self):
                value = body()
        except BaseException as error:
            self._fail(run, error)
            raise
        self._finish(run, value)
        return value

    async def _execute_async(self, body: "Callable[[], Awaitable[T]]", run: "Future[T]") -> None:
        try:
            with holding(self):
                value = await body()
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            self._fail(run, error)
        except BaseException as error:
            self._fail(run, error)
            raise
        else:
            self._finish(run, value)

    def _finish(self, run: "Future[T]", value: T) -> None:
        with self._lock:
            if self._run is run:  # neither reset nor forked meanwhile
                self.value, self._run = value, None
        run.set_result(value)

    def _fail(self, run: "Future[T]", error: BaseException) -> None:
        """The next caller runs the body again; those who wait get the error, unless it was meant for who ran it."""
        with self._lock:
            if self._run is run:
                self._run = None
        if not isinstance(error, Exception):
            abandoned = Abandoned()
            abandoned.__cause__ = error
            error = abandoned
        run.set_exception(error)


def _pass_on(watched: "Future[T]", run: "Future[T]") -> None:
    """Give the outcome of a run to one waiter, if it still waits."""
    if watched.set_running_or_notify_cancel():
        error = run.exception()
        if error is None:
            watched.set_result(run.result())
        else:
            watched.set_exception(error)


class _Once(Generic[P, T]):
    """A function that runs once for each tuple of arguments, most often the empty one, and for each instance if a method."""

    def __init__(self, body: Callable[P, Any], again_after_fork: bool) -> None:
        update_wrapper(self, body)  # type: ignore[arg-type]  # it is a function as well
        self._call: Callable[..., Any] = body
        self._again = again_after_fork
        self._is_method = False
        self._name = getattr(body, "__qualname__", repr(body))
        self._only: Cell[T] = Cell()
        self._cells: Cells[T] = {(): self._only}
        self._of_instances: dict[int, tuple[ref[object], Cells[T]]] = {}
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """In a forked child: what is done stays done, unless it shall be done again there."""
        self._lock = threading.Lock()
        for cell in self._all():
            cell.renew(self._again)

    def __set_name__(self, owner: type, name: str) -> None:
        self._is_method = True

    def reset(self, *arguments: Any) -> None:
        """Forget the result for these arguments, or, without any, all results."""
        with self._lock:
            cells = [self._cells[arguments]] if arguments in self._cells and arguments else self._all()
        for cell in cells:
            cell.forget()

    def _all(self) -> "list[Cell[T]]":
        groups = [self._cells, *(cells for _, cells in list(self._of_instances.values()))]
        return [cell for cells in groups for cell in list(cells.values())]

    def cell(self, cells: "Cells[T]", arguments: tuple[Any, ...]) -> "Cell[T]":
        """Made by whoever asks first."""
        found = cells.get(arguments)
        if found is not None:
            return found
        with self._lock:
            return cells.setdefault(arguments, Cell())

    def cells_of(self, instance: object) -> "Cells[T]":
        """Known by identity, as instances may be equal, or not hashable; they do not live longer for it."""
        found = self._of_instances.get(id(instance))
        return found[1] if found is not None and found[0]() is instance else self._new_cells(instance)

    def _new_cells(self, instance: object) -> "Cells[T]":
        number, known = id(instance), self._of_instances

        def gone(dead: "ref[object]") -> None:  # before another object can get the same number
            if number in known and known[number][0] is dead:
                del known[number]

        with self._lock:
            found = known.get(number)
            if found is None or found[0]() is not instance:
                found = known[number] = ref(instance, gone), {}
            return found[1]


class Once(_Once[P, T]):
    """A plain function that runs once."""

    def __call__(self, *arguments: P.args, **no_names: P.kwargs) -> T:
        """The result: of the first call that did not fail."""
        if no_names:
            raise TypeError(f"{self._name} runs once for each tuple of arguments: give them by position")
        given: tuple[Any, ...] = arguments
        if self._is_method:  # Class.method(instance)
            return self._call_method(*given)
        cell = self.cell(self._cells, given) if given else self._only
        value = cell.value
        return value if value is not _NOT_YET else cell.get(partial(self._call, *given), self._name)

    @overload
    def __get__(self, instance: None, owner: type) -> "Once[P, T]": ...
    @overload
    def __get__(self: "Once[Concatenate[Any, Q], T]", instance: object, owner: type) -> "Callable[Q, T]": ...
    def __get__(self, instance: Any, owner: type) -> Any:
        """The method of an instance, which has results of its own."""
        return self if instance is None else partial(self._call_method, instance)

    def _call_method(self, instance: object, *arguments: Any) -> T:
        cell = self.cell(self.cells_of(instance), arguments)
        value = cell.value
        return value if value is not _NOT_YET else cell.get(partial(self._call, instance, *arguments), self._name)


class AsyncOnce(_Once[P, T]):
    """A coroutine function that runs once."""

    async def __call__(self, *arguments: P.args, **no_names: P.kwargs) -> T:
        """The result: of the first call that did not fail."""
        if no_names:
            raise TypeError(f"{self._name} runs once for each tuple of arguments: give them by position")
        given: tuple[Any, ...] = arguments
        if self._is_method:  # Class.method(instance)
            return await self._call_method(*given)
        cell = self.cell(self._cells, given) if given else self._only
        value = cell.value
        return value if value is not _NOT_YET else await cell.aget(partial(self._call, *given), self._name)

    @overload
    def __get__(self, instance: None, owner: type) -> "AsyncOnce[P, T]": ...
    @overload
    def __get__(
        self: "AsyncOnce[Concatenate[Any, Q], T]", instance: object, owner: type
    ) -> "Callable[Q, Coroutine[Any, Any, T]]": ...
    def __get__(self, instance: Any, owner: type) -> Any:
        """The method of an instance, which has results of its own."""
        return self if instance is None else partial(self._call_method, instance)

    async def _call_method(self, instance: object, *arguments: Any) -> T:
        cell = self.cell(self.cells_of(instance), arguments)
        value = cell.value
        return (
            value if value is not _NOT_YET else await cell.aget(partial(self._call, instance, *arguments), self._name)
        )


class Decorator(Protocol):
    """What `init_once(again_after_fork=...)` returns."""

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, body: "Callable[P, Coroutine[Any, Any, T]]", /
    ) -> "AsyncOnce[P, T]": ...
    @overload
    def __call__(self, body: "Callable[P, T]", /) -> "Once[P, T]": ...


@overload
def init_once(  # type: ignore[overload-overlap]  # a coroutine function is a function too; the first one that fits counts
    body: "Callable[P, Coroutine[Any, Any, T]]", /
) -> "AsyncOnce[P, T]": ...
@overload
def init_once(body: "Callable[P, T]", /) -> "Once[P, T]": ...
@overload
def init_once(*, again_after_fork: bool) -> "Decorator": ...
def init_once(body: "Callable[..., Any] | None" = None, /, *, again_after_fork: bool = False) -> Any:
    """Run a function once, for any mix of threads, tasks and event loops; all callers get its result.

    * With arguments, it runs once for each tuple of them; as a method, once for each instance.
    * A failure goes to those who waited for it; the next call runs the function again.
    * A call from within the function, which would wait for itself, raises `ReEntered`.
    * A coroutine function runs in a task of its own, so that cancelling a caller, even the first, cancels nobody else.
    * `again_after_fork` makes it run again in a forked child, for connections and the like. `.reset()` forgets results.
    """
    if body is None:
        return partial(_wrap, again_after_fork=again_after_fork)
    return _wrap(body, again_after_fork)


def _wrap(body: Callable[..., Any], again_after_fork: bool) -> Any:
    return (AsyncOnce if is_coroutine_function(body) else Once)(body, again_after_fork)
