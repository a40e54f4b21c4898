"""Lockdown: locks down a business email server and keeps it locked."""

__version__ = "0.1.0"
