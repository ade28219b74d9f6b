"""What module and class bodies declare: names and what they are built from, unique fields, version columns."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from racelint.expressions import expression
from racelint.facts.source_text import annotation_name, dotted, shape_of

_BUILT = ("call", "await")
_BUILT_OF_CLASS = (*_BUILT, "empty", "display")
"""Shapes of values of which more is noted than the shape; of a class, what kind of collection all its objects share, too."""


def note_assigned(node: ast.stmt, into: list[tuple[str, str]], of_class: bool = False) -> None:
    """Notes what a statement of a module or class assigns to names, with what that is built from, or its shape."""
    telling = _BUILT_OF_CLASS if of_class else _BUILT
    targets: list[ast.expr]
    if isinstance(node, ast.Assign):
        targets, value = node.targets, node.value
    elif isinstance(node, ast.AnnAssign):
        shape, built = shape_of(node.value)
        name = built if shape in telling else (annotation_name(node.annotation) or shape)
        if isinstance(node.target, ast.Name):
            into.append((node.target.id, name if node.value is None or shape in telling else shape))
        return
    elif isinstance(node, (ast.If, ast.Try)):
        for inner in (*node.body, *node.orelse):
            note_assigned(inner, into, of_class)
        return
    else:
        return
    shape, built = shape_of(value)
    for target in targets:
        if isinstance(target, ast.Name):
            into.append((target.id, built if shape in telling and built else shape))


def named_annotation(node: ast.stmt) -> Iterator[tuple[str, str]]:
    """The name that a statement of a module gives to an annotation with more than a class in it, and that class.

    `Db = Annotated[Session, Depends(get_session)]`, also with `: TypeAlias` or as a statement `type`.
    """
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target, value = node.targets[0], node.value
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        target, value = node.target, node.value
    elif type(node).__name__ == "TypeAlias":  # from Python 3.12 on
        target, value = vars(node)["name"], vars(node)["value"]
    else:
        return
    if not isinstance(target, ast.Name) or not isinstance(value, ast.Subscript):
        return
    if dotted(value.value).rpartition(".")[2] == "Annotated" and (named := annotation_name(value)):
        yield target.id, named


def note_statement(node: ast.stmt, owner: str, into: list[tuple[str, str]]) -> None:
    """Notes a constant of a module or of the class `owner` that may be a statement of SQL."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
    if len(targets) != 1 or not isinstance(targets[0], ast.Name) or not isinstance(value, ast.Constant):
        return
    if isinstance(value.value, str) and len(value.value) <= MOST_SQL and _STATEMENT.match(value.value):
        into.append((f"{owner}.{targets[0].id}" if owner else targets[0].id, value.value))


MOST_SQL = 20_000
"""Longer texts are scripts of a schema or of data."""
_STATEMENT = expression(r"\s*(with|select|insert|update|delete|replace|merge|lock|begin)\b", re.IGNORECASE)


def back_references(tree: ast.Module, text: str) -> frozenset[str]:
    """The names that mappers of rows are told for the other end of a relation: `backref="lines"`, `backref=db.backref("lines")`."""
    if "backref" not in text:
        return frozenset()
    given = (
        keyword.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "backref"
    )
    names = (value.args[0] if isinstance(value, ast.Call) and value.args else value for value in given)
    return frozenset(name.value for name in names if isinstance(name, ast.Constant) and isinstance(name.value, str))


def per_object(statement: ast.stmt) -> str:
    """The name that a statement of a class body gives to an attribute of each object (`x: X = field(default_factory=X)`), or ""."""
    if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.value, ast.Call):
        return ""
    made = any(keyword.arg in ("default_factory", "factory") for keyword in statement.value.keywords)
    return statement.target.id if made and isinstance(statement.target, ast.Name) else ""


def held_by_all(node: ast.ClassDef) -> Iterator[str]:
    """The names that a class body gives to collections which its objects share, as long as none puts its own in their place.

    What has an annotation is mostly a field, of which each object has one of its own, unless that says `ClassVar`.
    """
    for statement in node.body:
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            declared = dotted(getattr(statement.annotation, "value", statement.annotation))
            if declared.rpartition(".")[2] != "ClassVar" and (node.bases or node.decorator_list):
                continue
            targets, value = [statement.target], statement.value
        else:
            continue
        if isinstance(value, (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp)) or (
            isinstance(value, ast.Call) and dotted(value.func).rpartition(".")[2] in _COLLECTIONS
        ):
            yield from (target.id for target in targets if isinstance(target, ast.Name))


_COLLECTIONS = frozenset(
    ("dict", "set", "list", "defaultdict", "deque", "OrderedDict", "Counter", "WeakSet", "WeakValueDictionary", "WeakKeyDictionary")
)  # fmt: skip
"""Last names of what makes a collection."""


def says_thread_safe(node: ast.ClassDef) -> bool:
    """Whether the class's documentation says that threads may share an object."""
    constructors = (s for s in node.body if isinstance(s, ast.FunctionDef) and s.name == "__init__")
    texts = [ast.get_docstring(node, clean=False), *(ast.get_docstring(one, clean=False) for one in constructors)]
    text = "\n\n".join(filter(None, texts))
    if f"`{node.name}`" in text:
        text = re.sub(rf"`+{re.escape(node.name)}`+", node.name, text)
    clauses = [(_clause(text, match.start()), text[match.end() :]) for match in _THREAD_SAFE.finditer(text)]
    if any(_NOT.search(before[-20:]) or _NOTHING.match(before) for before, _ in clauses):
        return False
    return any(
        _OF_OTHERS.search(before) is None
        and (_DEMANDED.search(before) is None or node.name in before or _ITSELF.search(before) is not None)
        and not (before.count(" ") > 1 and _THING.match(after))
        and _PARTLY.search(_END.split(after, maxsplit=1)[0]) is None
        for before, after in clauses
    )


def notes_threads(node: ast.ClassDef, lines: list[str]) -> bool:
    """Whether a comment in the class's constructor says that threads share what it sets up: `# used by several threads`."""
    for one in node.body:
        if isinstance(one, ast.FunctionDef) and one.name == "__init__":
            text = ""
            for line in lines[one.lineno : one.end_lineno]:
                code, mark, comment = line.partition("#")
                if mark and not ({"'", '"'} & set(code)):
                    text += comment.strip() + " "
                elif text and not text.endswith("\n"):
                    text += "\n"
            return any(_SHARED.search(note) and not _ALONE.search(note) for note in text.split("\n"))
    return False


_SHARED = expression(
    r"^(for )?(cross-)?thread[- ]?safety\W*$|\bfor (cross-)?thread[- ]safety?\b|^multi-?threading\W*$"
    r"|\b(shared|communicated|used|accessed|called|touched|modified|mutated|updated|changed|written|set)\b[\w\s,]{0,20}"
    r"\b(between|across|by|from|among|in)\s+(the\s+)?(\w+\s+){0,2}threads\b",
    re.IGNORECASE,
)
_ALONE = expression(
    r"\b(not|never|no|isn't|aren't|non|un|without|unless|if|TODO|FIXME)\b|n't|\b(main|single|one|same|its own|each|per)[- ]thread",
    re.IGNORECASE,
)
"""What takes that back, or only wishes it."""


def _clause(text: str, end: int) -> str:
    """What stands in the sentence before a place, on one line."""
    before = text[:end]
    return " ".join(before[max(match.end() for match in _BEGIN.finditer(before)) :].split())


_THREAD_SAFE = expression(
    r"thread[- ]?safe(?!ty|\s*\?)|safe(ly)? (to use|for use|across|between|from)[\w ]* threads", re.IGNORECASE
)
_BEGIN = expression(r"\A|[.;!?]\s|\n\s*\n|\n\s*[-*]\s")
"""Where sentences and items of lists begin."""
_OF_OTHERS = expression(
    r"\b(us(e|es|ed|ing)|via|with|because|since|through|behind|unlike|than|like|if|when|unless|calls?|requires?|needs?|expects?)\b|`",
    re.IGNORECASE,
)
"""What says that something else is safe: `uses a thread-safe queue`, ``the `deque` is thread-safe``."""
_DEMANDED = expression(r"\b(must|should|shall|ha(s|ve) to|needs? to|ought to)( also)? be( made)?$", re.IGNORECASE)
_ITSELF = expression(
    r"^(this|these|it|they|all)\b|\b(class(es)?|methods?|instances?|implementations?|objects? of)\b", re.IGNORECASE
)
"""Of whom it is demanded: the callback that is handed in must be thread-safe, for the class's own sake or not."""
_THING = expression(
    r"\s+(queue|deque|dict|list|set|map|counter|container|collection|structure|type|buffer|lock)", re.IGNORECASE
)
"""What is safe in the midst of a sentence: `as long as the thread-safe queue is full`."""
_END = expression(r"[.;!?](\s|\Z)|\n\s*\n")
_PARTLY = expression(
    r"^\s*(for|on|in|when) (\w+ )?(read|look|quer|search|iterat)|\b(but|except|unless|provided|as long as|only)\b",
    re.IGNORECASE,
)
"""What takes a part of it back: `thread-safe for read operations but writes must be synchronized`."""
_NOT = expression(r"\b(not|never|isn't|aren't|non|un)\b|n't", re.IGNORECASE)
_NOTHING = expression(r"(nothing|none|neither|no)\b", re.IGNORECASE)
"""How a sentence begins that promises nothing: `Nothing about it is guaranteed to be thread-safe`."""


def says_locked(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether the function's documentation says that whoever calls it holds a lock: `Call with the lock held`, `Caller holds _lock`."""
    text = ast.get_docstring(node, clean=False) or ""
    if "lock" not in text.lower():
        return False
    sentences = (" ".join(part.split()) for part in _SENTENCE.split(text))
    return any(_LOCKED.search(sentence) is not None and not _UNLOCKED.search(sentence) for sentence in sentences)


_LOCKED = expression(
    r"(?i)\bcallers?( \w+)? (?:already )?(?:holds?|holding|owns?|have|has|acquires?|takes?)\b[^,;]{0,40}(?:lock|mutex)"
    r"|\b(?:be )?(?:call(?:ed)?|invoked?|used?|run)\b[^,;]{0,30}(?:with|while|under|inside|within)\b[^,;]{0,40}(?:lock|mutex)\w*\b"
    r"[^,;]{0,12}\b(?:held|acquired|taken|owned)\b"
    r"|\b(?:be )?(?:called|invoked)\b[^,;]{0,30}\b(?:while|when) (?:already )?(?:holding|owning)\b[^,;]{0,40}(?:lock|mutex)"
    r"|\b(?:assumes?|requires?|expects?)\b[^,;]{0,40}(?:lock|mutex)\w*\b[^,;]{0,20}\b(?:held|acquired|taken|owned)\b"
)
_UNLOCKED = expression(r"(?i)\bnot?\b|n't\b|\bwithout\b|\bnever\b|\bunless\b|\bif\b|\bonly when\b")
"""What takes that back, or says it of one case."""


def says_threaded(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """`thread` if the function's documentation says that another thread runs it, `threads` if it says that any may, and `loop` if it
    says that the thread of an event loop does; "" otherwise.

    Only sentences about the function itself count, not those about a callback that it is given.
    """
    text = ast.get_docstring(node, clean=False) or ""
    if "thread" not in text:
        return ""
    for sentence in (" ".join(part.split()) for part in _SENTENCE.split(text)):
        if _ON_LOOP.search(sentence) is not None and _OF_ITSELF.match(sentence) and not _NOT.search(sentence):
            return "loop"
        found = _RUN_BY.search(sentence)
        if found is not None and _OF_ITSELF.match(sentence) and not _NOT.search(sentence[: found.end()]):
            return "threads" if _SEVERAL.search(found[0]) else "thread"
    return ""


_SENTENCE = expression(r"[.!:]+\s|\n\s*\n")
_OF_ITSELF = expression(
    r"\s*(Note that )?(?i:this|the (method|function|loop|routine)|it|called|executed|invoked|only called|the [\w ]*loop)\b"
)
_RUN_BY = expression(
    r"(\b(be|is|are|gets|being)( \w+ly)? |^\s*)(only )?(run|called|executed|invoked|the [\w ]*loop) ([\w ]{0,40}? )?"
    r"(in|on|from|by|inside|within|of|for) (an?|the|its|any|another|multiple|several|different|arbitrary)\s+"
    r"(?!(main|same|calling|current|caller)\b)([\w/-]+\s+){0,3}threads?\b(?! ?pool|[- ]?(safe|local))",
    re.IGNORECASE,
)
_ON_LOOP = expression(
    r"\b(run|runs|called|executed|invoked|scheduled) ([\w ]{0,40}? )?(in|on|from|by|inside|within) the "
    r"([\w-]+\s+){0,2}(loop('s)? thread|thread of the ([\w-]+\s+){0,2}loop)\b",
    re.IGNORECASE,
)
_SEVERAL = expression(r"\b(any|multiple|several|different|arbitrary) |threads$", re.IGNORECASE)


def note_reference(statement: ast.stmt, enforced: set[str]) -> None:
    """Notes a field of a model class that is a foreign key which the database enforces, also one that the table's arguments name."""
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None:
        return
    target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
    if isinstance(target, ast.Name) and target.id == "__table_args__":
        for inner in ast.walk(statement.value):
            if isinstance(inner, ast.Call) and dotted(inner.func).endswith("ForeignKeyConstraint"):
                enforced.update(text for columns in inner.args[:1] for text in _texts(columns))
    if not isinstance(statement.value, ast.Call):
        return
    call, last = statement.value, dotted(statement.value.func).rpartition(".")[2]
    named = {k.arg: k.value for k in call.keywords}
    refers = last in ("ForeignKey", "OneToOneField", "ForeignKeyField") or "foreign_key" in named
    within = [*call.args, *(a for k in call.keywords if k.arg == "sa_column" for a in getattr(k.value, "args", ()))]
    refers = refers or any(isinstance(a, ast.Call) and dotted(a.func).endswith("ForeignKey") for a in within)
    loose = getattr(named.get("db_constraint"), "value", None) is False
    if isinstance(target, ast.Name) and refers and not loose:
        enforced.add(target.id)


_UNIQUE = expression(r"(?i)\s*UNIQUE\s*\(")
"""A constraint that is written in SQL."""


def note_model(statement: ast.stmt, unique: set[str]) -> bool:
    """Notes the unique fields of a model class; True if the statement declares a version column."""
    versioned = False
    if isinstance(statement, (ast.Assign, ast.AnnAssign)) and isinstance(statement.value, ast.Call):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        if isinstance(target, ast.Name):
            column = next((k.value for k in statement.value.keywords if k.arg == "sa_column"), None)
            for call in (statement.value, column):
                if isinstance(call, ast.Call) and any(_says(call, name) for name in ("unique", "primary_key", "pk")):
                    unique.add(target.id)
            if dotted(statement.value.func).rpartition(".")[2] == "OneToOneField":
                unique.add(target.id)
    constraint_home = isinstance(statement, ast.ClassDef) and statement.name == "Meta"
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        constraint_home = isinstance(target, ast.Name) and target.id in ("__table_args__", "__mapper_args__")
    if constraint_home:
        for inner in ast.walk(statement):
            if isinstance(inner, ast.Call) and dotted(inner.func).rpartition(".")[2] == "UniqueConstraint":
                fields = [*inner.args, *(k.value for k in inner.keywords if k.arg == "fields")]
                for constant in (c for f in fields for c in ast.walk(f)):
                    if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                        unique.add(constant.value)
            elif isinstance(inner, ast.Call) and dotted(inner.func).rpartition(".")[2] == "Index":
                if _says(inner, "unique"):
                    unique.update(text for column in inner.args[1:] for text in _texts(column))
            elif isinstance(inner, ast.Constant) and isinstance(inner.value, str) and _UNIQUE.match(inner.value):
                unique.update(re.findall(r"\w+", inner.value.partition("(")[2].partition(")")[0]))
            elif isinstance(inner, ast.Assign) and dotted(inner.targets[0]) == "unique_together":
                unique.update(
                    c.value for c in ast.walk(inner.value) if isinstance(c, ast.Constant) and isinstance(c.value, str)
                )
            elif isinstance(inner, ast.Constant) and inner.value == "version_id_col":
                versioned = True
    return versioned


def _says(call: ast.Call, name: str) -> bool:
    """Whether a call is given `name=True`."""
    return any(k.arg == name and getattr(k.value, "value", None) is True for k in call.keywords)


def loose_columns(body: list[ast.stmt]) -> tuple[tuple[str, str], ...]:
    """Columns of a model of Django that may be null, each with all columns of a unique constraint which then does not hold.

    Databases take two nulls for different. Nothing, if any constraint says what holds then.
    """
    nullable = {name for statement in body if (name := _nullable(statement))}
    meta = next((s for s in body if isinstance(s, ast.ClassDef) and s.name == "Meta"), None)
    if meta is None or not nullable:
        return ()
    found: list[list[str]] = []
    for inner in ast.walk(meta):
        if isinstance(inner, ast.Call) and dotted(inner.func).rpartition(".")[2] == "UniqueConstraint":
            named = {k.arg: k.value for k in inner.keywords}
            if "condition" in named or "nulls_distinct" in named or "fields" not in named:
                return ()
            found.append(_texts(named["fields"]))
        elif isinstance(inner, ast.Assign) and dotted(inner.targets[0]) == "unique_together":
            listed = getattr(inner.value, "elts", [])
            found += (
                [_texts(one) for one in listed]
                if any(hasattr(one, "elts") for one in listed)
                else [_texts(inner.value)]
            )
    return tuple((name, " ".join(columns)) for columns in found for name in columns if name in nullable)


def _nullable(statement: ast.stmt) -> str:
    """The name of a field that is declared with `null=True`."""
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or not isinstance(statement.value, ast.Call):
        return ""
    target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
    null = any(k.arg == "null" and getattr(k.value, "value", None) is True for k in statement.value.keywords)
    return target.id if null and isinstance(target, ast.Name) else ""


def _texts(node: ast.expr) -> list[str]:
    return [c.value for c in ast.walk(node) if isinstance(c, ast.Constant) and isinstance(c.value, str)]


ATOMIC_REQUESTS = "ATOMIC_REQUESTS"
"""The key of a database in Django's settings that puts each request into a transaction."""


def atomic_requests(tree: ast.Module) -> bool:
    """Whether a module sets that key to True, or to what the environment says if it says so by default."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            if any(isinstance(k, ast.Constant) and k.value == ATOMIC_REQUESTS and _says_true(v) for k, v in pairs):
                return True
        elif isinstance(node, ast.Assign):
            keys = [target.slice for target in node.targets if isinstance(target, ast.Subscript)]
            named = any(isinstance(key, ast.Constant) and key.value == ATOMIC_REQUESTS for key in keys)
            if named and _says_true(node.value):
                return True
    return False


LEFT_OUT = "non_atomic_requests"
"""The decorator of Django that leaves a view out of what ATOMIC_REQUESTS asks for: without that it does nothing."""


def _says_true(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        given = [keyword.value for keyword in value.keywords if keyword.arg == "default"] or value.args[1:2]
        return any(map(_says_true, given))
    return isinstance(value, ast.Constant) and value.value is True


MAIN = "__main__"
"""The name of the module that a program was started with."""


def shares_no_connections(tree: ast.Module) -> bool:
    """Whether a driver of a database says that threads may share it, at most, but not its connections (PEP 249)."""
    for statement in tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else ()
        named = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
        if any(isinstance(target, ast.Name) and target.id == THREAD_SAFETY for target in named):
            value = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None
            return isinstance(value, ast.Constant) and value.value in (0, 1)
    return False


THREAD_SAFETY = "threadsafety"


def is_script(tree: ast.Module) -> bool:
    """Whether a module can be started as a program itself: `if __name__ == "__main__":`."""
    return any(isinstance(node, ast.If) and _asks_for_main(node.test) for node in tree.body)


def _asks_for_main(test: ast.expr) -> bool:
    return any(isinstance(part, ast.Constant) and part.value == MAIN for part in ast.walk(test))
