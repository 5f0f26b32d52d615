"""The project that the workers of a race serve: each contestant has the same tasks to do in it."""
