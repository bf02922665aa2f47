"""Are the agents' files right?"""

import threading

from gateway.agents import agent_files, check
from gateway.agents.problems import Problem
from gateway.ops.doctor.aside import aside
from gateway.ops.doctor.finding import Wrong
from gateway.settings import Settings

READING = threading.Lock()
"""The folder is read by one check at a time: its modules have names that the process shares."""


async def agents_right(settings: Settings) -> str:
    """How many agents there are. Raises Wrong with the first mistake in their files."""
    problems = await aside(lambda: _problems(settings))
    errors = [str(problem) for problem in problems if problem.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise Wrong(errors[0] + more, "correct it; `gateway agents check` shows every mistake")
    count, warnings = len(agent_files(settings.agents_dir)), len(problems)
    told = f", {warnings} warning{'s' if warnings > 1 else ''}" if warnings else ""
    return f"{count} agent{'s' if count != 1 else ''} in {settings.agents_dir}{told}"


def _problems(settings: Settings) -> list[Problem]:
    with READING:
        return list(check(settings.agents_dir, settings))
