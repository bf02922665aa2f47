"""The JSON of REST resources."""

from gateway.sim.twilio.shapes import page_json


def test_pages_lead_to_one_another() -> None:
    """First, next and previous carry the filters along."""
    items = [{"n": i} for i in range(5)]
    query = {"PageSize": "2", "Page": "1", "To": "+15550001111"}
    page = page_json("calls", items, "/Calls.json", query)
    assert page["calls"] == [{"n": 2}, {"n": 3}]
    assert (page["start"], page["end"], page["page"]) == (2, 3, 1)
    assert page["next_page_uri"] == "/Calls.json?PageSize=2&Page=2&To=%2B15550001111"
    assert page["previous_page_uri"] == "/Calls.json?PageSize=2&Page=0&To=%2B15550001111"


def test_the_last_page_leads_nowhere() -> None:
    """An empty list is one empty page; nonsense in the query is the default."""
    page = page_json("calls", [], "/Calls.json", {"PageSize": "x"})
    assert (page["calls"], page["next_page_uri"], page["page_size"]) == ([], None, 50)
    assert page["previous_page_uri"] is None
