"""Plan, apply, confirm and roll back with the room of the tests, from within a machine; killed at a step, if asked to.

    python -m tests.rig.acting plan
    python -m tests.rig.acting approve          (by the plan's id: it is made again)
    python -m tests.rig.acting apply [STEP]     (at once; dies by SIGKILL when that step is reached)
    python -m tests.rig.acting recover [STEP]
    python -m tests.rig.acting confirm last

Prints one JSON document: what came of it, and the steps that were gone through.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from lockdown.engine.apply import (
    Means,
    apply_plan,
    carry_out,
    confirm,
    means_of,
    plan_now,
    recover_here,
    roll_back_named,
)
from lockdown.engine.apply_record import Approval
from lockdown.engine.settings_files import load_settings
from lockdown.engine.undo import alone
from lockdown.host.session import origin_of
from tests.rig import double


def _means(at: Callable[[str], None]) -> Means:
    means = dataclasses.replace(means_of(load_settings()), checklist=(double,), at=at)
    means.directory.prepare()
    return means


def _step(wanted: str, steps: list[str]) -> Callable[[str], None]:
    def at(step: str) -> None:
        steps.append(step)
        if step == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


def _act(verb: str, argument: str, steps: list[str]) -> dict[str, Any]:
    means = _means(_step(argument, steps))
    if verb == "plan":
        plan = plan_now(means)
        return {"id": plan.id, "controls": [group.control for group in plan.groups], "left": len(plan.left)}
    if verb == "recover":
        return {"says": recover_here(means)}
    if verb == "confirm":
        return _outcome(confirm(argument, "owner", origin_of(os.getpid()), means))
    if verb == "rollback":
        done = roll_back_named(argument, "owner", means)
        return {"says": [done.says, *done.left, *done.problems], "code": done.exit_code, "mail": done.mail}
    plan = plan_now(means)
    approval = Approval(plan.id, "owner", origin_of(os.getpid()))
    if verb == "approve":
        return _outcome(apply_plan(approval, means))
    with alone(means.directory.applies):
        return _outcome(carry_out(plan, approval, means))


def _outcome(outcome: Any) -> dict[str, Any]:
    return {"apply": outcome.apply, "end": outcome.end, "says": outcome.says, "code": outcome.exit_code}


if __name__ == "__main__":
    gone_through: list[str] = []
    done = _act(sys.argv[1], (sys.argv[2:] or [""])[0], gone_through)
    print(json.dumps({**done, "steps": gone_through}))
