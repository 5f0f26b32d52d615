"""A database backend that cannot hold a store."""
