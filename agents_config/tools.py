"""Tools of the shipped agents. Replace the made-up orders with your own system."""

from agents import function_tool

_ORDERS = {
    "A-1042": {
        "status": "shipped",
        "carrier": "parcel service",
        "arrives": "Monday, between nine and eleven in the morning",
    },
}


@function_tool
async def lookup_order(order_id: str) -> dict[str, str]:
    """Look up an order by its number.

    Args:
        order_id: The order number as the caller said it, for example A-1042.
    """
    return _ORDERS.get(order_id.upper(), {"status": "unknown order number"})
