"""CST visitors: one nominated definition becomes its flow of accesses, switch points and guards."""

from racelint.lighter import import_libcst

import_libcst()
