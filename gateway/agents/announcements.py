"""What routes.toml lays down about recording: the announcement, and who asks for consent."""

from collections.abc import Iterator

from gateway.agents.problems import Problem
from gateway.agents.routes import RoutesTable, circumstances
from gateway.agents.sounds import sound_of
from gateway.agents.tomlfile import TomlFile


def read_announcements(file: TomlFile[RoutesTable], problems: list[Problem]) -> dict[str, bytes]:
    """The recordings the file names, by the name it uses (mu-law)."""
    found: dict[str, bytes] = {}
    for place, each in circumstances(file.table):
        name = each.recording_announcement
        if name is not None and name not in found:
            found[name] = sound_of(file, (*place, "recording_announcement"), name, problems)
    return found


def announcement_problems(file: TomlFile[RoutesTable]) -> Iterator[Problem]:
    """Keys that contradict each other."""
    for place, each in circumstances(file.table):
        if each.recording_text is not None and each.recording_announcement is None:
            yield file.problem((*place, "recording_text"), "belongs to recording_announcement")
        if each.recording_announcement is not None and each.recording == "off":
            yield file.problem(
                (*place, "recording_announcement"), 'is never played with recording = "off"'
            )
