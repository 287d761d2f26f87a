"""Hostile bytes: everything that decodes, fed whatever may come."""
