"""`python -m lockdown`: the same as the `lockdown` command."""

import sys

from lockdown.cli import main

sys.exit(main())
