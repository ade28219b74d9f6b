"""The view of a module that rules get."""

from __future__ import annotations


class Module:
    """Stand-in until the flow is there."""
