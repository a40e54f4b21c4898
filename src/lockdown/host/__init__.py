"""The hands and eyes on this machine: readings in, snapshots out. The only place that runs commands."""
