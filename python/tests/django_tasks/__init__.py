"""Tasks of `django.tasks`, on signalpost's backend. An app, for the workers of the tests."""
