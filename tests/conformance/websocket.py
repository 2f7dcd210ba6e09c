"""Lets a client that knows only TCP speak to a WebSocket: each connection becomes one of the
subprotocol `mqtt` (RFC 6455), each read one binary message."""

import asyncio, base64, os

CONTINUATION, BINARY, CLOSE, PING, PONG = 0, 2, 8, 9, 10


async def serve(host, port):
    """Listens on a free port, and gives it, for the WebSocket at `host`:`port`/mqtt."""
    listener = await asyncio.start_server(lambda *client: bridge(host, port, *client), "127.0.0.1", 0)
    return listener, listener.sockets[0].getsockname()[1]


async def bridge(host, port, client_reader, client_writer):
    reader, writer = await upgrade(host, port)
    sending = asyncio.ensure_future(to_socket(client_reader, writer))
    receiving = asyncio.ensure_future(to_client(reader, writer, client_writer))
    await asyncio.wait([sending, receiving], return_when=asyncio.FIRST_COMPLETED)
    if not sending.done():
        # The client may still have to read the last words: it closes when it has.
        client_writer.write_eof()
        await asyncio.wait([sending], timeout=5)
    for task in (sending, receiving):
        task.cancel()
    await asyncio.gather(sending, receiving, return_exceptions=True)
    writer.close()
    client_writer.close()


async def upgrade(host, port):
    reader, writer = await asyncio.open_connection(host, port)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /mqtt HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Protocol: mqtt\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 101"):
        raise ConnectionError(head.decode())
    return reader, writer


async def to_socket(client, writer):
    while chunk := await client.read(4096):
        if not writer.is_closing():
            writer.write(message(BINARY, chunk))


async def to_client(reader, writer, client):
    while True:
        first, second = await reader.readexactly(2)
        length = second & 0x7F
        if length > 125:
            length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
        payload = await reader.readexactly(length)
        kind = first & 0x0F
        if kind in (CONTINUATION, BINARY):
            client.write(payload)
            await client.drain()
        elif kind == PING:
            writer.write(message(PONG, payload))
        elif kind == CLOSE:
            return


def message(kind, payload):
    """One frame, masked as a client's must be."""
    length = len(payload)
    if length < 126:
        size = bytes([0x80 | length])
    elif length < 1 << 16:
        size = bytes([0x80 | 126]) + length.to_bytes(2, "big")
    else:
        size = bytes([0x80 | 127]) + length.to_bytes(8, "big")
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload))
    return bytes([0x80 | kind]) + size + mask + masked
