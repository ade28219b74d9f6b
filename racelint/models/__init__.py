"""What is known of libraries: one TOML table a library, read by `loader`."""
