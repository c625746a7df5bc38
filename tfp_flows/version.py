"""The version of the package, which files tell."""

VERSION = "0.1.0"
