"""One HTTP request to IBKR: signed, paced, with a total deadline and a size cap (reference 1.2, 4.10, 5).

It sends through httpx's transport layer, which has no cookies, no redirects and no environment: an Authorization
header can go nowhere else. Reads may be repeated (`retries`); an order leaves exactly once (`send_once`).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec

from ibkr_tui.core.web.answer import Answer, AnswerLost, NotSent
from ibkr_tui.core.web.body import read_body
from ibkr_tui.core.web.course import Check, Course
from ibkr_tui.core.web.errors import is_no_session
from ibkr_tui.core.web.pacing import Calm, Pacing
from ibkr_tui.core.web.retries import Patience, is_worth_repeating, spread
from ibkr_tui.core.web.tls import tls_context
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError

USER_AGENT: Final = "ibkr-tui/1"
DEADLINE: Final = 10.0
EXCHANGE_S: Final = 3.0
"""Seconds of an order's deadline that are its exchange's own: what gets its turn later than that does not leave."""
IDLE_S: Final = 240.0
"""After so long without a call a tickle goes first: the brokerage session dies after five minutes (A-053, W-08)."""
BRIDGE_ATTEMPTS: Final = 6
BRIDGE_PAUSE: Final = 0.5
"""For a while after a brokerage session was opened there is still "no bridge" (reference 1.5)."""
_SKEW_EVERY: Final = 10.0
_KEPT_HEADERS: Final = ("content-type", "date", "retry-after")
_ORDINARY: Final = {
    "User-Agent": USER_AGENT,
    "Accept": "application/json",
    "Accept-Encoding": "gzip,deflate",
    "Connection": "keep-alive",
}
_LIMITS: Final = httpx.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=30.0)
# Shorter than any server keeps one: a connection that is closed under an order leaves its fate open (faults, R40).
_ORDER_LIMITS: Final = httpx.Limits(max_connections=10, max_keepalive_connections=2, keepalive_expiry=2.0)

Query = Sequence[tuple[str, str]]
_log = logging.getLogger(__name__)


class Signer(Protocol):
    """What the transport needs of the session's authenticator."""

    @property
    def epoch(self) -> int:
        """Counts the tokens: a request is signed under the present one."""
        ...

    async def authorize(self, method: str, url: str, query: Query) -> Mapping[str, str]:
        """The headers that prove who asks; `url` is without the query."""
        ...

    async def renew(self, seen: int) -> None:
        """Get a new token, unless the one of epoch `seen` has been replaced already."""
        ...


class Quiet(Calm, Protocol):
    """When a read may leave, and who is on the way."""

    @property
    def reason(self) -> str: ...

    def reading(self) -> AbstractContextManager[None]: ...


class _Outgoing(msgspec.Struct, frozen=True):
    """A request before it is signed."""

    method: str
    path: str
    query: Query
    content: bytes | None
    deadline: float
    harmless: bool = False
    """It voids no question: it need not wait for a calm moment."""
    beside: bool = False
    """Its path begins at the host's root, not at the API's."""


_PROBE: Final = _Outgoing("POST", "/iserver/auth/status", (), None, DEADLINE, harmless=True)
_TICKLE: Final = _Outgoing("POST", "/tickle", (), None, 3.0, harmless=True)


class Transport:
    """The one door to IBKR's REST API. `base_url` ends in /v1/api.

    The session sets two hooks: `on_no_session`, called when the broker has no brokerage session for us, and
    `on_renewed`, called after a refused signature brought a new token. Each opens a brokerage session.
    """

    def __init__(
        self,
        base_url: str,
        authenticator: Signer,
        clock: Clock,
        *,
        verify: bool = True,
        pacing: Pacing | None = None,
        jitter: Callable[[], float] = spread,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._origin = "{0.scheme}://{0.netloc}".format(urlsplit(self._base))
        self._authenticator = authenticator
        self._clock = clock
        self.pacing = pacing or Pacing(clock)
        self._jitter = jitter
        context = tls_context(verify=verify and self._base.startswith("https:"))
        self._reads = httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=_LIMITS)
        self._orders = httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=_ORDER_LIMITS)
        self.on_no_session: Callable[[], Awaitable[None]] | None = None
        self.on_renewed: Callable[[], Awaitable[None]] | None = None
        self.quiet: Quiet | None = None
        """Holds reads back while a question is open; the session's own calls pass."""
        self.latency_ms: float | None = None
        self.clock_skew_s: float | None = None
        self._skew_measured = -_SKEW_EVERY
        self._called: float | None = None
        self._waking = asyncio.Lock()
        self._renewing = asyncio.Lock()
        self._reopened = 0

    @property
    def generation(self) -> tuple[int, int]:
        """Changes when a new token was got or the brokerage session was opened again."""
        return self._authenticator.epoch, self._reopened

    async def aclose(self) -> None:
        """Close all connections."""
        await self._reads.aclose()
        await self._orders.aclose()

    async def get(self, path: str, query: Query = (), *, deadline: float = DEADLINE, settled: bool = True) -> Answer:
        """A read. Repeated once after a refused signature, a lost brokerage session or a dropped connection.

        When the network or the server failed, or after a penalty, it is asked again up to five times, as far as its
        deadline goes; then the last answer counts. `settled=False` is for the session's own calls: no renewal, no
        repetition. Raises BrokerError IBKR_UNAVAILABLE (no answer), IBKR_RATE_LIMITED (ours, before sending),
        IBKR_RESPONSE_INVALID (too large, broken encoding).
        """
        outgoing = _Outgoing("GET", path, query, None, deadline, not settled)
        return await self._within(outgoing, settled=settled, repeat=settled)

    async def post(
        self,
        path: str,
        body: Any = None,
        *,
        query: Query = (),
        deadline: float = DEADLINE,
        settled: bool = True,
        repeat: bool = False,
    ) -> Answer:
        """A POST that places no order. `repeat=True` says that it may be repeated as a read may. Raises as `get`."""
        outgoing = _Outgoing("POST", path, query, _encode(body), deadline, not settled)
        return await self._within(outgoing, settled=settled, repeat=settled and repeat)

    async def delete(self, path: str, query: Query = (), *, deadline: float = DEADLINE) -> Answer:
        """A DELETE that cancels no order. Raises as `get`."""
        return await self._within(_Outgoing("DELETE", path, query, None, deadline), settled=True, repeat=False)

    async def unsigned(
        self, method: str, path: str, headers: Mapping[str, str], *, deadline: float = DEADLINE
    ) -> Answer:
        """One attempt with the caller's own headers and no body: the call that mints a token. Raises as `get`."""
        try:
            async with asyncio.timeout(deadline), self.pacing.turn(method, path, deadline=deadline):
                return await self._exchange(self._reads, _Outgoing(method, path, (), None, deadline), headers)
        except TimeoutError:
            raise _no_answer(path, deadline) from None
        except httpx.HTTPError as error:
            raise _failed(path, error) from None

    async def beside(
        self, path: str, headers: Mapping[str, str], content: bytes, *, deadline: float = DEADLINE
    ) -> Answer:
        """One POST to a path of the same host that is not part of the API: the calls of an OAuth 2.0 login."""
        outgoing = _Outgoing("POST", path, (), content, deadline, beside=True)
        try:
            async with asyncio.timeout(deadline), self.pacing.turn("POST", path, deadline=deadline):
                return await self._exchange(self._reads, outgoing, headers)
        except TimeoutError:
            raise _no_answer(path, deadline) from None
        except httpx.HTTPError as error:
            raise _failed(path, error) from None

    async def send_once(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Query = (),
        deadline: float = DEADLINE,
        check: Check | None = None,
    ) -> Answer:
        """An order, a reply or a cancel: exactly one attempt, ahead of all reads, on connections of its own.

        `check` has the last word, after every wait: what it raises is a NotSent of the same code.
        Raises NotSent when no byte left, AnswerLost for everything after that.
        """
        course = Course(check)
        outgoing = _Outgoing(method, path, query, _encode(body), deadline)
        try:
            async with asyncio.timeout(deadline):
                await self._wake()
                async with self.pacing.turn(method, path, deadline=deadline - EXCHANGE_S, urgent=True):
                    headers = await self._authenticator.authorize(method, self._base + path, query)
                    return await self._exchange(self._orders, outgoing, headers, course)
        except TimeoutError:
            if course.proven_unsent:
                raise NotSent(f"no connection to IBKR within {deadline:g} s") from None
            raise AnswerLost(f"no answer from IBKR within {deadline:g} s") from None
        except httpx.HTTPError as error:
            if course.proven_unsent:
                raise NotSent(f"no connection to IBKR ({_kind(error)})") from None
            raise AnswerLost(f"the connection to IBKR failed before its answer was whole ({_kind(error)})") from None
        except BrokerError as error:
            if course.proven_unsent:
                raise NotSent(error.message, error.code) from None
            raise AnswerLost(error.message) from None

    async def _within(self, outgoing: _Outgoing, *, settled: bool, repeat: bool) -> Answer:
        patience = Patience(self._clock, outgoing.deadline, self._jitter)
        try:
            async with asyncio.timeout(outgoing.deadline):
                if settled:
                    await self._wake()
                return await (self._patiently(outgoing, patience) if repeat else self._signed(outgoing))
        except TimeoutError:
            if patience.answer is not None:
                return patience.answer
            raise self._late(outgoing) from None
        except httpx.HTTPError as error:
            raise _failed(outgoing.path, error) from None

    async def _wake(self) -> None:
        """Tickle first when nothing was asked for long. What becomes of it is the next call's matter."""
        if not self._dozes() and not self._waking.locked():
            return
        async with self._waking:
            if not self._dozes():
                return
            try:
                async with asyncio.timeout(_TICKLE.deadline):
                    await self._signed(_TICKLE)
            except (TimeoutError, httpx.HTTPError, BrokerError) as error:
                _log.info("the tickle after a pause failed: %s", type(error).__name__)

    def _dozes(self) -> bool:
        return self._called is not None and self._clock.monotonic() - self._called > IDLE_S

    async def _patiently(self, outgoing: _Outgoing, patience: Patience) -> Answer:
        """As `_repeated`, asked again while the server or the network fails."""
        while True:
            try:
                answer = patience.answer = await self._repeated(outgoing)
            except (httpx.NetworkError, httpx.ProtocolError, httpx.ConnectTimeout) as error:
                if _is_about_tls(error) or not await patience.wait():
                    raise
                continue
            except BrokerError as error:
                penalty = self.pacing.blocked_for
                if error.code != "IBKR_RATE_LIMITED" or not penalty or not await patience.wait(penalty):
                    raise
                continue
            if answer.status == 429:
                if await patience.wait(self.pacing.blocked_for):
                    continue
            elif is_worth_repeating(answer, outgoing.path) and await patience.wait():
                continue
            return answer

    async def _repeated(self, outgoing: _Outgoing) -> Answer:
        """As `_signed`, with one more attempt for each thing that stood in its way and is mended."""
        dropped = renewed = False
        bridgeless = 0
        while True:
            seen, session = self._authenticator.epoch, self.generation
            try:
                answer = await self._signed(outgoing)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                if dropped:
                    raise
                dropped = True  # a kept connection that the server closed; a read may be asked again
                continue
            if answer.status == 401 and not renewed:
                renewed = await self._renew(seen)
                if renewed:
                    continue
            elif is_no_session(answer) and self.on_no_session is not None and bridgeless < BRIDGE_ATTEMPTS:
                bridgeless += 1
                if bridgeless == 1 and session == self.generation:
                    await self.on_no_session()
                    self._reopened += 1
                else:
                    await self._clock.sleep(BRIDGE_PAUSE)
                continue
            return answer

    async def _renew(self, seen: int) -> bool:
        """Get a new token after a 401. False when the old one is good.

        A 401 is also the answer to an account that is not ours (reference 4.1), and a mint costs the brokerage session.
        """
        async with self._renewing:
            if self._authenticator.epoch != seen:
                return True
            if (await self._signed(_PROBE)).status != 401:
                return False
            await self._authenticator.renew(seen)
            if self.on_renewed is not None:
                await self.on_renewed()
            return True

    async def _signed(self, outgoing: _Outgoing) -> Answer:
        method, path = outgoing.method, outgoing.path
        quiet = None if outgoing.harmless else self.quiet
        async with self.pacing.turn(method, path, deadline=outgoing.deadline, calm=quiet):
            with quiet.reading() if quiet is not None else nullcontext():
                headers = await self._authenticator.authorize(method, self._base + path, outgoing.query)
                return await self._exchange(self._reads, outgoing, headers)

    def _late(self, outgoing: _Outgoing) -> BrokerError:
        """The deadline is over: nobody answered, or the request was held back."""
        if outgoing.harmless or self.quiet is None or not self.quiet.reason:
            return _no_answer(outgoing.path, outgoing.deadline)
        return BrokerError(
            "IBKR_UNAVAILABLE",
            self.quiet.reason,
            user_action="Reads wait meanwhile. Answer the question, then try again.",
            details={"path": outgoing.path},
        )

    async def _exchange(
        self,
        connections: httpx.AsyncHTTPTransport,
        outgoing: _Outgoing,
        headers: Mapping[str, str],
        course: Course | None = None,
    ) -> Answer:
        """One request and its whole answer. Raises httpx.HTTPError, or BrokerError for a body that is refused."""
        query = f"?{urlencode(outgoing.query, quote_via=quote)}" if outgoing.query else ""
        extensions: dict[str, Any] = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), outgoing.deadline)}
        if course is not None:
            extensions["trace"] = course
        sent = {**_ORDINARY, **headers}
        if outgoing.content is not None:
            sent.setdefault("Content-Type", "application/json")
        url = (self._origin if outgoing.beside else self._base) + outgoing.path + query
        request = httpx.Request(outgoing.method, url, headers=sent, content=outgoing.content, extensions=extensions)
        begin = self._called = self._clock.monotonic()
        if course is not None:
            course.entrusted()
        response = await _handle(connections, request, course)
        try:
            body = await read_body(response)
        finally:
            await response.aclose()
        elapsed = (self._clock.monotonic() - begin) * 1000
        self._measure(response, elapsed)
        kept = {name: response.headers[name][:200] for name in _KEPT_HEADERS if name in response.headers}
        if response.status_code == 429:
            self.pacing.refused(kept.get("retry-after"))
        return Answer(response.status_code, body, kept, elapsed)

    def _measure(self, response: httpx.Response, elapsed: float) -> None:
        self.latency_ms = elapsed if self.latency_ms is None else 0.8 * self.latency_ms + 0.2 * elapsed
        now = self._clock.monotonic()
        if now - self._skew_measured < _SKEW_EVERY:
            return
        try:
            at = parsedate_to_datetime(response.headers["date"])
            self.clock_skew_s = (at - self._clock.now()).total_seconds() + elapsed / 2000 + 0.5
        except (KeyError, ValueError, TypeError):
            return
        self._skew_measured = now


async def _handle(
    connections: httpx.AsyncHTTPTransport, request: httpx.Request, course: Course | None
) -> httpx.Response:
    try:
        return await connections.handle_async_request(request)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
        if course is not None:
            course.proven_unsent = True
        raise


def _encode(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    return msgspec.json.encode(body)


def _no_answer(path: str, deadline: float) -> BrokerError:
    return BrokerError("IBKR_UNAVAILABLE", f"no answer from IBKR within {deadline:g} s", details={"path": path})


def _failed(path: str, error: httpx.HTTPError) -> BrokerError:
    return BrokerError("IBKR_UNAVAILABLE", f"no connection to IBKR ({_kind(error)})", details={"path": path})


def _is_about_tls(error: BaseException | None) -> bool:
    """Whether TLS failed: a certificate that nobody vouches for is none the next time either."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _kind(error: httpx.HTTPError) -> str:
    """The kind of failure, without its text: that can hold the URL and the platform's own words."""
    return type(error).__name__
