"""What `racelint check` does once its arguments are read, in whichever way: configuration → findings → what is shown."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from racelint.cli.failing import failure, misuse
from racelint.cli.looking import Looked, look_at_files, look_at_stdin
from racelint.cli.showing import show
from racelint.cli.wanted import Wanted
from racelint.config import Config, ConfigError, Layer
from racelint.config_files import config_from, inline_layer, load_config
from racelint.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says."""

    wanted: Wanted
    said: Layer
    """What it says of the configuration."""
    configs: tuple[str, ...] = ()
    """What `--config` was given: a file, or lines of TOML."""
    isolated: bool = False


def configured(asked: Asked) -> Config:
    """The configuration. What is wrong with it is an error that is shown."""
    from racelint.rules import RULES

    inline = [config for config in asked.configs if "=" in config and not os.path.isfile(config)]
    files = [config for config in asked.configs if config not in inline]
    if len(files) > 1:
        raise misuse("--config names one file at most")
    if files and asked.isolated:
        raise misuse("--isolated reads no configuration file, but --config names one")
    try:
        layers: Sequence[Layer] = [*map(inline_layer, inline), asked.said]
        if files:
            return config_from(files[0], RULES, layers)
        return load_config(asked.wanted.start, RULES, layers, isolated=asked.isolated)
    except ConfigError as error:
        raise failure(str(error)) from None


def checked(wanted: Wanted, config: Config) -> int:
    """Looks, and shows or repairs what is found; the exit status."""
    from racelint.models import ModelError

    started = time.perf_counter()
    try:
        if not (config.baseline or wanted.asks_baseline or wanted.new_from is not None):
            return answered(wanted, _looked(wanted, config, started), config)
        from racelint.cli.adopting import found_in_commit, opened, tidy, update

        baseline = opened(wanted, config)
        looked = _looked(wanted, config, started)
        if baseline is not None and wanted.update_baseline:
            return update(baseline, looked)
        new = looked if baseline is None else baseline.without_known(looked)
        if wanted.new_from is not None:
            new = found_in_commit(wanted, config, started).without_known(new)
        status = answered(wanted, new, config)
        return status if baseline is None else max(status, tidy(baseline, looked.report))
    except ModelError as error:
        raise failure(str(error)) from None


def _looked(wanted: Wanted, config: Config, started: float) -> Looked:
    return look_at_stdin(wanted, config, started) if wanted.from_stdin else look_at_files(wanted, config, started)


def answered(wanted: Wanted, looked: Looked, config: Config) -> int:
    """Shows, or repairs, what was found."""
    if wanted.add_ignore is not None:
        from racelint.cli.ignoring import add_ignores

        return add_ignores(wanted, looked)
    if wanted.diff or wanted.fix:
        from racelint.cli.repairing import repair_files, show_diff

        return show_diff(wanted, looked) if wanted.diff else repair_files(wanted, looked, config)
    return show(wanted, looked, config)
