"""An HTTP session with an archive: bounded answers, no redirects, nothing of what is asked in a log."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from cxr_desktop.pacs.config import WebPeer
from cxr_desktop.pacs.credentials import close_session, web_session
from cxr_desktop.pacs.errors import NetworkError, PeerRefused, PeerUnreachable

if TYPE_CHECKING:
    from dicomweb_client.api import DICOMwebClient
    from requests import Response, Session

_POLL_S: Final = 0.05
_MEANINGS: Final = {
    400: "it does not understand the question",
    401: "it wants other credentials",
    403: "it does not allow this",
    404: "there is nothing of that name; check the url in the network file",
    413: "too many answers; narrow the search",
    503: "it is busy",
}


class Conversation:
    """A session with an archive, whose answers are bounded and which another thread can end.

    Parameters
    ----------
    peer, name
        The archive, and what a person calls it.
    stopped
        Asked often; True ends what is being received.
    body_bytes
        Longest body, decompressed; None is without a bound, for who counts itself.
    """

    def __init__(self, peer: WebPeer, name: str, *, stopped: Callable[[], bool], body_bytes: int | None) -> None:
        self._peer, self.name, self._stopped = peer, name, stopped
        self._limit = body_bytes
        self._halted = self._too_long = False
        self.warned = False
        """Whether the last answer came with a Warning, as one that is not complete does, PS3.18 8.3.4."""
        self._current: Any = None
        self._over = threading.Event()
        self.client: DICOMwebClient
        self._session: Session

    @contextmanager
    def open(self) -> Iterator[Conversation]:
        """Open it; every connection is closed at the end, in mid-answer too.

        Raises
        ------
        MissingExtra
            The packages are not installed.
        PeerUnreachable
            A file of credentials cannot be read.
        """
        self._session = web_session(self._peer)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _adapter(self._heard, self._admit))
        self.client = _client(self._peer, self._session)
        watcher = threading.Thread(target=self._watch, name="cxr-archive-watch", daemon=True)
        watcher.start()
        try:
            yield self
        finally:
            self._over.set()
            watcher.join()
            if self._current is not None:
                self._current.close()  # of a body that was not read to its end, no pool knows
            close_session(self._session)

    def halted(self) -> bool:
        """Whether it was stopped, once."""
        self._halted = self._halted or self._stopped()
        return self._halted

    @contextmanager
    def get(self, url: str, accept: str) -> Iterator[Response]:
        """Get what is at a URL; its body is read by who asks for it."""
        with self._session.get(
            url, headers={"Accept": accept}, stream=True, timeout=self._peer.timeout_seconds
        ) as response:
            response.raise_for_status()
            yield response

    def fault(self, error: Exception) -> NetworkError:
        """Say in a sentence what happened; the text of the library's own error may hold what was asked for."""
        refusal = self._refusal(error)
        if refusal:
            return PeerRefused(refusal)
        from requests import Timeout
        from requests.exceptions import SSLError

        where = f"{self.name} ({self._peer.url})"
        if isinstance(error, SSLError):
            what = "is not believed: its certificate is of no known authority. Name its file as authorities."
        elif isinstance(error, Timeout):
            what = f"was silent for {self._peer.timeout_seconds:g} s. Try again, or raise timeout_seconds."
        else:
            what = "cannot be reached, or ended the connection. Check that it runs, and its url."
        return PeerUnreachable(f"{where} {what}")

    def _refusal(self, error: Exception) -> str:
        """Say what it answered in place of what was asked for; empty where it did not answer."""
        from requests import HTTPError, TooManyRedirects
        from requests.exceptions import InvalidJSONError

        if self._too_long:
            return f"{self.name} sent a longer answer than is taken. Narrow the search."
        if isinstance(error, HTTPError) and error.response is not None:
            status = error.response.status_code
            meaning = f": {_MEANINGS[status]}" if status in _MEANINGS else ""
            return f"{self.name} refused (HTTP {status}{meaning})."
        if isinstance(error, TooManyRedirects):
            return f"{self.name} ({self._peer.url}) redirects to another place, where nothing is sent. Correct the url."
        if isinstance(error, InvalidJSONError) or not isinstance(error, OSError):
            return f"{self.name} ({self._peer.url}) answered in no DICOM JSON. Check that the url is DICOMweb's."
        return ""

    def _heard(self, raw: Any) -> None:  # noqa: ANN401  (urllib3's response)
        self._current = raw
        self.warned = bool(raw.headers.get("Warning"))

    def _admit(self, size: int) -> bool:
        """Whether a body may go on, of which so much came."""
        self._too_long = self._too_long or (self._limit is not None and size > self._limit)
        return not (self._too_long or self.halted())

    def _watch(self) -> None:
        """End what is being received when it is stopped, also while nothing comes."""
        while not self._over.wait(_POLL_S):
            if self.halted() and self._current is not None:
                _cut(self._current)
                return


class _Body:
    """A response's raw body for `requests`, asked of each piece whether it may go on."""

    def __init__(self, raw: Any, admit: Callable[[int], bool]) -> None:  # noqa: ANN401  (urllib3's response)
        self._raw, self._admit = raw, admit

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._raw, name)

    def stream(self, amount: int, *, decode_content: bool) -> Iterator[bytes]:
        size = 0
        for chunk in self._raw.stream(max(amount, 1 << 16), decode_content=decode_content):
            size += len(chunk)
            if not self._admit(size):
                raise OSError("the body is not wanted any further")
            yield chunk


def _adapter(heard: Callable[[Any], None], admit: Callable[[int], bool]) -> Any:  # noqa: ANN401  (requests' adapter)
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):  # here, as requests is not imported before it is needed
        def send(self, request: Any, *args: Any, **named: Any) -> Any:  # noqa: ANN401
            request.headers.pop("Host", None)  # dicomweb-client's lacks the port
            return super().send(request, *args, **named)

        def build_response(self, req: Any, resp: Any) -> Any:  # noqa: ANN401
            heard(resp)
            response = super().build_response(req, resp)
            response.raw = _Body(resp, admit)
            return response

    return Adapter()


def _cut(raw: Any) -> None:  # noqa: ANN401  (urllib3's response)
    """Shut the connection under whoever reads it."""
    with (
        contextlib.suppress(OSError, ValueError, AttributeError),
        socket.fromfd(raw.fileno(), socket.AF_INET, socket.SOCK_STREAM) as connection,
    ):
        connection.shutdown(socket.SHUT_RDWR)


def _client(peer: WebPeer, session: Session) -> DICOMwebClient:
    from dicomweb_client.api import DICOMwebClient

    client = DICOMwebClient(peer.url.rstrip("/"), session=session, permissive_uid=True, timeout=peer.timeout_seconds)
    client.set_http_retry_params(retry=False)
    return client
