"""CST visitors: one nominated definition becomes its flow of accesses, switch points and guards."""
