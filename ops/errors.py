class SetupError(Exception):
    """Something the person at the terminal has to mend; the text is the one line they are shown."""
