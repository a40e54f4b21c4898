"""Reusable pieces of live tests: a gateway process, real Postfix and Dovecot, a hostile upstream, a stubborn sender.

Everything listens on loopback only, lives below one sandbox folder and is ended by the process id that started it.
"""
