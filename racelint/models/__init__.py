"""What is known of libraries: one TOML table a library, read by `loader`."""


class ModelError(ValueError):
    """A table that cannot be used; the message names the file, the entry and what is expected."""
