"""What commands and the API need beyond the calls themselves: the carrier's REST interface, calls
that we place, numbers that are pointed here, and what finds out why something does not work.
"""
