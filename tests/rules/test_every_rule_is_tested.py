"""The rules R1 to R23 of a before-queue proxy: each has a module here, and each test in it names its rule."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_RULES = range(1, 24)


def _modules(rule: int) -> list[Path]:
    return sorted(_HERE.glob(f"test_r{rule:02}_*.py"))


def _tests(module: Path) -> list[ast.FunctionDef]:
    nodes = ast.parse(module.read_text()).body
    return [node for node in nodes if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


@pytest.mark.parametrize("rule", _RULES)
def test_the_rule_has_a_module_that_names_it_and_has_tests(rule: int) -> None:
    (module,) = _modules(rule)
    assert (ast.get_docstring(ast.parse(module.read_text())) or "").startswith(f"R{rule}: ")
    assert _tests(module)


@pytest.mark.parametrize("rule", _RULES)
def test_every_test_of_the_module_names_the_rule(rule: int) -> None:
    (module,) = _modules(rule)
    unnamed = [test.name for test in _tests(module) if not test.name.startswith(f"test_r{rule}_")]
    assert not unnamed


def test_there_is_no_module_for_a_rule_that_does_not_exist() -> None:
    numbers = {int(found[1]) for path in _HERE.glob("test_r*.py") if (found := re.match(r"test_r(\d\d)_", path.name))}
    assert numbers == set(_RULES)
