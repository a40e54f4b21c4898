"""The gateway: an SMTP proxy that never owns a message.

The sender keeps a message until the server behind has said 250, or until the quarantine holds it durably.
"""
