"""Owns the JSON of REST resources, in the shapes the `twilio` package reads. Pure."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from gateway.sim.twilio.call import TwinCall
from gateway.sim.twilio.conference import Conference, Participant
from gateway.sim.twilio.numbers import OwnedNumber
from gateway.sim.twilio.options import TwilioOptions
from gateway.sim.twilio.parameters import API_VERSION, rfc2822

Json = dict[str, Any]


def account_path(account_sid: str) -> str:
    """The path every resource of the account begins with."""
    return f"/{API_VERSION}/Accounts/{account_sid}"


def account_json(options: TwilioOptions, created_at: datetime) -> Json:
    """An Account resource."""
    uri = account_path(options.account_sid)
    parts = ("calls", "conferences", "incoming_phone_numbers")
    return {
        "sid": options.account_sid,
        "auth_token": options.auth_token,
        "date_created": rfc2822(created_at),
        "date_updated": rfc2822(created_at),
        "friendly_name": "the twin's account",
        "owner_account_sid": options.account_sid,
        "status": options.account_status,
        "subresource_uris": {part: f"{uri}/{part.title().replace('_', '')}.json" for part in parts},
        "type": options.account_type,
        "uri": f"{uri}.json",
    }


def call_json(account_sid: str, call: TwinCall) -> Json:
    """A Call resource."""
    uri = f"{account_path(account_sid)}/Calls/{call.sid}"
    parts = ("notifications", "recordings", "streams", "transcriptions", "user_defined_messages")
    return {
        "sid": call.sid,
        "account_sid": account_sid,
        "api_version": API_VERSION,
        "annotation": None,
        "answered_by": call.answered_by or None,
        "caller_name": None,
        "date_created": rfc2822(call.created_at),
        "date_updated": rfc2822(call.ended_at or call.answered_at or call.created_at),
        "direction": call.identity.direction,
        "duration": str(call.duration_s) if call.ended_at and call.answered_at else None,
        "end_time": _stamp(call.ended_at),
        "forwarded_from": None,
        "from": call.identity.from_,
        "from_formatted": call.identity.from_,
        "group_sid": None,
        "parent_call_sid": call.identity.parent_sid or None,
        "phone_number_sid": None,
        "price": None,
        "price_unit": "USD",
        "queue_time": str(call.queue_ms),
        "start_time": _stamp(call.answered_at),
        "status": call.status,
        "stir_verstat": None,
        "subresource_uris": {part: f"{uri}/{part.title().replace('_', '')}.json" for part in parts},
        "to": call.identity.to,
        "to_formatted": call.identity.to,
        "trunk_sid": None,
        "uri": f"{uri}.json",
    }


def number_json(account_sid: str, number: OwnedNumber) -> Json:
    """An IncomingPhoneNumber resource."""
    return {
        "sid": number.sid,
        "account_sid": account_sid,
        "api_version": API_VERSION,
        "address_requirements": "none",
        "address_sid": None,
        "beta": False,
        "bundle_sid": None,
        "capabilities": {"voice": True, "sms": False, "mms": False, "fax": False},
        "date_created": rfc2822(number.created_at),
        "date_updated": rfc2822(number.updated_at),
        "emergency_address_sid": None,
        "emergency_status": "Inactive",
        "identity_sid": None,
        "origin": "twilio",
        "phone_number": number.e164,
        "sms_application_sid": "",
        "sms_fallback_method": "POST",
        "sms_fallback_url": "",
        "sms_method": "POST",
        "sms_url": "",
        "status": "in-use",
        "type": "local",
        "uri": f"{account_path(account_sid)}/IncomingPhoneNumbers/{number.sid}.json",
        "voice_caller_id_lookup": False,
        "voice_receive_mode": "voice",
        **number.settings,
        "trunk_sid": number.settings["trunk_sid"] or None,
    }


def conference_json(account_sid: str, conference: Conference) -> Json:
    """A Conference resource."""
    uri = f"{account_path(account_sid)}/Conferences/{conference.sid}"
    return {
        "sid": conference.sid,
        "account_sid": account_sid,
        "api_version": API_VERSION,
        "call_sid_ending_conference": conference.ended_by or None,
        "date_created": rfc2822(conference.created_at),
        "date_updated": rfc2822(conference.updated_at),
        "friendly_name": conference.friendly_name,
        "reason_conference_ended": conference.reason_ended or None,
        "region": "us1",
        "status": conference.status,
        "subresource_uris": {
            "participants": f"{uri}/Participants.json",
            "recordings": f"{uri}/Recordings.json",
        },
        "uri": f"{uri}.json",
    }


def participant_json(account_sid: str, conference_sid: str, participant: Participant) -> Json:
    """A Participant resource."""
    call = participant.call
    path = f"{account_path(account_sid)}/Conferences/{conference_sid}/Participants/{call.sid}"
    in_room = call.status == "in-progress" and not participant.left.is_set()
    return {
        "account_sid": account_sid,
        "call_sid": call.sid,
        "call_sid_to_coach": None,
        "coaching": participant.coaching,
        "conference_sid": conference_sid,
        "date_created": rfc2822(participant.joined_at),
        "date_updated": rfc2822(participant.updated_at),
        "end_conference_on_exit": participant.end_conference_on_exit,
        "hold": participant.hold,
        "label": participant.label or None,
        "muted": participant.muted,
        "queue_time": str(call.queue_ms),
        "start_conference_on_enter": participant.start_conference_on_enter,
        "status": "connected" if in_room else "complete" if call.is_over else call.status,
        "uri": f"{path}.json",
    }


def page_json(key: str, items: list[Json], path: str, query: dict[str, str]) -> Json:
    """One page of a list; `query` is the request's own (`PageSize`, `Page` and the filters)."""
    size = min(1000, max(1, _int(query.get("PageSize"), 50)))
    page = max(0, _int(query.get("Page"), 0))
    part = items[page * size : (page + 1) * size]

    def uri(number: int) -> str:
        return f"{path}?{urlencode({**query, 'PageSize': str(size), 'Page': str(number)})}"

    return {
        key: part,
        "end": page * size + max(0, len(part) - 1),
        "first_page_uri": uri(0),
        "next_page_uri": uri(page + 1) if (page + 1) * size < len(items) else None,
        "page": page,
        "page_size": size,
        "previous_page_uri": uri(page - 1) if page else None,
        "start": page * size,
        "uri": uri(page),
    }


def _stamp(moment: datetime | None) -> str | None:
    return rfc2822(moment) if moment else None


def _int(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() else default
