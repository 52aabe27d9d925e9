"""What the RAPI client speaks through: one connection to the server, and the errors it can end in.

Needs pycurl and the standard library, nothing else of this package, so that `client*.py`
can be copied next to a program of somebody's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import pycurl

PORT = 5080
#: bytes of an answer beyond which it is not read
ANSWER_LIMIT = 256 * 1024 * 1024
_ANSWER_MAY_TAKE = 200.0  # seconds; the server itself gives up before
_EXPLANATION = 400  # characters shown of an answer that is not understood

#: adjusts the handle of a request: (handle, logger) as Ganeti's client has it
CurlConfig = Callable[[pycurl.Curl, Any], None]
QueryArgs = Mapping[str, object]


class Error(Exception):
    """What all errors of the client have in common."""


class ClientError(Error):
    """The call makes no sense; nothing was sent."""


class GanetiApiError(Error):
    """The server refused, or could not be asked.

    `code` is the HTTP status, None when there was no answer.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class CertificateError(GanetiApiError):
    """The certificate of the server cannot be trusted."""


class JobError(Error):
    """A job did not succeed; `job` is its document, as GetJobStatus answers it."""

    def __init__(self, message: str, job: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.job = job


class Access(NamedTuple):
    """Where the server is, who we are and whom we trust; times in seconds.

    `verify` is true for the certificates the system trusts, the path of a file or
    directory of certificates, or false to trust anybody.  With `token` there is no
    user and password.
    """

    host: str
    port: int = PORT
    username: str | None = None
    password: str | None = None
    token: str | None = None
    verify: bool | str = True
    verify_hostname: bool = True
    capath: str | None = None
    tls: bool = True
    connect_timeout: float = 30.0
    timeout: float = _ANSWER_MAY_TAKE

    @property
    def url(self) -> str:
        """Beginning of every address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


class Http:
    """Makes requests over a connection that is kept; for one thread at a time."""

    def __init__(self, access: Access, logger: Any, adjust: CurlConfig | None = None) -> None:
        if access.token is not None and access.username is not None:
            raise ClientError("give a token or a user name with a password, not both")
        if access.password is not None and access.username is None:
            raise ClientError("a password was given without a user name")
        if access.token is not None and not re.fullmatch(r"[\x21-\x7e]+", access.token):
            raise ClientError("a token holds printable ASCII characters without spaces")
        self.access = access
        self._log = logger
        self._adjust = adjust
        self._curl = pycurl.Curl()

    def close(self) -> None:
        """Hang up."""
        self._curl.close()

    def request(self, method: str, path: str, query: QueryArgs | None = None, body: object = None) -> Any:
        """Make a request and return the value of the JSON in its answer.

        Raises GanetiApiError.
        """
        text = self.text(method, path, query, body)
        try:
            return json.loads(text)
        except ValueError:
            raise GanetiApiError(
                f"cannot understand the answer to {method} {self.access.url}{path}: it is no JSON: is this a RAPI"
                f" server? {_shortened(text)}"
            ) from None

    def text(self, method: str, path: str, query: QueryArgs | None = None, body: object = None) -> str:
        """Make a request and return the text of its answer.

        Raises GanetiApiError.
        """
        answer = bytearray()

        def take(data: bytes) -> int | None:
            if len(answer) + len(data) > ANSWER_LIMIT:
                return 0
            answer.extend(data)
            return None

        curl = self._curl
        curl.reset()
        self.prepare(curl, method, path, query, body)
        curl.setopt(pycurl.WRITEFUNCTION, take)
        self._log.debug("RAPI request %s %s", method, path)
        try:
            curl.perform()
        except pycurl.error as err:
            raise self.failure(int(err.args[0]), err.args[-1], method, path) from err
        status = int(curl.getinfo(pycurl.RESPONSE_CODE))
        text = answer.decode("utf-8", "replace")
        if status >= 300:
            raise self.refusal(status, text, method, path)
        return text

    def prepare(
        self, curl: pycurl.Curl, method: str, path: str, query: QueryArgs | None = None, body: object = None
    ) -> None:
        """Set a handle up for a request."""
        access = self.access
        headers = ["Accept: application/json"]
        arguments = urlencode(_arguments(query or {}), doseq=True)
        curl.setopt(pycurl.URL, f"{access.url}{path}{'?' if arguments else ''}{arguments}")
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.PROXY, "")
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(access.connect_timeout * 1000))
        curl.setopt(pycurl.TIMEOUT_MS, int(access.timeout * 1000))
        if body is not None:
            headers.append("Content-Type: application/json")
            curl.setopt(pycurl.POSTFIELDS, _encoded(body))
        elif method in ("POST", "PUT"):
            headers.append("Content-Length: 0")
        curl.setopt(pycurl.CUSTOMREQUEST, method)
        if access.username is not None:
            curl.setopt(pycurl.HTTPAUTH, pycurl.HTTPAUTH_BASIC)
            curl.setopt(pycurl.USERNAME, access.username.encode())
            curl.setopt(pycurl.PASSWORD, (access.password or "").encode())
        curl.setopt(pycurl.HTTPHEADER, self.headers(headers))
        _trust(curl, access)
        if self._adjust is not None:
            self._adjust(curl, self._log)

    def headers(self, wanted: Sequence[str]) -> list[str]:
        """Return the headers of a request: those wanted, and what says who we are."""
        token = self.access.token
        return [*wanted, "Expect:", *([] if token is None else [f"Authorization: Bearer {token}"])]

    def failure(self, code: int, reason: object, method: str, path: str) -> GanetiApiError:
        """Return what to raise when a request got no answer, for curl's reason."""
        act = f"cannot {method} {self.access.url}{path}"
        if code in _DISTRUST:
            return CertificateError(
                f"{act}: the certificate of the server is not trusted: {reason}; name its certificate with"
                " verify='/path/to/rapi.pem', or see verify_hostname"
            )
        if code == pycurl.E_WRITE_ERROR:
            return GanetiApiError(f"{act}: the answer is longer than {ANSWER_LIMIT} bytes")
        return GanetiApiError(f"{act}: {reason}")

    def refusal(self, status: int, text: str, method: str, path: str) -> GanetiApiError:
        """Return what to raise for an answer that is none."""
        told = _told(text)
        if status == 401:
            given = "token" if self.access.token else "user name or password"
            anything = self.access.token or self.access.username
            told = f"the {given} is wrong" if anything else "a user name and password are needed"
        elif status == 403:
            told = f"{told}: this user may not do that (see the users file of the server)"
        return GanetiApiError(f"cannot {method} {path}: {status}: {told}", code=status)


def GenericCurlConfig(
    verbose: bool = False,
    use_signal: bool = False,
    use_curl_cabundle: bool = False,
    cafile: str | None = None,
    capath: str | None = None,
    proxy: str | None = None,
    verify_hostname: bool = False,
    connect_timeout: float | None = None,
    timeout: float | None = None,
) -> CurlConfig:
    """Return what adjusts handles, with the arguments programs for Ganeti's client give; times in seconds.

    It takes the place of the client's `verify`: anybody who answers is trusted unless
    certificates are named, or curl's own are asked for.
    """

    def adjust(curl: pycurl.Curl, logger: Any) -> None:
        curl.setopt(pycurl.VERBOSE, int(verbose))
        curl.setopt(pycurl.NOSIGNAL, int(not use_signal))
        curl.setopt(pycurl.PROXY, proxy or "")
        curl.setopt(pycurl.SSL_VERIFYPEER, int(bool(cafile or capath or use_curl_cabundle)))
        curl.setopt(pycurl.SSL_VERIFYHOST, 2 if verify_hostname else 0)
        for option, path in ((pycurl.CAINFO, cafile), (pycurl.CAPATH, capath)):
            if path is not None:
                curl.setopt(option, path)
        for option, seconds in ((pycurl.CONNECTTIMEOUT_MS, connect_timeout), (pycurl.TIMEOUT_MS, timeout)):
            if seconds is not None:
                curl.setopt(option, int(seconds * 1000))

    return adjust


_DISTRUST = frozenset(
    {pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT, pycurl.E_SSL_CACERT_BADFILE, pycurl.E_SSL_ISSUER_ERROR}
)


def path_of(*words: object) -> str:
    """Return the address of a resource below /2: names are quoted, so that none reaches another resource.

    Raises ClientError for a name that is empty or a way through directories.
    """
    for word in words:
        if str(word) in ("", ".", ".."):
            raise ClientError(f"{word!r} is not the name of anything")
    return "/2" + "".join(f"/{quote(str(word), safe='')}" for word in words)


def given(**values: object) -> dict[str, object]:
    """Return the values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def joined(fixed: Mapping[str, object], more: Mapping[str, object]) -> dict[str, object]:
    """Return what the arguments of a method say, and what its caller says besides.

    Raises ClientError when both say the same thing.
    """
    twice = sorted(fixed.keys() & more.keys())
    if twice:
        raise ClientError(f"given twice: {', '.join(twice)}")
    return {**fixed, **more}


def _arguments(query: QueryArgs) -> dict[str, object]:
    """Return what goes into an address: flags are numbers there, names have dashes."""
    flags = {name: int(value) if isinstance(value, bool) else value for name, value in given(**query).items()}
    return {_DASHED.get(name, name): value for name, value in flags.items()}


_DASHED: Mapping[str, str] = {"dry_run": "dry-run", "auto_promote": "auto-promote"}


def _encoded(body: object) -> bytes:
    try:
        return json.dumps(body, default=_plain).encode()
    except (TypeError, ValueError) as err:
        raise ClientError(f"cannot send {body!r:.80}: {err}") from None


def _plain(value: object) -> object:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _trust(curl: pycurl.Curl, access: Access) -> None:
    curl.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
    curl.setopt(pycurl.SSL_VERIFYPEER, 0 if access.verify is False else 1)
    curl.setopt(pycurl.SSL_VERIFYHOST, 2 if access.verify_hostname and access.verify is not False else 0)
    if isinstance(access.verify, str):
        curl.setopt(pycurl.CAINFO, access.verify)
    if access.capath is not None:
        curl.setopt(pycurl.CAPATH, access.capath)


def _told(text: str) -> str:
    """Return what an error document says."""
    try:
        document = json.loads(text)
        parts = [str(document[key]) for key in ("message", "explain") if document.get(key)]
    except (ValueError, AttributeError, KeyError):
        return _shortened(text)
    return ": ".join(dict.fromkeys(parts)) or "no reason was given"


def _shortened(text: str) -> str:
    return text if len(text) <= _EXPLANATION else text[:_EXPLANATION] + "..."
