"""A camera for tests: an RTSP 1.0 server (RFC 2326) that plays an H.264 file round and round in real time.

RTP goes interleaved over the RTSP connection, packed by FFmpeg's own muxer. It can be cut off and come back on the same
port. Beside the pictures it sends sound (8 kHz of silence), which goes on when they stop or can't be decoded.
"""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av

__all__ = ["RtspCamera"]

HOST = "127.0.0.1"
_SOUND_S = Fraction(1, 50)
_KEPT = 14
"""Of a garbled packet: the RTP header, and by which a receiver knows what kind of slice it is."""


class RtspCamera:
    """`with RtspCamera(file) as camera: camera.url`."""

    def __init__(self, video: Path, *, port: int = 0, user: str = "") -> None:
        self._video, self._user = video, user
        with socket.socket() as probe:
            probe.bind((HOST, port))
            self.port: int = probe.getsockname()[1]
        self.url = f"rtsp://{f'{user}:pw@' if user else ''}{HOST}:{self.port}/cam"
        self.played = 0
        """How often somebody began to play."""
        self.pictures: Literal["whole", "none", "garbled"] = "whole"
        self._listener: socket.socket | None = None
        self._clients: list[socket.socket] = []

    def __enter__(self) -> RtspCamera:
        self.switch_on()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def switch_on(self) -> None:
        """Listen, again if need be."""
        self._listener = socket.create_server((HOST, self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Hang up on everybody and refuse connections, as a camera does that lost its power."""
        listener, self._listener = self._listener, None
        for one in [*([listener] if listener else []), *self._clients]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._clients = []

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self._clients.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            stream = client.makefile("rb")
            while line := stream.readline():
                if line.startswith(b"$"):
                    continue  # what the client tells of its reception
                verb = line.split()[0].decode(errors="replace")
                headers = {}
                while (line := stream.readline().strip()) and b":" in line:
                    key, _, value = line.decode().partition(":")
                    headers[key.lower()] = value.strip()
                self._answer(client, verb, headers)

    def _answer(self, client: socket.socket, verb: str, headers: dict[str, str]) -> None:
        status, more, body = "200 OK", "", ""
        if verb == "OPTIONS":
            more = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif self._user and "authorization" not in headers:
            _send(
                client,
                f'RTSP/1.0 401 Unauthorized\r\nCSeq: {headers["cseq"]}\r\nWWW-Authenticate: Basic realm="c"\r\n\r\n',
            )
            return
        elif verb == "DESCRIBE":
            body = _describe(self._video)
            base = f"rtsp://{HOST}:{self.port}/cam/"
            more = f"Content-Base: {base}\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        elif verb == "SETUP":
            more = f"Transport: {headers['transport']}\r\nSession: 1\r\n"
        elif verb == "PLAY":
            more = "Session: 1\r\n"
        _send(client, f"RTSP/1.0 {status}\r\nCSeq: {headers['cseq']}\r\n{more}\r\n{body}")
        if verb == "PLAY":
            self.played += 1
            threading.Thread(target=self._play, args=(client,), daemon=True).start()

    def _play(self, client: socket.socket) -> None:
        """Send until the client is gone."""
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as loop,
            contextlib.suppress(OSError, av.FFmpegError),
        ):
            loop.bind((HOST, 0))
            loop.setblocking(False)
            with av.open(f"rtp://{HOST}:{loop.getsockname()[1]}", "w", format="rtp") as out:
                self._mux(out, loop, client)

    def _mux(self, out: av.container.OutputContainer, loop: socket.socket, client: socket.socket) -> None:
        began, offset, sender, next_sound = time.monotonic(), Fraction(0), None, 0
        while True:
            with av.open(str(self._video)) as source:
                stream = source.streams.video[0]
                sender = sender or out.add_stream_from_template(stream)
                base = stream.time_base or Fraction(1, 1000)
                for packet in source.demux(stream):
                    if packet.dts is None:
                        continue
                    at = offset + packet.dts * base
                    time.sleep(max(0.0, float(at) - (time.monotonic() - began)))
                    packet.pts = int(((packet.pts or 0) * base + offset) / base)
                    packet.dts, packet.stream = int(at / base), sender
                    out.mux(packet)
                    self._forward(loop, client)
                    while next_sound * _SOUND_S < at:
                        _send_sound(client, next_sound)
                        next_sound += 1
                offset += Fraction(stream.frames) / (stream.average_rate or 25)

    def _forward(self, loop: socket.socket, client: socket.socket) -> None:
        """RTP packets that the muxer has sent to itself go to the client, framed."""
        while True:
            try:
                packet = loop.recv(65536)
            except BlockingIOError:
                return
            if self.pictures == "garbled":
                packet = packet[:_KEPT] + bytes(len(packet) - _KEPT)
            if self.pictures != "none":
                client.sendall(b"$\x00" + len(packet).to_bytes(2, "big") + packet)


def _send(client: socket.socket, text: str) -> None:
    client.sendall(text.encode())


def _send_sound(client: socket.socket, number: int) -> None:
    """One RTP packet (RFC 3550) of silence."""
    samples = int(8000 * _SOUND_S)
    header = (
        b"\x80\x00" + (number % 65536).to_bytes(2, "big") + (number * samples).to_bytes(4, "big") + b"dsb1"
    )
    packet = header + b"\xff" * samples
    client.sendall(b"$\x02" + len(packet).to_bytes(2, "big") + packet)


def _describe(video: Path) -> str:
    """The SDP of an H.264 file."""
    with av.open(str(video)) as source:
        extra = source.streams.video[0].codec_context.extradata or b""
    sets, place = [], 5
    for mask in (0x1F, 0xFF):  # the avcC record: sequence parameter sets, then picture parameter sets
        count, place = extra[place] & mask, place + 1
        for _ in range(count):
            size = int.from_bytes(extra[place : place + 2], "big")
            sets.append(base64.b64encode(extra[place + 2 : place + 2 + size]).decode())
            place += 2 + size
    return re.sub(
        "\n",
        "\r\n",
        f"v=0\no=- 0 0 IN IP4 {HOST}\ns=camera\nc=IN IP4 {HOST}\nt=0 0\na=control:*\nm=video 0 RTP/AVP 96\n"
        "a=rtpmap:96 H264/90000\na=control:trackID=0\n"
        f"a=fmtp:96 packetization-mode=1; sprop-parameter-sets={','.join(sets)}\n"
        "m=audio 0 RTP/AVP 0\na=rtpmap:0 PCMU/8000\na=control:trackID=1\n",
    )
