"""What Lockdown must not forget: store, spool, counts, outcomes, log and metrics; and where they lie.

Each module is imported by name; this one imports nothing, so that a process pays only for what it uses.
"""
