"""Which lock guards an attribute, written where the attribute is declared; racelint holds the code to it (RL603)."""


class GuardedBy:
    """Stands in `Annotated[int, guarded_by("_lock")]`; nothing looks at it at run time."""

    __slots__ = ("lock",)

    def __init__(self, lock: str) -> None:
        self.lock = lock
        """The name of the attribute, of the same object, or of the module's variable, that holds the lock."""

    def __repr__(self) -> str:
        return f"guarded_by({self.lock!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GuardedBy) and other.lock == self.lock

    def __hash__(self) -> int:
        return hash(self.lock)


guarded_by = GuardedBy
