"""A worker for the newsroom, for as long as signalpost has none of its own for Django."""
