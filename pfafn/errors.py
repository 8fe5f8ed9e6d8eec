"""The errors a user can cause: their message says what was expected, what came and what to do."""


class UserError(Exception):
    """Base of every error whose message is the whole story; printed without a traceback."""
