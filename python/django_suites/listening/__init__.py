"""An app that listens to everything in the background, while Django's own suites run."""
