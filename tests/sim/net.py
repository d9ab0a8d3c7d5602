"""The network in memory: who listens where, how long bytes travel, and what goes wrong.

Owns: Network: addresses, connecting, the seeded latency of every segment, the faults that a test
asks for by port, and the trace of all that travelled. What an end of a connection promises is in
`transport`.

A direction keeps its order whatever happens. The faults are those of a network, not of a
gateway: twsim has its own.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import random
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import copy_context
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any, Final

from sim.process import Process, current_process
from sim.transport import Address, Endpoint, Item, Mark, SimSocket

FIRST_FREE_PORT: Final = 40_000
TRACE_FRAMES_MAX: Final = 10_000
SEGMENT_BYTES_MAX: Final = 64 * 1024
LATENCY_SECONDS: Final = (0.0001, 0.002)  # between two programs of one machine
SYN_SECONDS: Final = 127.0  # how long Linux tries to connect to whom it does not hear
_ANY: Final = frozenset({"", "0.0.0.0"})  # noqa: S104 - names nobody can reach from outside


class Way(Enum):
    """A direction of a connection, and of what is lost on it."""

    TO_SERVER = "to server"
    TO_CLIENT = "to client"


BOTH: Final = (Way.TO_SERVER, Way.TO_CLIENT)


@dataclass(frozen=True, slots=True)
class Segment:
    """What left an endpoint: when, in virtual seconds, on which connection, which way."""

    at: float
    connection: int
    way: Way
    item: Item


class _Connection:
    """Two endpoints, and what is on its way between them or kept back, in order."""

    client: Endpoint
    server: Endpoint

    def __init__(self, network: Network, number: int, port: int) -> None:
        self.number = number
        self.port = port
        self.held: list[tuple[Endpoint, Item]] = []
        self.is_severed = False
        self._network = network
        self._arrives_at = dict.fromkeys(BOTH, 0.0)

    @property
    def ends(self) -> tuple[Endpoint, Endpoint]:
        """Both endpoints."""
        return self.client, self.server

    def carry(self, sender: Endpoint, item: Item) -> None:
        """Take an item to the other end, after what was sent before it, unless it is lost."""
        way = self._way_of(sender)
        self._network.note(self.number, way, item)
        if self.is_severed:
            return
        if self._network.loses(self.port, way):
            self.held.append((sender, item))
        else:
            self.send(sender, item)

    def send(self, sender: Endpoint, item: Item) -> None:
        """Let an item arrive, after what was sent before it."""
        way = self._way_of(sender)
        at = max(self._network.arrival(), self._arrives_at[way])
        self._arrives_at[way] = at
        peer = sender.peer
        self._network.loop.call_at(at, self._bring, peer, item, context=peer.context)

    def sever(self) -> None:
        """Let nothing through any more, what is on its way included."""
        self.is_severed = True

    def piece_bytes(self) -> int:
        """Return how large the next segment may be."""
        return self._network.piece_bytes()

    def forget(self, endpoint: Endpoint) -> None:
        """Know that an endpoint is gone; what it sent is still on its way."""
        if endpoint.peer.is_gone and not self.held:
            self._network.forget(self.number)

    def _bring(self, receiver: Endpoint, item: Item) -> None:
        if not self.is_severed:
            receiver.arrive(item)

    def _way_of(self, sender: Endpoint) -> Way:
        return Way.TO_SERVER if sender is self.client else Way.TO_CLIENT


@dataclass(slots=True)
class _Port:
    """What is wrong with a port."""

    is_refusing: bool = False
    lost: frozenset[Way] = frozenset()
    healed: asyncio.Event = field(default_factory=asyncio.Event)


class Listener(asyncio.AbstractServer):
    """A server; as asyncio's, it leaves the connections that it accepted to themselves."""

    def __init__(
        self, network: Network, factory: Callable[[], asyncio.BaseProtocol], sock: SimSocket
    ) -> None:
        self.factory = factory
        self.context = copy_context()
        self.process = current_process()
        self._network = network
        self._socket = sock
        self._is_open = True
        self._closed = asyncio.Event()

    @property
    def sockets(self) -> tuple[SimSocket, ...]:
        """The socket it listens on, none once it is closed."""
        return (self._socket,) if self._is_open else ()

    @property
    def address(self) -> Address:
        """Where it listens."""
        return self._socket.getsockname()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop."""
        return self._network.loop

    def is_serving(self) -> bool:
        """Tell whether connections are accepted."""
        return self._is_open and self._network.serves(self)

    async def start_serving(self) -> None:
        """Accept connections."""
        self._socket.listen()
        self._network.serve(self)

    async def serve_forever(self) -> None:
        """Accept connections until cancelled."""
        await self.start_serving()
        try:
            await self._closed.wait()
        finally:
            self.close()

    def close(self) -> None:
        """Accept no more."""
        if self._is_open:
            self._is_open = False
            self._network.leave(self)
            self._socket.close()
            self._closed.set()

    async def wait_closed(self) -> None:
        """Return at once: nothing is left to wait for."""
        await asyncio.sleep(0)


class Network:
    """Every listener and connection of one loop.

    `latency` is in seconds, from and to. Where `piece_bytes_max` is given, what is written
    arrives in pieces of a random size up to it. Whoever may `watch` is told of whatever leaves an
    endpoint, be it lost or not.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, chance: random.Random) -> None:
        self.loop = loop
        self.latency = LATENCY_SECONDS
        self.piece_bytes_max: int | None = None
        self.trace: deque[Segment] = deque(maxlen=TRACE_FRAMES_MAX)
        self.watch: Callable[[Segment], None] | None = None
        self._hash = hashlib.sha256()
        self._chance = chance
        self._names: dict[Address, SimSocket] = {}
        self._listeners: dict[Address, Listener] = {}
        self._connections: dict[int, _Connection] = {}
        self._ports: dict[int, _Port] = {}
        self._connected = 0
        self._next_port = FIRST_FREE_PORT

    def digest(self) -> str:
        """Return a hash of all that ever left an endpoint, and when."""
        return self._hash.hexdigest()

    # What a test asks for.

    def drop(self, port: int, *, resets: bool = True) -> None:
        """Cut every connection of a port now, by a reset to both ends or by an end to both."""
        for connection in self._of_port(port):
            if resets:
                connection.sever()
            for end in connection.ends:
                if resets:
                    self.loop.call_soon(end.arrive, Mark.RST, context=end.context)
                else:
                    end.finish()

    def refuse(self, port: int) -> None:
        """Refuse new connections of a port, though somebody listens."""
        self._port(port).is_refusing = True

    def black_hole(self, port: int, ways: Iterable[Way] = BOTH) -> None:
        """Let what is sent these ways vanish, the end of a connection included.

        Half-open connections are of this: nobody learns anything but by waiting.
        """
        self._port(port).lost |= frozenset(ways)

    def heal(self, port: int, *, delivers: bool = True) -> None:
        """Undo refusals and black holes of a port.

        What vanished arrives now, as TCP sends again what nobody confirmed; or else the
        connections that lost something stay dead, and nobody is told.
        """
        healed = self._ports.pop(port, None)
        for connection in self._of_port(port):
            held, connection.held = connection.held, []
            if held and not delivers:
                connection.sever()
            for sender, item in held:
                connection.send(sender, item)
            if all(end.is_gone for end in connection.ends):
                self.forget(connection.number)
        if healed is not None:
            healed.healed.set()

    def kill(self, process: Process) -> None:
        """Let the sockets of a process end with it: what it had sent arrives, then a reset."""
        for listener in tuple(self._listeners.values()):
            if listener.process is process:
                listener.close()
        for connection in tuple(self._connections.values()):
            for end in connection.ends:
                if end.process is process:
                    end.vanish()

    # What the loop asks for.

    def reserve(self, host: str | None, port: int) -> SimSocket:
        """Return a socket with an address of its own. Raises OSError where it is taken."""
        name = (_plain(host), port or self._free_port())
        if name in self._names:
            raise OSError(errno.EADDRINUSE, f"error while attempting to bind on address {name}")
        sock = self._names[name] = SimSocket(name)
        sock.on_close = partial(self._names.pop, name, None)
        return sock

    def listener(
        self, factory: Callable[[], asyncio.BaseProtocol], sock: SimSocket
    ) -> Listener:
        """Return a server that does not accept yet."""
        return Listener(self, factory, sock)

    def serve(self, listener: Listener) -> None:
        """Let a server accept."""
        self._listeners[listener.address] = listener

    def serves(self, listener: Listener) -> bool:
        """Tell whether a server accepts."""
        return self._listeners.get(listener.address) is listener

    def leave(self, listener: Listener) -> None:
        """Let a server accept no more."""
        if self.serves(listener):
            del self._listeners[listener.address]

    async def connect(
        self, factory: Callable[[], asyncio.BaseProtocol], host: str | None, port: int
    ) -> tuple[asyncio.Transport, Any]:
        """Connect. Raises ConnectionRefusedError, or TimeoutError after two minutes."""
        address, process = (_plain(host), port), current_process()
        await self._travel(Way.TO_SERVER, port)
        if process is not None and process.is_dead:
            raise ConnectionAbortedError(errno.ECONNABORTED, f"{process.name} is dead")
        connection = self._accept(address)
        try:
            await self._travel(Way.TO_CLIENT, port)
            protocol = factory()
            connection.client.attach(protocol)
            await asyncio.sleep(0)  # connection_made comes before whoever connected goes on
        except BaseException:
            connection.client.abort()
            raise
        return connection.client, protocol

    async def _travel(self, way: Way, port: int) -> None:
        """Let half of a handshake travel, for as long as it takes the way to be open."""
        await asyncio.sleep(self._chance.uniform(*self.latency))
        try:
            async with asyncio.timeout(SYN_SECONDS):
                while self.loses(port, way):
                    await self._ports[port].healed.wait()
        except TimeoutError:
            raise TimeoutError(errno.ETIMEDOUT, "Connection timed out") from None

    def _accept(self, address: Address) -> _Connection:
        listener = self._listening(address)
        if listener is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"Connect call failed {address}")
        ours = ("127.0.0.1", self._free_port())
        self._connected += 1
        connection = _Connection(self, self._connected, address[1])
        here, there = copy_context(), listener.context.copy()
        client = Endpoint(
            self.loop,
            connection,
            names=(ours, address),
            context=here,
            process=current_process(),
        )
        server = Endpoint(
            self.loop,
            connection,
            names=(address, ours),
            context=there,
            process=listener.process,
        )
        client.peer, server.peer = server, client
        connection.client, connection.server = client, server
        self._connections[connection.number] = connection
        server.attach(there.run(listener.factory))
        return connection

    def _listening(self, address: Address) -> Listener | None:
        wrong = self._ports.get(address[1])
        if wrong is not None and wrong.is_refusing:
            return None
        names = (address, *((any_host, address[1]) for any_host in sorted(_ANY)))
        return next((self._listeners[name] for name in names if name in self._listeners), None)

    # What connections ask for.

    def note(self, connection: int, way: Way, item: Item) -> None:
        """Write down what leaves an endpoint."""
        segment = Segment(self.loop.time(), connection, way, item)
        self.trace.append(segment)
        data = item if isinstance(item, bytes) else item.value.encode()
        line = f"{segment.at!r} {connection} {way.value} {len(data)} "
        self._hash.update(line.encode() + data)
        if self.watch is not None:
            self.watch(segment)

    def loses(self, port: int, way: Way) -> bool:
        """Tell whether what is sent this way vanishes."""
        wrong = self._ports.get(port)
        return wrong is not None and way in wrong.lost

    def arrival(self) -> float:
        """Return when a segment that leaves now arrives, on the loop's clock."""
        return self.loop.time() + self._chance.uniform(*self.latency)

    def piece_bytes(self) -> int:
        """Return how large the next segment may be."""
        if self.piece_bytes_max is None:
            return SEGMENT_BYTES_MAX
        return self._chance.randint(1, self.piece_bytes_max)

    def forget(self, connection: int) -> None:
        """Know that both ends of a connection are gone."""
        self._connections.pop(connection, None)

    def _of_port(self, port: int) -> list[_Connection]:
        return [each for each in self._connections.values() if each.port == port]

    def _port(self, port: int) -> _Port:
        return self._ports.setdefault(port, _Port())

    def _free_port(self) -> int:
        self._next_port += 1
        return self._next_port - 1


def _plain(host: str | None) -> str:
    return "127.0.0.1" if host == "localhost" else host or ""
