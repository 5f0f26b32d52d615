"""The app of the first source document, the README of a package that runs receivers by another queue."""
