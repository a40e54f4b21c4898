"""The eyes from outside: what a server says to somebody who only connects to it."""
