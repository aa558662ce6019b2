"""Errors of the payments plugin, in one tree.

PaymentsError
├── MoneyError         an amount that cannot be, or cannot be read
├── InvalidRequest     refused before anything was sent
├── YooKassaRejected   YooKassa said no: nothing was done
├── Unreadable         an answer lacks a member that money depends on, or has it in another form
├── OutcomeUnknown     nobody knows whether YooKassa did it: repeat with the same idempotence key
│   └── OutcomeUnreadable   it answered, and what we need of the answer cannot be read
└── ListUnavailable    a provider's list of payments cannot be read now

No message holds a secret, a request's or an answer's body, or a payer's data.
"""

from __future__ import annotations

from astral_core.errors import AstralError

__all__ = [
    "InvalidRequest",
    "ListUnavailable",
    "MoneyError",
    "OutcomeUnknown",
    "OutcomeUnreadable",
    "PaymentsError",
    "Unreadable",
    "YooKassaRejected",
]


class PaymentsError(AstralError):
    """The root of the plugin's errors."""


class MoneyError(PaymentsError, ValueError):
    """An amount that is not whole minor units of a known currency."""


class InvalidRequest(PaymentsError, ValueError):
    """A request that YooKassa would refuse or that is unsafe to send; nothing was sent."""


class Unreadable(PaymentsError, ValueError):
    """An answer of YooKassa's that cannot be read.

    :ivar member: the member that is needed and is missing, or has another form, such as ``amount.value``.
    """

    def __init__(self, member: str) -> None:
        super().__init__(f"YooKassa's answer cannot be read: {member}")
        self.member = member


class YooKassaRejected(PaymentsError):
    """YooKassa answered 4xx: the request was understood and nothing was done.

    :ivar operation: what was asked, for example ``create_payment``.
    :ivar status: the HTTP status.
    :ivar code: YooKassa's code, for example ``invalid_request``.
    :ivar description: YooKassa's explanation, shortened; None if there was none.
    :ivar parameter: the member of the request that is wrong; None if YooKassa named none.
    :ivar retry_after: milliseconds to wait (429); None if YooKassa named none.
    """

    def __init__(
        self,
        operation: str,
        status: int,
        code: str,
        description: str | None = None,
        parameter: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        where = f" (parameter {parameter})" if parameter else ""
        super().__init__(
            f"YooKassa refused {operation}: HTTP {status} {code}: {description or 'no description'}{where}"
        )
        self.operation = operation
        self.status = status
        self.code = code
        self.description = description
        self.parameter = parameter
        self.retry_after = retry_after


class OutcomeUnknown(PaymentsError):
    """No answer that says what happened: time-out, broken connection, 5xx, 202, or not the API's JSON.

    The request may have been carried out. Repeat it with the same idempotence key within 24 hours; after
    that, look for the object in the lists: the same key would then make a second payment.

    :ivar operation: what was asked.
    :ivar cause: what came instead of an answer, for people.
    :ivar status: the HTTP status; None if no answer came.
    """

    def __init__(self, operation: str, cause: str, status: int | None = None) -> None:
        super().__init__(
            f"YooKassa's answer to {operation} is unknown: {cause}. "
            "Repeat it with the same idempotence key within 24 hours, or read the object."
        )
        self.operation = operation
        self.cause = cause
        self.status = status


class OutcomeUnreadable(OutcomeUnknown):
    """YooKassa answered, and a member that money depends on cannot be read: a person has to look.

    :ivar member: its name, such as ``amount.value``.
    """

    def __init__(self, operation: str, member: str, status: int | None = None) -> None:
        super().__init__(operation, f"the answer is malformed ({member})", status)
        self.member = member


class ListUnavailable(PaymentsError):
    """A page of a provider's list cannot be read now; nothing is lost, the next sweep reads it again.

    :ivar retry_after: seconds to wait, where the provider asks for that.
    """

    def __init__(self, which: str, cause: str, retry_after: float | None = None) -> None:
        super().__init__(f"the list of {which} cannot be read now: {cause}. It is read again at the next sweep.")
        self.retry_after = retry_after
