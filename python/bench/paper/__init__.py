"""What is saved while it is measured."""
