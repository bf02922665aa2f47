"""What the addresses stand on: the parts of one gateway process, as `serve` puts them together."""

from dataclasses import dataclass

from gateway.agents import AgentFolder
from gateway.call.reception import Reception
from gateway.observe.lag import Lag
from gateway.observe.live.board import Board
from gateway.observe.loglevel import LogLevel
from gateway.observe.metrics import Metrics
from gateway.ops.consulting.consults import Consults
from gateway.ops.placing.placing import Placing
from gateway.ops.users import Users
from gateway.settings import Settings
from gateway.store.archive import Archive
from gateway.store.audit import AuditLog
from gateway.store.records.readingroom import ReadingRoom
from gateway.web.twilio import Durable


@dataclass(frozen=True, slots=True)
class Parts:
    """One gateway; what it has not is None, and addresses that need it say so."""

    settings: Settings
    reception: Reception
    durable: Durable | None = None
    """Is asked before a call is accepted."""
    placing: Placing | None = None
    """Makes calls, if any may be made."""
    consults: Consults | None = None
    """Who is asked to take a call."""
    audit: AuditLog | None = None
    """Where it is written down who did what."""
    users: Users | None = None
    """Who may sign in; None = the admin of the settings, if there is one."""
    agents: AgentFolder | None = None
    """Who answers."""
    records: ReadingRoom | None = None
    """Where records are read."""
    archive: Archive | None = None
    """What is kept of calls."""
    board: Board | None = None
    """The calls of this moment."""
    lag: Lag | None = None
    """How late the loop is."""
    metrics: Metrics | None = None
    """What this process counts."""
    log_level: LogLevel | None = None
    """How much it logs."""
