"""racelint finds race conditions in Python source."""
