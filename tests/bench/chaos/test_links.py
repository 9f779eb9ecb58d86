"""Links between a service and the broker, that can be cut silently or abruptly, and mended."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from bench.chaos.links import Links


def _echo(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_repeat, args=(connection,), daemon=True).start()


def _repeat(connection: socket.socket) -> None:
    with connection:
        while chunk := connection.recv(1024):
            connection.sendall(chunk)


@pytest.fixture
def links() -> Iterator[Links]:
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_echo, args=(server,), daemon=True).start()
    links = Links(["s1", "s2"], broker=server.getsockname()[1])
    yield links
    links.close()
    server.close()


def connect(links: Links, name: str = "s1", timeout: float = 10.0) -> socket.socket:
    port = int(links.url(name).rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout)


def said(connection: socket.socket, word: bytes) -> bytes:
    connection.sendall(word)
    return connection.recv(len(word), socket.MSG_WAITALL)


def test_a_whole_link_lets_everything_pass(links: Links) -> None:
    with connect(links) as connection:
        assert said(connection, b"x" * 100_000)[-3:] == b"xxx"


def test_a_silent_cut_holds_back_what_is_sent_and_mending_delivers_it(links: Links) -> None:
    with connect(links) as connection:
        assert said(connection, b"before") == b"before"
        links.cut("s1", abrupt=False)
        connection.sendall(b"during")
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(6)
        connection.settimeout(10)
        links.mend("s1")
        assert connection.recv(6, socket.MSG_WAITALL) == b"during"


def test_a_cut_of_one_link_is_none_of_another(links: Links) -> None:
    links.cut("s1", abrupt=False)
    with connect(links, "s2") as connection:
        assert said(connection, b"hello") == b"hello"


def test_an_abrupt_cut_breaks_connections_and_refuses_new_ones_until_it_is_mended(links: Links) -> None:
    with connect(links) as connection:
        assert said(connection, b"before") == b"before"
        links.cut("s1", abrupt=True)
        assert _broken(connection)
    with connect(links) as connection:
        assert _broken(connection)
    links.mend("s1")
    with connect(links) as connection:
        assert said(connection, b"after") == b"after"


def _broken(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True
