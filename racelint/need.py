"""What a rule needs of a unit before it can find anything: the words in which a rule says what is worth parsing.

A rule lists its needs (`Rule.needs`); `nominate/` has one function for each, which asks facts alone. A unit that meets no
need of any rule that is on is never parsed, so each must be a necessary condition that errs only towards yes. When no need
fits a new rule, add one here and its function there: the tighter it is, the less every run costs.
"""

from __future__ import annotations

from enum import Enum

from racelint.facts import FunctionFacts
from racelint.frozen import dataclass


class Need(Enum):
    """Something that a unit, with the helpers that it calls, must hold; the confidence that is wanted is always asked, too."""

    __hash__ = object.__hash__  # that of Enum is a function of Python, and sets are asked often

    ANYTHING = "changes state or calls a store"
    """For rules that say nothing else: one unit in six, and each costs what parsing 30 KB does."""
    STATE_OF_TASKS = "a coroutine looks at state that another task changes or takes away"
    MADE_BY_TASKS = "a coroutine looks at state and sets it to something that leaks when it is made twice"
    FLAG_OF_TASKS = "a coroutine that others await looks at a flag and sets it before it suspends"
    ENDED = "a coroutine looks at a flag that another unit sets to end it, and sets something else; or takes out what it put where the end leaves nothing"
    PAIR = "two attributes are changed that another method changes side by side"
    STATE_AND_STORE = "a coroutine changes state and a store"
    ITERATION = "a coroutine iterates over what another task resizes"
    THREAD_ITERATION = "what a thread resizes is iterated"
    PROCESS_WIDE_ITERATION = "a collection of the interpreter is iterated that any thread may resize"
    EMPTIED_BY_THREADS = "a collection or count is read and emptied that a thread adds to"
    REFILL = "a coroutine or thread empties a collection and fills it"
    COMPLETION = "a future is completed"
    WAKE_UP = "an event is waited for, or asked, and cleared"
    TOLD_BY_THREAD = "a thread calls what only the thread of an event loop may call"
    TASK_START = "a task is started that changes what is looked at"
    SUCCESSOR = "a coroutine, or a callback, takes out an entry that it, or who starts it, has put there"
    FILLED_BY_TASK = "a constructor starts a task"
    HANDED_OVER = "a task is started with, or a queue gets, what is changed by the same function"
    TURN = "a coroutine looks at a collection and puts into it, and takes a lock"
    FIRST_STEP = "a task that the module starts looks at state that another takes away"
    STATE_OF_THREADS = "state is looked at and changed, and a thread changes it, too"
    GUARDED_STATE = "state is changed that is changed under a lock somewhere"
    GUARDED_BY_TASKS = "state is changed that a coroutine changes under a lock somewhere"
    GUARDED_PAIR = "two attributes or globals are looked at that threads change under a lock"
    UNDER_LOCK = "state is changed under a lock, or by a helper that is called under one"
    USED_UNDER_LOCK = "an object or collection is used or iterated under a lock, or ended without one"
    TAKEN_BY_THREADS = "state is looked at that a thread takes away"
    HANDS_OUT = "a public function looks at a collection that is changed in place under a lock"
    DECLARED_GUARD = "state that declares its lock is touched"
    OWN_LOCK = "a lock is made and state is changed"
    FLAG_IN_CONSTRUCTOR = "a constructor looks at a flag and raises it"
    CACHED_RESOURCE = "the body of a cached function makes a resource"
    PER_CALL_STATE = "state is set and looked at, and another run of the same unit may do so, too"
    WAITER_SLOT = "a coroutine puts a future that it waits for into an attribute"
    KEPT_BY_HOOK = "a hook reads what an earlier hook of the same object sets for each job"
    PROCESS_SETTING = "a thread sets something of the whole process, as `os.chdir` does"
    STATE_OF_PROCESSES = "a global is looked at or changed that a handler changes"
    STORE_UPDATE = "a store is read and written"
    VERSIONED_WRITE = "a version is looked at and a store is written"
    ROW_UPDATE = "a field is looked at and set, and rows are saved"
    OBJECT_STATE = "the state of an object is looked at, and the object saved or what is told of it updated"
    STORE_CHANGES = "stores are changed twice"
    COMMIT = "stores are changed twice, and something is committed"
    ROW_CREATION = "rows are looked up and a row is made"
    GET_OR_CREATE = "a row is looked up and made by one call of a mapper"
    ROW_TEST = "rows are looked up, and rows are updated or deleted by a statement"
    ROW_ASKED_FOR = "it is asked whether there is a row, and a row is got"
    PACE = "a coroutine sleeps and changes state"
    SLOW_SAVE = "something slow is called, and rows are saved"
    WHOLE_SAVE = "a row is looked up and saved in a project that counts columns by statements"
    SHARED_SESSION = "tasks are started that share a session of the function, or the object has one connection"
    FILE_STEPS = "a path is tested and used, or a file is written that others read"
    THREAD_START = "a thread is started and state is changed"
    ANNOUNCED = "an event is set, and a method's own state"
    SHOWN = "a new object of a class of the module is put where others find it"
    EARLY_FLAG = "a flag is raised, and something is set that another function looks at together with the flag"
    LOCK_ASKED = "a lock is asked whether somebody has it"
    GIVEN_BACK = "a lock is taken and given back by calls"
    JOINED_LOCKS = "a block is entered by what is neither a name nor a call, such as what an `and` joins"
    CONDITION = "a condition variable is waited for"
    JOB = "a job is sent"
    ROW_LOCK = "rows are locked, or a lock is taken where rows are changed"
    PROMISE = "a function says by its name that it looks and sets in one step"
    QUEUE = "rows or entries are read and changed or removed"


@dataclass(frozen=True, slots=True)
class Nominee:
    """A definition that is worth parsing, and the needs that it meets: only rules that have one of them look at it."""

    facts: FunctionFacts
    needs: frozenset[Need]
