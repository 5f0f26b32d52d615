"""A Django project whose receivers run in real children, and the tests of those."""
