"""The asynchronous half of `queueops.transport`: libcurl under kombu's event loop, repaired so that every poll ends."""

import json
from typing import Any

import pycurl
from kombu.asynchronous.aws.connection import AsyncHTTPSConnection
from kombu.asynchronous.aws.sqs.connection import AsyncSQSConnection
from kombu.asynchronous.http.curl import CurlClient

from queueops import sqs

# The published stubs of kombu know half of these classes.
_CurlClient: Any = CurlClient
_HttpConnection: Any = AsyncHTTPSConnection
_SqsConnection: Any = AsyncSQSConnection


class CurlPoller(_CurlClient):  # type: ignore[misc] # as said above
    """kombu's client of libcurl, with the timer in seconds, and a way to stop without losing an answer."""

    _timer: Any = None

    def _set_timeout(self, msecs: int) -> None:
        # libcurl has one timer, sets it anew with every call, and deletes it with -1.
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.hub.call_later(msecs / 1000, self._timeout_check) if msecs >= 0 else None

    def _timeout_check(self) -> None:
        self._on_event(pycurl.SOCKET_TIMEOUT, 0)  # in place of socket_all, which libcurl has given up

    def abandon(self) -> None:
        """Read what has arrived, then cut off what is still open, so that no message is sent to nobody."""
        if self._closed:
            return
        for socket in list(self._fds):
            self._on_event(socket, 0)  # 0: libcurl looks itself what the socket has
        self._pop_from_hub()
        for curl in self._curls:
            if getattr(curl, "info", None):
                self._multi.remove_handle(curl)
                curl.info = None
                self._free_list.append(curl)
        self._push_to_hub()


class _TimedRequest(_HttpConnection):  # type: ignore[misc] # as said above
    """One call that ends: kombu notes time-outs in its request, and never tells libcurl."""

    def getrequest(self) -> Any:
        request = super().getrequest()
        request.on_prepare = self._limit
        return request

    def _limit(self, curl: pycurl.Curl) -> None:
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.CONNECTTIMEOUT, sqs.CONNECT_SECONDS)
        curl.setopt(pycurl.TIMEOUT, int(self.timeout))


class PollConnection(_SqsConnection):  # type: ignore[misc] # as said above
    """Polls, and hands on every answer or failure; `seconds` is the longest that one may take."""

    seconds: int

    def get_http_connection(self) -> _TimedRequest:
        return _TimedRequest(timeout=self.seconds, http_client=self._httpclient)

    def _on_list_ready(self, parent: Any, _markers: Any, operation: str, response: Any) -> Any:
        # A failure must be told from an empty queue: kombu turns 5xx and broken connections into an empty list, and
        # the SDK takes a page of HTML from something between for an answer without messages.
        if response.status == self.STATUS_CODE_OK and not isinstance(json.loads(response.read()), dict):
            raise TypeError("the answer is no JSON object")
        return self._on_obj_ready(parent, operation, response)
