"""One file per verb: each runs the rooms or the hands, records what came of it, and reports."""
