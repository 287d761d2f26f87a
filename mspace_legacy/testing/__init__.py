"""What a test suite touches: a pytest plugin, cassettes without secrets, an emulator that runs, and strategies.

Nothing is imported here: each module needs libraries of its own, and the plugin is loaded in every run of pytest.
"""
