"""The root process: few verbs, data and not commands, each bounded here whatever the asker believes."""
