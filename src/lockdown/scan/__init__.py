"""Engines that read mail: the builtin one, and those of others that are asked. Each answers, or says why it did not."""
