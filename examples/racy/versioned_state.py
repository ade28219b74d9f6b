"""A state manager whose `update_atomic` compares versions, but outside the write.

Two stages change the state they read at the same version. `update_atomic` reads the version, finds it unchanged and
then writes: both comparisons can come before both writes, so both stages are told that they have won and the second
write removes what the first one has stored.
"""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import JSON, Engine, create_engine, event, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

Progress = dict[str, int]


class VersionConflict(Exception):
    """Somebody else has changed the state since it was read."""


class Base(DeclarativeBase):
    pass


class TaskState(Base):
    __tablename__ = "task_states"

    task_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    progress: Mapped[Progress] = mapped_column(JSON)


class StateManager:
    """The progress of tasks, changed by the stages of the pipeline from their own threads."""

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._sessions = sessions

    def create(self, task_id: str) -> None:
        with self._sessions() as session:
            session.add(TaskState(task_id=task_id, version=1, progress={}))
            session.commit()

    def read(self, task_id: str) -> tuple[int, Progress]:
        with self._sessions() as session:
            state = session.get_one(TaskState, task_id)
            return state.version, dict(state.progress)

    def update_atomic(self, task_id: str, expected_version: int, progress: Progress) -> None:
        """Store `progress` if the state is still at `expected_version`, else raise `VersionConflict`."""
        with self._sessions() as session:
            version = session.scalar(select(TaskState.version).where(TaskState.task_id == task_id))
            if version != expected_version:
                raise VersionConflict(f"{task_id} is at version {version}, not {expected_version}")
            session.execute(
                update(TaskState)
                .where(TaskState.task_id == task_id)
                .values(progress=progress, version=expected_version + 1)
            )
            session.commit()

    def change(self, task_id: str, apply: Callable[[Progress], Progress], attempts: int = 5) -> None:
        """Read, apply and store, again from the start when somebody else was faster."""
        for _ in range(attempts):
            version, progress = self.read(task_id)
            try:
                return self.update_atomic(task_id, version, apply(progress))
            except VersionConflict:
                continue
        raise VersionConflict(f"{task_id} changed during each of {attempts} attempts")


def hold_first_updates(engine: Engine, threads: int) -> None:
    """Let the first UPDATE of each thread wait until all threads have come to theirs."""
    together = threading.Barrier(threads)
    seen = threading.local()

    @event.listens_for(engine, "before_cursor_execute")
    def hold(connection: object, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE") and not hasattr(seen, "update"):
            seen.update = True
            together.wait(timeout=30)


def main() -> int:
    stages = ["audio", "video"]
    with TemporaryDirectory() as directory:
        engine = create_engine(f"sqlite:///{Path(directory, 'states.db')}")
        Base.metadata.create_all(engine)
        manager = StateManager(sessionmaker(engine))
        manager.create("task-1")
        hold_first_updates(engine, len(stages))

        def finish(stage: str) -> None:
            manager.change("task-1", lambda progress: {**progress, stage: 100})

        with ThreadPoolExecutor(max_workers=len(stages)) as workers:
            list(workers.map(finish, stages))
        version, progress = manager.read("task-1")
        engine.dispose()

    print("expected: version 3, 2 stages at 100 %")
    print(f"there:    version {version}, {len(progress)} stages at 100 %")
    print(f"kept {len(progress)} of {len(stages)} updates")
    return 0 if version == 2 and len(progress) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
