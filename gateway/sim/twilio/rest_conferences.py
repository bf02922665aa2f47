"""Owns the Conferences and Participants resources of the REST API.

https://www.twilio.com/docs/voice/api/conference-participant-resource
"""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.sim.twilio.conference import Conference, Participant
from gateway.sim.twilio.exchange import Exchange, LegPlan
from gateway.sim.twilio.form import Form
from gateway.sim.twilio.rest_calls import checked_numbers, status_callbacks
from gateway.sim.twilio.rest_errors import RestRefusal
from gateway.sim.twilio.shapes import conference_json, page_json, participant_json

_RING_LIMIT_S = 600


class ConferenceRoutes:
    """Handlers for one account."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._account_sid = exchange.options.account_sid

    def routes(self) -> list[Route]:
        """Below the account's path."""
        one, people = "/Conferences/{sid}.json", "/Conferences/{sid}/Participants.json"
        person = "/Conferences/{sid}/Participants/{call}.json"
        return [
            Route("/Conferences.json", self.list, methods=["GET"]),
            Route(one, self.fetch, methods=["GET"]),
            Route(one, self.update, methods=["POST"]),
            Route(people, self.list_people, methods=["GET"]),
            Route(people, self.add_person, methods=["POST"]),
            Route(person, self.fetch_person, methods=["GET"]),
            Route(person, self.update_person, methods=["POST"]),
            Route(person, self.remove_person, methods=["DELETE"]),
        ]

    async def list(self, request: Request) -> Response:
        """Newest first, with the filters FriendlyName and Status."""
        query = dict(request.query_params)
        items = [
            conference_json(self._account_sid, conference)
            for conference in reversed(self._exchange.conferences.values())
            if query.get("FriendlyName") in (None, conference.friendly_name)
            and query.get("Status") in (None, conference.status)
        ]
        return JSONResponse(page_json("conferences", items, request.url.path, query))

    async def fetch(self, request: Request) -> Response:
        """One conference."""
        return JSONResponse(conference_json(self._account_sid, self._conference(request)))

    async def update(self, request: Request) -> Response:
        """Ends a conference (`Status=completed`)."""
        conference = self._conference(request)
        if (await Form.of(request)).get("Status") == "completed":
            conference.end()
        return JSONResponse(conference_json(self._account_sid, conference))

    async def list_people(self, request: Request) -> Response:
        """Who is in, with the filters Muted and Hold."""
        conference = self._conference(request)
        query = dict(request.query_params)
        items = [
            participant_json(self._account_sid, conference.sid, person)
            for person in conference.participants.values()
            if query.get("Muted", str(person.muted)).lower() == str(person.muted).lower()
            and query.get("Hold", str(person.hold)).lower() == str(person.hold).lower()
        ]
        return JSONResponse(page_json("participants", items, request.url.path, query))

    async def add_person(self, request: Request) -> Response:
        """Rings somebody who joins on answering; a conference of this name is made if there is
        none."""
        form = await Form.of(request)
        to, from_ = checked_numbers(self._exchange, form)
        timeout_s = form.seconds("Timeout", 60, _RING_LIMIT_S, 21208)
        callbacks = status_callbacks(form)
        name = request.path_params["sid"]
        known = self._exchange.conferences.get(name)
        conference = known or self._exchange.conference(name)
        callee = self._exchange.options.callee(to)
        identity = self._exchange.identity(to, from_, "outbound-api")
        call = self._exchange.new_call(identity, callee.script)
        call.callbacks = callbacks
        person = Participant(
            call,
            label=form.get("Label"),
            muted=form.flag("Muted"),
            start_conference_on_enter=form.flag("StartConferenceOnEnter", True),
            end_conference_on_exit=form.flag("EndConferenceOnExit"),
        )
        plan = LegPlan(callee, timeout_s, hold=lambda: conference.attend(person))
        self._exchange.start_leg(call, plan)
        body = participant_json(self._account_sid, conference.sid, person)
        return JSONResponse(body, status_code=201)

    async def fetch_person(self, request: Request) -> Response:
        """One participant."""
        conference, person = self._person(request)
        return JSONResponse(participant_json(self._account_sid, conference.sid, person))

    async def update_person(self, request: Request) -> Response:
        """Mutes, holds, or decides whether the conference ends with this one."""
        conference, person = self._person(request)
        form = await Form.of(request)
        person.muted = form.flag("Muted", person.muted)
        person.hold = form.flag("Hold", person.hold)
        ends = form.flag("EndConferenceOnExit", person.end_conference_on_exit)
        person.end_conference_on_exit = ends
        person.updated_at = datetime.now(UTC)
        conference.heed(person)
        return JSONResponse(participant_json(self._account_sid, conference.sid, person))

    async def remove_person(self, request: Request) -> Response:
        """Takes somebody out."""
        conference, person = self._person(request)
        conference.leave(person.call.sid)
        return Response(status_code=204)

    def _conference(self, request: Request) -> Conference:
        name = request.path_params["sid"]
        conference = self._exchange.conferences.get(name)
        if conference is None:
            raise RestRefusal(20404, request.url.path)
        return conference

    def _person(self, request: Request) -> tuple[Conference, Participant]:
        conference = self._conference(request)
        wanted = request.path_params["call"]
        for person in conference.participants.values():
            if wanted in (person.call.sid, person.label):
                return conference, person
        raise RestRefusal(20404, request.url.path)
