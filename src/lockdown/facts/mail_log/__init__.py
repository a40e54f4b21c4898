"""The logs of mail servers: what Postfix, Dovecot and Exim say of each connection, message and login.

`reading.read` reads one line with care; `blocks.read_block` reads a million of them, and means the same.
"""
