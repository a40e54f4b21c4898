"""Raw text to typed facts: pure, lazy, no I/O. What cannot be told is Unknown(why)."""
