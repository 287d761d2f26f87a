"""The commands for legacy callers that can't be changed: the gateway, and the verifiers that its accounts need."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import click

from mspace_legacy.cli import DONE
from mspace_legacy.cli.options import json_option, secret
from mspace_legacy.cli.output import log_to_stderr, show, show_json
from mspace_legacy.cli.serving import in_processes, processors, stopped_by_signals
from mspace_legacy.errors import InvalidInput
from mspace_legacy.migration.accounts import AccountStore, Verifier
from mspace_legacy.migration.gateway import Gateway, Metrics
from mspace_legacy.migration.routes import Routes
from mspace_legacy.migration.settings import Settings, load_settings
from mspace_legacy.server import Server
from mspace_legacy.transport.listener import listening
from mspace_legacy.wire import legacy, v2

__all__ = ["gateway", "verifier"]

_log = logging.getLogger("mspace_legacy.gateway")


@click.command()
@click.option("--config", "config_file", metavar="FILE.toml", required=True, help="The settings; see README.md.")
@click.option("--host", help="In place of that in the file. A wider address serves whoever reaches it.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="In place of that in the file; 0 lets the system pick one."
)
@click.option("--check", is_flag=True, help="Read the settings and the accounts, and do not serve.")
@json_option
def gateway(config_file: str, host: str | None, port: int | None, check: bool, as_json: bool) -> int:
    """Answer the legacy path API for callers that can't be changed, by routes and accounts.

    Callers change the host name, and nothing else. SIGHUP reads routes and accounts again; SIGINT (Ctrl-C) and
    SIGTERM stop it once the calls under way are answered, with exit code 0. The access log goes to standard error.
    """
    settings = load_settings(config_file)
    settings = replace(
        settings,
        host=settings.host if host is None else host,
        port=settings.port if port is None else port,
    )
    log_to_stderr()
    # Read here too, so that what is wrong with it is told once, and before anything is served.
    usernames = AccountStore.load(settings.accounts).usernames
    if check:
        if as_json:
            show_json({**_upstream(settings), "usernames": list(usernames)})
        else:
            _show({**_upstream(settings), "accounts": ", ".join(usernames)})
        return DONE
    workers = settings.workers or processors()
    with listening(settings.host, settings.port) as listener, _shared_counts(workers):
        for name in ("main_url", "base_url"):
            if _leads_to(listener, getattr(settings, name)):
                raise InvalidInput(f"{name} leads back to this gateway, which would ask itself: give the vendor's")

        def tell() -> None:
            _tell(settings, listener.getsockname(), as_json=as_json)

        if workers == 1:
            _serve(settings, config_file, listener, tell)
        else:
            latest = settings

            def reread() -> None:
                nonlocal latest
                # Each process that serves tells what is wrong with them.
                with suppress(InvalidInput):
                    changed = load_settings(config_file, needs_routes=settings.routes != Routes({}))
                    AccountStore.load(changed.accounts)
                    latest = replace(settings, routes=changed.routes, accounts=changed.accounts)

            in_processes(workers, listener, lambda: _serve(latest, config_file, listener, lambda: None), tell, reread)
    return DONE


def _leads_to(listener: socket.socket, url: str) -> bool:
    """Whether what is sent to `url` arrives at `listener`, as far as names are known when it starts."""
    host, port = listener.getsockname()[:2]
    parts = urlsplit(url)
    if parts.hostname is None or (parts.port or {"http": 80, "https": 443}[parts.scheme]) != port:
        return False
    try:
        found = {address[4][0] for address in socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)}
    except OSError:
        return False
    return any(address == host or (host in ("0.0.0.0", "::") and _is_of_this_machine(address)) for address in found)  # noqa: S104


def _is_of_this_machine(address: str | int) -> bool:
    try:
        # Only an address of one's own can be bound to; nothing is sent.
        with socket.socket(socket.AF_INET6 if ":" in str(address) else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _tell(settings: Settings, address: tuple[str, int], *, as_json: bool) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    main_url = legacy.base_url(f"http://{host}:{address[1]}")
    told = {"main_url": main_url, **_upstream(settings)}
    if as_json:
        show_json(told)
    else:
        _show(told)


def _upstream(settings: Settings) -> dict[str, str]:
    """Where calls go from here: the routes, and where the APIs live that they may lead to."""
    legacy_api = {"legacy": legacy.base_url(settings.main_url)} if settings.main_url else {}
    return {"routes": str(settings.routes), **legacy_api, "v2": v2.base_url(settings.base_url)}


def _show(told: dict[str, str]) -> None:
    for name, value in told.items():
        show(f"{name:8}  {value}")


def _serve(settings: Settings, config_file: str, listener: socket.socket, tell: Callable[[], None]) -> None:
    served = Gateway(settings, metrics=_metrics())
    server = Server(served, listener=listener, threads=settings.threads, liberal=True)

    def reload() -> None:
        try:
            changed = load_settings(config_file, needs_routes=settings.routes != Routes({}))
            served.reload(changed)
        except InvalidInput as error:
            _log.error("nothing was changed: %s", error)
            return
        _log.info("routes and accounts were read again: %s", changed.routes)
        others = (field.name for field in fields(Settings) if field.name not in _TAKEN_OVER)
        if waiting := [name for name in others if getattr(changed, name) != getattr(settings, name)]:
            _log.warning("what else was changed takes a restart: %s", ", ".join(waiting))

    try:
        with stopped_by_signals(server, on_hangup=reload):
            tell()
            server.serve(grace=settings.longest_call)
    finally:
        served.close()


_TAKEN_OVER = ("routes", "accounts", "host", "port")
"""Settings that are read again, and those that the command line may have given in place of the file."""


_COUNTS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def _shared_counts(workers: int) -> Iterator[None]:
    """Where Prometheus' library keeps the counts of several processes, before it is imported."""
    if workers == 1:
        yield
        return
    before = os.environ.get(_COUNTS_FOLDER)
    try:
        made = TemporaryDirectory(prefix="mspace-legacy-")
    except OSError as error:
        raise InvalidInput(
            f"no temporary folder can be made for the counts of {workers} processes ({error.strerror}): set TMPDIR "
            "to one that can be written, or workers = 1"
        ) from None
    with made as folder:
        os.environ[_COUNTS_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[_COUNTS_FOLDER]
            if before is not None:
                os.environ[_COUNTS_FOLDER] = before


def _metrics() -> Metrics | None:
    try:
        from mspace_legacy.migration.metrics import PrometheusMetrics
    except ModuleNotFoundError as error:
        if error.name != "prometheus_client":
            raise
        _log.info("no /metrics: they come with the extra [gateway] of mspace_legacy")
        return None
    try:
        return PrometheusMetrics()
    except OSError as error:
        _log.error("this process counts nothing, as there is no room for it: %s", error.strerror)
        return None


@click.command()
@click.option("--password-file", metavar="FILE", help="File that holds the password; or MSPACE_PASSWORD holds it.")
@json_option
def verifier(password_file: str | None, as_json: bool) -> int:
    """Make the verifier of a password, for an account store's `password_verifier`.

    It tells a right password from a wrong one, and does not hold it. The password is asked for unless a file or
    MSPACE_PASSWORD holds it.
    """
    made = str(Verifier.of(secret("password", "--password-file", password_file, "MSPACE_PASSWORD", twice=True)))
    if as_json:
        show_json({"password_verifier": made})
    else:
        show(made)
    return DONE
