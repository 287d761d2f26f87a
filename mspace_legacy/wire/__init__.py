"""Calls and replies as HTTP messages, both ways and for both APIs. Pure: nothing here reads or writes."""
