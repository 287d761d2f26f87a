"""What the service's answer to a request says: which error a refusal is, and where it contradicts itself."""

from __future__ import annotations

from mspace_legacy import errors
from mspace_legacy.errors import ServiceError
from mspace_legacy.smpp.pdu import CommandStatus, GenericNack, Pdu, SubmitSmResp, status_name

__all__ = ["contradiction", "refusal"]

_REFUSALS: dict[int, type[ServiceError]] = {
    CommandStatus.ESME_RINVPASWD: errors.AuthenticationError,
    CommandStatus.ESME_RINVSYSID: errors.AuthenticationError,
    CommandStatus.ESME_RINVSRCADR: errors.InvalidSenderId,
    CommandStatus.ESME_RINVDSTADR: errors.InvalidRecipient,
    CommandStatus.ESME_RINVBNDSTS: errors.WrongBindState,
    CommandStatus.ESME_RALYBND: errors.WrongBindState,
    CommandStatus.ESME_RTHROTTLED: errors.Throttled,
    CommandStatus.ESME_RMSGQFUL: errors.QueueFull,
}


def contradiction(response: Pdu) -> str:
    """Why an answer to submit_sm tells neither that it was taken nor that it was refused; empty where it does."""
    if isinstance(response, GenericNack) and not response.command_status:
        return "refused by generic_nack as ESME_ROK"
    if isinstance(response, SubmitSmResp) and response.command_status and not _is_tag(response.message_id):
        return f"refused as {status_name(response.command_status)}, and given an id"
    return ""


def _is_tag(message_id: str) -> bool:
    """Whether there is no id, or what was read as one is the tag of a TLV, where a refusal has no body but that."""
    return not message_id or (message_id[0] < " " and not message_id[0].isspace())


def refusal(response: Pdu, request: str) -> ServiceError:
    """The error for a response: its `text` is the standard's name of the status, its `status` the number.

    A generic_nack is a refusal whatever its status.
    """
    status = response.command_status
    name = status_name(status)
    told = next((f"{name}, {known.description}" for known in CommandStatus if known == status), name)
    if isinstance(response, GenericNack):
        told = f"generic_nack, {told}"
    kind = _REFUSALS.get(status, ServiceError)
    return kind(f"{request}: the service says {told}", text=name, status=status)
