"""The one exception a user is meant to read."""


class UserError(Exception):
    """Something the user can put right.

    The message names the cause and the remedy. The command line prints it and exits with
    status 1; no traceback is shown.
    """
