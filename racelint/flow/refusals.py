"""Answers of handlers that say that what was asked for is not done."""

from __future__ import annotations

import libcst as cst

from racelint.expressions import expression


def refuses(answer: cst.BaseExpression) -> bool:
    """Whether what a request is answered says that it is refused.

    `"taken", 409`, `{"reserved": False}`, `{"error": "taken"}`, and a response that is made of such: `HttpResponse(status=409)`.
    """
    if isinstance(answer, cst.Await):
        answer = answer.expression
    if isinstance(answer, cst.Call):
        return _refusing_response(answer)
    if isinstance(answer, cst.Tuple) and len(answer.elements) > 1:
        return _is_error(answer.elements[1].value)
    if not isinstance(answer, cst.Dict):
        return False
    parts = [part for part in answer.elements if isinstance(part, cst.DictElement)]
    denied = any(isinstance(part.value, cst.Name) and part.value.value == "False" for part in parts)
    return denied or any(
        isinstance(p.key, cst.SimpleString) and p.key.value[1:-1] in ("error", "errors") for p in parts
    )


def _refusing_response(call: cst.Call) -> bool:
    """Whether a call makes a response that says so by its class or its status; what is in its body may be part of any answer."""
    name = _last_name(call.func)
    if name in _REFUSALS:
        return True
    if not _RESPONSE.search(name):
        return False
    named = {arg.keyword.value: arg.value for arg in call.args if arg.keyword is not None}
    given = next((named[word] for word in _STATUS if word in named), None)
    if given is None and len(call.args) > 1 and call.args[1].keyword is None and not call.args[1].star:
        given = call.args[1].value
    return given is not None and _is_error(given)


def _is_error(status: cst.BaseExpression) -> bool:
    """Whether a status is that of an error: `409`, `HTTPStatus.CONFLICT`, `status.HTTP_409_CONFLICT`."""
    if isinstance(status, cst.Integer):
        return status.value.isdigit() and 400 <= int(status.value) < 600
    name = _last_name(status)
    if _NAMED.match(name):
        return True
    known = isinstance(status, cst.Attribute) and _last_name(status.value) == "HTTPStatus"
    return known and name in ERRORS


def _last_name(node: cst.BaseExpression) -> str:
    if isinstance(node, cst.Attribute):
        return node.attr.value
    return node.value if isinstance(node, cst.Name) else ""


_STATUS = ("status", "status_code")
"""How frameworks call the argument of a response that is its status."""

_RESPONSE = expression(r"(?i)response$")
"""Last names of what makes a response: `HttpResponse`, `JSONResponse`, `make_response`, `web.json_response`."""

_NAMED = expression(r"HTTP_[45]\d\d_")
"""Names of statuses in Django REST framework and Starlette."""

_REFUSALS = frozenset("HttpResponseBadRequest HttpResponseForbidden HttpResponseNotAllowed HttpResponseGone".split())
"""Responses of Django that say so by their class."""


ERRORS = frozenset(
    """
    BAD_REQUEST UNAUTHORIZED PAYMENT_REQUIRED FORBIDDEN NOT_FOUND METHOD_NOT_ALLOWED NOT_ACCEPTABLE
    PROXY_AUTHENTICATION_REQUIRED REQUEST_TIMEOUT CONFLICT GONE LENGTH_REQUIRED PRECONDITION_FAILED
    REQUEST_ENTITY_TOO_LARGE REQUEST_URI_TOO_LONG UNSUPPORTED_MEDIA_TYPE REQUESTED_RANGE_NOT_SATISFIABLE
    EXPECTATION_FAILED IM_A_TEAPOT MISDIRECTED_REQUEST UNPROCESSABLE_ENTITY LOCKED FAILED_DEPENDENCY TOO_EARLY
    UPGRADE_REQUIRED PRECONDITION_REQUIRED TOO_MANY_REQUESTS REQUEST_HEADER_FIELDS_TOO_LARGE
    UNAVAILABLE_FOR_LEGAL_REASONS INTERNAL_SERVER_ERROR NOT_IMPLEMENTED BAD_GATEWAY SERVICE_UNAVAILABLE
    GATEWAY_TIMEOUT HTTP_VERSION_NOT_SUPPORTED VARIANT_ALSO_NEGOTIATES INSUFFICIENT_STORAGE LOOP_DETECTED
    NOT_EXTENDED NETWORK_AUTHENTICATION_REQUIRED CONTENT_TOO_LARGE URI_TOO_LONG RANGE_NOT_SATISFIABLE
    UNPROCESSABLE_CONTENT
    """.split()
)
"""The names of `http.HTTPStatus` for errors, in all versions of Python; `http` itself takes long to import."""
