"""Each check fires on its misuse, and is silent without it."""
