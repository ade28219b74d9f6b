"""What of a project runs beside what: in how many processes it works, and whether anything of it runs beside anything else at all."""

from __future__ import annotations

from racelint.expressions import expression
from racelint.facts import CallSite, FunctionFacts, ModuleFacts
from racelint.frozen import cached_property
from racelint.index.modules import Modules, module_path
from racelint.paths import WINDOW_LIBRARIES

OF_TESTS = expression(r"(^|/)(tests?|testing|examples|docs)/")

_MANY_PROCESSES = frozenset(
    "celery rq dramatiq huey gunicorn uwsgi uvicorn django flask fastapi starlette quart twisted".split()
)
"""What projects import that work in several processes, or may."""

_SEVERAL = frozenset("multiprocessing celery rq dramatiq huey gunicorn uwsgi hypercorn granian".split())
"""What projects import that starts several processes, or is run in several by those who import it."""

_FOR_SEVERAL = (
    "concurrent.futures.ProcessPoolExecutor",
    "concurrent.futures.process",
    "http.server",
    "socketserver",
    "mcp.",
    "fastmcp",
    "joblib",
    "mpi4py",
    "torch.distributed",
    "torch.multiprocessing",
)
"""Beginnings of what projects import that starts processes, or serves each of those who ask in a thread or process of its own."""

_CHATS = frozenset("aiogram discord disnake hikari nextcord nonebot pyrogram telegram telethon".split())
"""Libraries of bots that keep one connection to a service for chats."""

GREENLETS = frozenset({"gevent", "eventlet"})
"""What puts greenlets in the place of threads."""

FEWEST_MODULES = 3
"""So many modules are taken for a project."""

_STARTS = frozenset({"uvicorn.run", "uvicorn.Config"})
"""Calls that start a server."""

_BESIDE = frozenset(
    (
        "threading _thread asyncio concurrent multiprocessing socketserver http wsgiref xmlrpc queue selectors select signal "
        "sched fcntl msvcrt filelock portalocker fasteners zc lockfile oslo_concurrency "
        "trio anyio gevent eventlet greenlet curio uvloop tornado twisted joblib loky dask distributed ray torch pebble mpi4py "
        "fastapi flask django aiohttp starlette sanic quart litestar bottle pyramid falcon cherrypy cheroot klein web webob "
        "werkzeug odoo openerp frappe zope Zope2 Products plone trytond pylons tg connexion blacksheep robyn hug nameko uvicorn "
        "gunicorn waitress hypercorn granian socketio engineio websockets websocket grpc grpclib paho pika aio_pika zmq kazoo "
        "stomp nats pulsar confluent_kafka kafka rclpy rospy autobahn ladon spyne rpyc Pyro4 Pyro5 thriftpy2 "
        "celery rq dramatiq huey taskiq arq apscheduler schedule procrastinate kombu luigi airflow prefect dagster temporalio "
        "azure functions_framework chalice mangum aws_lambda_powertools mcp fastmcp slack_bolt errbot irc sopel "
        "streamlit gradio dash nicegui bokeh panel jupyter_server notebook ipykernel scrapy watchdog homeassistant locust"
    ).split()
)
"""What projects import that starts, serves, locks or watches: something runs beside something else there."""

_SERVED_WITH = (
    frozenset({"environ", "start_response"}),
    frozenset({"receive", "send"}),
    frozenset({"event", "context"}),
)
"""What servers of others hand to the functions that they call."""


def _forks(function: FunctionFacts) -> bool:
    """Whether a function divides its process, and not only to leave the terminal, where but one of the two goes on."""
    called = {call.callee.rpartition(".")[2] for call in function.calls}
    return any("fork" in name for name in called) and "setsid" not in called


def serves_several(module: ModuleFacts) -> bool:
    """Whether a module imports what works in several processes, starts them, or serves several at once."""
    first = {origin.partition(".")[0] for _, origin in module.imports} - {"twisted"}
    return not first.isdisjoint(_MANY_PROCESSES | _SEVERAL) or any(
        origin.startswith(_FOR_SEVERAL) for _, origin in module.imports
    )


class Processes:
    """What the modules of a project say of the processes, threads and loops that they run in."""

    def __init__(self, modules: tuple[ModuleFacts, ...], split: Modules) -> None:
        self.modules = modules
        self._split = split

    @cached_property
    def windowed(self) -> bool:
        """Whether the project is a program with windows, of which a user runs one: many of its modules deal with them.

        Also those that take what a window is made of from another module of the project. One backend among many says nothing.
        """
        modules = [module for module in self.modules if not OF_TESTS.search(module.path)]
        direct = {
            module_path(m.path) for m in modules if any(o.partition(".")[0] in WINDOW_LIBRARIES for _, o in m.imports)
        }
        count = 0
        for module in modules if direct else ():
            split = (self._split.split(origin.removesuffix(".*"), module.path) for _, origin in module.imports)
            count += module_path(module.path) in direct or any(
                found is not None and found[0] in direct for found in split
            )
        return count * 4 >= len(modules) > 0 and len(direct) > 1

    @cached_property
    def on_one_loop(self) -> bool:
        """Whether one process answers everybody on one event loop: a server of Tornado, or a bot, beside which nothing else works."""
        alone = self.answers_on_one_loop or self._chats
        return alone and not any("multiprocessing" in found for found in self._roots.values())

    @cached_property
    def _chats(self) -> bool:
        """Whether the project is a bot, of which one process is logged in, and imports nothing that works in several."""
        found = frozenset().union(*self._roots.values())
        return not _CHATS.isdisjoint(found) and _MANY_PROCESSES.isdisjoint(found)

    @cached_property
    def in_many_processes(self) -> bool:
        """Whether the project imports what works in several processes; a reactor of Twisted mostly is the only one."""
        return any(not _MANY_PROCESSES.isdisjoint(found - {"twisted"}) for found in self._roots.values())

    @cached_property
    def answers_on_one_loop(self) -> bool:
        """Whether one process answers all requests on Tornado's event loop, though it may start others for some of its work.

        Some module serves with it, and none forks, hands jobs to other processes or serves with anything else.
        """
        if any(not _MANY_PROCESSES.isdisjoint(found) for found in self._roots.values()):
            return False
        modules = [module for module in self.modules if module.path in self._roots]
        calls = {
            (call.callee.rpartition(".")[2], any(origin.startswith("tornado.web") for _, origin in module.imports))
            for module in modules
            if "tornado" in self._roots[module.path]
            for function in (*module.functions, module.module_body)
            for call in function.calls
        }
        served = any(name == "HTTPServer" or (name == "listen" and web) for name, web in calls)
        return served and not any(
            _forks(function) for module in modules for function in (*module.functions, module.module_body)
        )

    @cached_property
    def in_greenlets(self) -> bool:
        """Whether the project imports what puts greenlets in the place of threads, which switch only where they block."""
        return any(not GREENLETS.isdisjoint(found) for found in self._roots.values())

    @cached_property
    def serves_alone(self) -> bool:
        """Whether the project starts its server itself, uvicorn in the one process, and names no number of workers anywhere."""
        if any("gunicorn" in found for found in self._roots.values()):
            return False
        return bool(self._served) and not self.names_workers

    @cached_property
    def named_several(self) -> bool:
        """Whether the project names what all of it may work in several times: workers of its server, or a queue of jobs."""
        several = _SEVERAL - {"multiprocessing"}
        return self.names_workers or any(not several.isdisjoint(found) for found in self._roots.values())

    @cached_property
    def starting(self) -> frozenset[str]:
        """The paths of the modules that may start processes for some work of their own."""
        return frozenset(path for path, found in self._roots.items() if "multiprocessing" in found)

    @cached_property
    def serves_several(self) -> bool:
        """Whether the project works in several processes, starts some, or serves several at once: also if each has a server of its own."""
        return any(map(serves_several, (module for module in self.modules if module.path in self._roots)))

    @cached_property
    def names_workers(self) -> bool:
        """Whether the project says, where it starts uvicorn, how many processes are to work."""
        return any(given.startswith("workers=") for call in self._served for given in call.arguments)

    @cached_property
    def _served(self) -> list[CallSite]:
        """The calls that start uvicorn."""
        return [
            call
            for module in self.modules
            for function in (*module.functions, module.module_body)
            for call in function.calls
            if call.callee in _STARTS
        ]

    @cached_property
    def _roots(self) -> dict[str, set[str]]:
        """By path: the packages that each module imports something of; without tests, if there is more."""
        modules = [module for module in self.modules if not OF_TESTS.search(module.path)] or self.modules
        return {module.path: {origin.partition(".")[0] for _, origin in module.imports} for module in modules}

    @cached_property
    def nothing_beside(self) -> bool:
        """Whether nothing of the project starts, serves or locks anything, so that all of it runs one after the other.

        One or two modules alone say nothing of what uses them.
        """
        imported = {origin.partition(".")[0] for module in self.modules for _, origin in module.imports}
        if len(self.modules) < FEWEST_MODULES or not (_BESIDE | _CHATS | WINDOW_LIBRARIES).isdisjoint(imported):
            return False
        functions = [function for module in self.modules for function in module.functions]
        return not any(
            f.is_async or any(given <= {name for name, _ in f.params} for given in _SERVED_WITH) for f in functions
        )
