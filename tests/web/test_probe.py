import asyncio, time, json, logging, socket, struct
from pathlib import Path
import pytest
from tests.web.running import *

def head(g, extra=""):
    return (f"GET /twilio/media HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Twilio-Signature: {g.upgrade_signature()}\r\n"+extra+"\r\n").encode()
@pytest.mark.asyncio
async def test_headers(tmp_path: Path, caplog) -> None:
    async with running(tmp_path, start_timeout_s=0.2) as g:
        state = g.server.server_state
        print("tasks", len(state.tasks), len(state.connections))
        extra = "".join(f"X-Pad-{i}: {'y'*1000}\r\n" for i in range(60))
        r,w = await asyncio.open_connection("127.0.0.1", g.settings.port)
        w.write(head(g, extra))
        print((await asyncio.wait_for(r.read(300),2))[:80])
        w.close()
        await asyncio.sleep(0.5)
        print("tasks", len(state.tasks), len(state.connections))
        for i in range(20):
            s = socket.create_connection(("127.0.0.1", g.settings.port))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii",1,0))
            s.sendall(head(g))
            s.close()
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        print("tasks", len(state.tasks), len(state.connections))
        for i in range(20):
            s = socket.create_connection(("127.0.0.1", g.settings.port))
            s.sendall(head(g))
            s.close()
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        print("tasks", len(state.tasks), len(state.connections))
        # peculiar handshake: http 1.0? duplicate key
        for extra in ["Sec-WebSocket-Protocol: a\r\n", "Sec-WebSocket-Extensions: permessage-deflate\r\n", "Sec-WebSocket-Extensions: \xe9\r\n","X-Latin: \xe9\xff\r\n", "Content-Length: 5\r\n"]:
            r,w = await asyncio.open_connection("127.0.0.1", g.settings.port)
            w.write(head(g, extra))
            try: print(repr(extra), (await asyncio.wait_for(r.read(300),1)))
            except TimeoutError: print("TO")
            w.close()
            await asyncio.sleep(0.3)
            print("tasks", len(state.tasks), len(state.connections))
        print(g.reception.rejections)
        print("RECORDS", [(x.name, x.levelname, x.getMessage(), bool(x.exc_info)) for x in caplog.records])
