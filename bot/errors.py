"""What can go wrong, in words for the person who meets it; raised deep, caught once at an edge."""


class RunloreError(Exception):
    """Something went wrong; the message says what happened and what to do."""


class NotFound(RunloreError):
    """There is nothing here by that name that you can see."""


class Forbidden(RunloreError):
    """The token or the person may not do this."""


class BadInput(RunloreError):
    """What was sent cannot be used; the message says why, `field` which part of a form is meant."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class SlackRefused(RunloreError):
    """Slack said no and will say no again."""

    def __init__(self, error: str, details: list[str] | None = None) -> None:
        super().__init__(f"Slack refused: {error}")
        self.error = error
        self.details = details or []


class SlackBusy(RunloreError):
    """Slack asks to come back after `seconds`; nothing was done."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Slack asks to wait {seconds:g} s")
        self.seconds = seconds


class SlackDoubtful(RunloreError):
    """The call may or may not have been carried out: the answer was lost or Slack failed inside."""


class NeedsModels(Exception):
    """This takes models: the process that has them loaded goes on with it."""
