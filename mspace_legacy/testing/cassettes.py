"""Cassettes: a vcrpy that neither writes nor prints a password or an API key, nor, on request, a telephone number.

vcrpy's own filters miss a secret that stands in the path, and its errors and its logs show the request as it was
made. So what goes into a cassette is scrubbed as it comes in, the error is raised with the scrubbed request, and
the loggers are filtered. What is scrubbed from a request is scrubbed the same way when it is made again, so that
the two still match.
"""

from __future__ import annotations

import copy
import logging
import os
import re
import weakref
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

from mspace_legacy.errors import InvalidInput
from mspace_legacy.secrets import MASK, RedactingFilter, Secret, redact
from mspace_legacy.ussd.dialler import secrets_in
from mspace_legacy.wire.http import charset_of, is_known_charset
from mspace_legacy.wire.legacy import KEYS

try:
    import vcr  # type: ignore[import-untyped]  # vcrpy has no types
    import yaml  # type: ignore[import-untyped]  # its types are a package of their own
    from vcr.cassette import Cassette  # type: ignore[import-untyped]  # as above
    from vcr.errors import (  # type: ignore[import-untyped]  # as above
        CannotOverwriteExistingCassetteException,
    )
    from vcr.persisters.filesystem import (  # type: ignore[import-untyped]  # as above
        CassetteDecodeError,
        FilesystemPersister,
    )
    from vcr.request import Request  # type: ignore[import-untyped]  # as above
    from vcr.serializers import yamlserializer  # type: ignore[import-untyped]  # as above
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"{missing.name} is not installed: install mspace_legacy with its extra [testing]", name=missing.name
    ) from None

__all__ = ["recorder"]

_DROPPED = frozenset(
    # Secrets, then what differs from one recording to the next.
    "authorization cookie proxy-authorization set-cookie date user-agent".split()
)


def recorder(
    directory: str | os.PathLike[str] | None = None,
    *,
    secrets: Iterable[str | Secret] = (),
    scrub_numbers: bool = False,
    record_mode: str = "none",
    note: str = "",
) -> Any:
    """A `vcr.VCR` for calls to the service, whose `use_cassette` records and replays them without secrets.

    It matches on method, path, query and body; the host is left out, so that what was recorded against a port
    that the system had picked is found again. A reply's numbers come back as the request has them.

    :param directory: where cassettes are; without it, beside the function that is decorated.
    :param secrets: masked wherever they stand, as a URL, JSON, XML or HTML spells them, in the usual charsets, logs
        of vcrpy and of urllib3 included; not in what was packed otherwise, such as base64. A password in a path and
        an API key in a path or a header are masked, in their own exchange, without being given here.
    :param scrub_numbers: write other telephone numbers in place of the recipients', and of mobile numbers of Kenya
        and Uganda anywhere else.
    :param record_mode: vcrpy's: `none` only replays; `once` records a cassette that is not there; `all` records.
    :param note: a comment at the head of each cassette that is written.
    """
    known = [secret if isinstance(secret, Secret) else Secret(secret) for secret in secrets]
    made = _VCR(
        cassette_library_dir=None if directory is None else os.fspath(directory),
        path_transformer=vcr.VCR.ensure_suffix(".yaml"),
        record_mode=record_mode,
        match_on=("method", "path", "query", "body"),
        decode_compressed_response=True,
    )
    made.scrub = _Scrub(known, scrub_numbers)
    _in_logs.add(made.scrub)
    made.register_serializer("yaml", _Yaml(note))
    made.register_persister(_Files)
    return made


class _WhileUsed(logging.Filter):
    """Masks the secrets of every recorder that is still there, and what stands as a secret by its name."""

    def __init__(self) -> None:
        super().__init__()
        self._scrubs: tuple[weakref.ref[_Scrub], ...] = ()

    def add(self, scrub: _Scrub) -> None:
        # A new tuple, as another thread may be logging.
        self._scrubs = (*(known for known in self._scrubs if known()), weakref.ref(scrub))

    def filter(self, record: logging.LogRecord) -> bool:
        secrets = {secret for known in self._scrubs if (scrub := known()) for secret in scrub.secrets}
        kept = RedactingFilter(secrets).filter(record)
        record.msg = _IN_A_QUERY.sub(rf"\g<1>{MASK}", record.msg)
        return kept


_IN_A_QUERY = re.compile(r"(https?://[^\s?\"']*\?)[^\s\"']+")
"""A USSD callback's secret stands there."""

_in_logs = _WhileUsed()
for _name in (
    "vcr.cassette",
    "vcr.matchers",
    "vcr.request",
    "vcr.stubs",
    "urllib3.connection",
    "urllib3.connectionpool",
):
    logging.getLogger(_name).addFilter(_in_logs)


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Yaml:
    def __init__(self, note: str) -> None:
        self._head = "".join(f"# {line}\n" for line in note.splitlines())

    def serialize(self, cassette: Any) -> str:
        return self._head + str(yamlserializer.serialize(cassette))

    def deserialize(self, text: str) -> Any:
        # The loader that constructs nothing but plain data: older versions of vcrpy take one that runs what it reads.
        document = yaml.load(text, Loader=_Loader)  # noqa: S506
        if isinstance(document, dict) and _are_interactions(document.get("interactions")):
            return document
        raise InvalidInput("it holds no list of interactions as vcrpy writes them")


def _are_interactions(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_interaction, value))


def _is_interaction(value: Any) -> bool:
    match value:
        case {
            "request": {"method": str(), "uri": str(), "headers": dict() as asked, "body": str() | bytes() | None},
            "response": {
                "status": {"code": int(), "message": str() | None},
                "headers": dict() as told,
                "body": {"string": str() | bytes() | None},
            },
        }:
            return all(_are_headers(headers) for headers in (asked, told))
    return False


def _are_headers(headers: dict[Any, Any]) -> bool:
    return all(
        isinstance(name, str) and isinstance(values, list) and all(isinstance(value, str) for value in values)
        for name, values in headers.items()
    )


class _Files(FilesystemPersister):  # type: ignore[misc]  # vcrpy has no types
    @classmethod
    def load_cassette(cls, cassette_path: Any, serializer: Any) -> Any:
        try:
            return super().load_cassette(cassette_path, serializer)
        except InvalidInput as error:
            problem = str(error)
        except (CassetteDecodeError, yaml.YAMLError) as error:
            # vcrpy would take one that is no text for empty, and record over it.
            problem = f"it is not YAML in UTF-8 ({type(error).__name__})"
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            # Of what PyYAML makes of a tag on a value that is none, such as `!!int ""`; and a URI that is none.
            problem = f"a value in it can't be read ({type(error).__name__})"
        raise InvalidInput(f"cassette {os.fspath(cassette_path)}: {problem}")


class _VCR(vcr.VCR):  # type: ignore[misc]  # vcrpy has no types
    scrub: _Scrub

    def use_cassette(self, path: Any = None, **options: Any) -> Any:
        if callable(path):
            return self.use_cassette(**options)(path)
        context = super().use_cassette(path if path is None else os.fspath(path), **options)
        context.cls = _Cassette
        return context

    def get_merged_config(self, **options: Any) -> dict[str, Any]:
        return {**super().get_merged_config(**options), "scrub": self.scrub}


class _Cassette(Cassette):  # type: ignore[misc]  # vcrpy has no types
    """vcrpy's, where every request and every reply is scrubbed after the user's own hooks."""

    def __init__(
        self,
        path: str,
        *,
        scrub: _Scrub,
        before_record_request: Callable[[Any], Any],
        before_record_response: Callable[[Any], Any],
        **options: Any,
    ) -> None:
        self._scrub = scrub
        self._hook_for_response = before_record_response

        def scrubbed(request: Any) -> Any:
            request = before_record_request(request)
            return scrub.request(request) if request else request

        super().__init__(path, before_record_request=scrubbed, **options)

    def append(self, request: Any, response: Any) -> None:
        # Scrubbed before vcrpy gets hold of it, as it logs what it appends.
        response = self._hook_for_response(copy.deepcopy(response))
        if response is not None:
            super().append(request, self._scrub.response(request, response))

    def filter_request(self, request: Any) -> Any:
        # vcrpy asks this before it raises an error with the request as it was made. The argument is rebound, as
        # pytest shows the arguments of the innermost function.
        request = super().filter_request(request)
        if request and self.write_protected:
            raise CannotOverwriteExistingCassetteException(cassette=self, failed_request=request)
        return request

    def play_response(self, request: Any) -> Any:
        response = super().play_response(self._before_record_request(request))
        return self._scrub.restored(request, response)

    def responses_of(self, request: Any) -> Any:
        return super().responses_of(self._before_record_request(request))


# What is scrubbed

_BEHIND_A_SECRET = {"username": None, **{keys[0][0]: None for keys in KEYS.values() if keys}}
"""What may stand behind a secret: v2's first key, and those of each operation of the legacy API."""

_SECRET_IN_PATH = re.compile(
    # Up to the key that comes after it, as the secret may hold slashes where a caller did not encode it.
    rf"(/(?:password|apikey)=)(.*?)(?=/(?:{'|'.join(_BEHIND_A_SECRET)})=|$)",
    re.IGNORECASE | re.DOTALL,
)
_WORDS_OF_THE_WIRE = frozenset(
    "apikey balance clientname deliveryreport login message messageid mspaceservice noofsms password recipient "
    "resellerclients resellerclienttopup senderid sendtext smsapi subaccname subacctopup subusers username".split()
)
"""As a secret, each of these hides nothing where it stands as itself."""

_LOOPBACK_PORT = re.compile(r"^(https?://(?:127\.0\.0\.1|localhost|\[::1\])):[0-9]+")


class _Scrub:
    """What one recorder scrubs. Scrubbing what is scrubbed already changes nothing."""

    def __init__(self, secrets: Iterable[Secret], scrub_numbers: bool) -> None:
        self.secrets = tuple(secrets)
        self._scrub_numbers = scrub_numbers

    def request(self, request: Any) -> Any:
        """The request as it is written, compared and shown."""
        return self._exchange(request)[0]

    def response(self, request: Any, response: Any) -> Any:
        """The reply to `request` as it is written."""
        clean = self._exchange(request)[1]
        written = _rewritten(response, clean)
        # A reply may not be of the charset that it names, and then holds what it holds octet by octet.
        if written["body"] == response["body"]:
            written = _rewritten(response, clean, charset="utf-8")
        secrets = self._secrets_of(request)
        return _rewritten(written, lambda text: redact(text, secrets), charset="utf-8")

    def restored(self, request: Any, response: Any) -> Any:
        """The recorded reply as whoever makes `request` would have got it: with the numbers that it holds."""
        return _rewritten(response, _numbers_of(request).show) if self._scrub_numbers else response

    def _exchange(self, request: Any) -> tuple[Any, Callable[[str], str]]:
        """The request scrubbed, and what scrubs a text of its exchange."""
        secrets = self._secrets_of(request)
        numbers = _numbers_of(request) if self._scrub_numbers else None

        def clean(text: str) -> str:
            text = redact(text, secrets)
            return numbers.hide(text) if numbers else text

        headers = {
            name: MASK if name.lower() == "apikey" else clean(_text(value))
            for name, value in request.headers.items()
            if name.lower() not in _DROPPED
        }
        body = _body(request)
        scrubbed = Request(
            request.method, clean(_uri(request)), None if body is None else _bytes(clean(body)), headers
        )
        return scrubbed, clean

    def _secrets_of(self, request: Any) -> tuple[Secret, ...]:
        """Those that are known, and those that stand in the request by their name."""
        in_path = [value for _, value in _SECRET_IN_PATH.findall(request.uri)]
        # As it came, too, and not all of them are UTF-8.
        values = [spelt for value in in_path for spelt in (unquote(value), unquote(value, "latin-1"), value)]
        values += [secret.reveal() for secret in secrets_in(request.uri)]
        values += [_text(value) for name, value in request.headers.items() if name.lower() == "apikey"]
        return (*self.secrets, *(Secret(value) for value in values if value.lower() not in _WORDS_OF_THE_WIRE))


def _uri(request: Any) -> str:
    """The URL without the secret that stands in it by its name, and without a port that the system picked."""
    return _SECRET_IN_PATH.sub(rf"\g<1>{MASK}", _LOOPBACK_PORT.sub(r"\1", request.uri))


def _body(request: Any) -> str | None:
    body = request.body
    if body is None:
        return None
    # A file or an iterator, of which vcrpy gives a new one each time.
    return _text(body if isinstance(body, (bytes, str)) else b"".join(body))


def _numbers_of(request: Any) -> _Numbers:
    return _Numbers(_uri(request), _body(request) or "")


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _rewritten(response: Any, rewrite: Callable[[str], str], *, charset: str | None = None) -> Any:
    """A copy of a reply, as vcrpy holds it, with its text rewritten.

    :param charset: of its body; that which it names by default.
    """
    response = copy.deepcopy(response)
    headers = {
        name: [rewrite(value) for value in values]
        for name, values in response["headers"].items()
        if name.lower() not in _DROPPED
    }
    content_type = next((values[0] for name, values in headers.items() if name.lower() == "content-type"), None)
    before = response["body"]["string"] or b""
    after = _recoded(before, charset or charset_of(content_type), rewrite)
    for name in headers:
        if name.lower() == "content-length" and after != before:
            headers[name] = [str(len(after))]
    response["headers"] = headers
    response["body"]["string"] = after
    response["status"]["message"] = rewrite(response["status"]["message"] or "")
    return response


def _recoded(body: bytes, charset: str, rewrite: Callable[[str], str]) -> bytes:
    charset = charset if is_known_charset(charset) else "utf-8"
    try:
        return rewrite(body.decode(charset)).encode(charset)
    except (LookupError, UnicodeError):
        return _bytes(rewrite(_text(body)))


_ESCAPE = r"%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}"
"""What may stand before a number, and ends in digits that are none of its own."""

_GAP = r"(?:[ ().\u00a0\u202f-]|%20|%28|%29|%2D|%2E|%C2%A0|%E2%80%AF|\\u00a0|\\u202f)"
_MOBILE = rf"(?:0{{0,3}}25[46]{_GAP}*0?{_GAP}*|0)[17][0-9]{{2}}{_GAP}?[0-9]{{3}}{_GAP}?[0-9]{{3}}(?![0-9])"
_NUMBER = re.compile(
    rf"""((?:/recipient=|"recipient"\s*:\s*"?|<recipient>)[^/"<]*)|{_ESCAPE}|({_MOBILE})|[0-9]+""", re.IGNORECASE
)
_IN_RECIPIENT = re.compile(rf"{_ESCAPE}|([0-9](?:{_GAP}*[0-9])+)", re.IGNORECASE)
_SIGNIFICANT = 9
"""Digits of a Kenyan or Ugandan number after the country code or the 0."""


class _Numbers:
    """The telephone numbers of one exchange, and those that are written in their place: 254700000100 and on.

    They are counted as they come in the request, then in the reply, so that what is written does not depend on
    them, and stays when it is scrubbed again. The country code or the 0 before a number is kept.
    """

    def __init__(self, *request: str) -> None:
        self._written: dict[str, str] = {}
        for text in request:
            self.hide(text)
        self._meant = {written: meant for meant, written in self._written.items()}

    def hide(self, text: str) -> str:
        """`text` with another number in the place of each."""
        return _NUMBER.sub(self._hidden, text)

    def show(self, text: str) -> str:
        """`text`, of a reply that was written, with the request's numbers as the request has them."""
        return re.sub(rf"{_ESCAPE}|[0-9]+", lambda found: _with_end(found[0], self._meant), text)

    def _hidden(self, found: re.Match[str]) -> str:
        field, mobile = found.groups()
        if field:
            return _IN_RECIPIENT.sub(lambda item: self._other(item[1]) if item[1] else item[0], field)
        return self._other(mobile) if mobile else _with_end(found[0], self._written)

    def _other(self, number: str) -> str:
        digits = re.sub("[^0-9]", "", unquote(re.sub(r"\\u....", "", number)))
        known = digits[-_SIGNIFICANT:]
        self._written.setdefault(known, f"7{100 + len(self._written):08}")
        # Sixteen digits and more are no number, but may be two.
        return (digits[:-_SIGNIFICANT] if len(digits) <= 15 else "") + self._written[known]


def _with_end(digits: str, ends: dict[str, str]) -> str:
    end = digits[-_SIGNIFICANT:]
    return digits[:-_SIGNIFICANT] + ends[end] if end in ends else digits
