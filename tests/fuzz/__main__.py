"""`python -m tests.fuzz TARGET [libFuzzer options] CORPUS...`: let atheris look for inputs that break a promise.

Fails as: exit code 77 with the input in a file named crash-..., when one is found.
"""

import importlib
import sys

import atheris


def main() -> None:
    target = sys.argv.pop(1)
    with atheris.instrument_imports(include=["lockdown"]):
        module = importlib.import_module(f"tests.fuzz.{target}")
    atheris.Setup(sys.argv, module.one_input)
    atheris.Fuzz()


main()
