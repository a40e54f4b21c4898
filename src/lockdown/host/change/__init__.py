"""The hands: the only code that changes a host. It stages, puts, does, reloads, and takes back; it decides nothing."""
