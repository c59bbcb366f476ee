#!/usr/bin/env python3
"""A TCP proxy that breaks connections, and counts what it passes on.

cutting_proxy.py PORT TARGET LOG CUT…   CUT is BYTES:HOW: after so many bytes from clients, all connections taken
together, the one that brought them is broken. HOW is
  both    reset on the client's side, closed on the other
  silent  reset on the client's side, while the other one stays open and says nothing more, as when a cable was pulled
  hold    (the only CUT then) BYTES towards a client pass on each connection, then nothing more
LOG gets the bytes passed on to the target, after each change; "up" when it listens."""
import os
import socket
import struct
import sys
import threading

PORT, TARGET, LOG = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
CUTS = [(int(cut.split(":")[0]), cut.split(":")[1]) for cut in sys.argv[4:]]
HOLD = CUTS.pop()[0] if CUTS and CUTS[0][1] == "hold" else None
lock = threading.Lock()
passed = 0
kept = []  # connections that are never closed


def log(text):
    with open(LOG + ".new", "w") as out:
        out.write(text + "\n")
    os.rename(LOG + ".new", LOG)


def count(size):
    """How many of the next bytes may pass, and how the connection is broken then."""
    global passed
    with lock:
        how = None
        if CUTS and passed + size >= CUTS[0][0]:
            limit, how = CUTS.pop(0)
            size = max(limit - passed, 0)
        passed += size
        log(str(passed))
    return size, how


def quietly(function, *arguments):
    try:
        function(*arguments)
    except OSError:
        pass


def reset(connection):
    quietly(connection.setsockopt, socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def upwards(client, server):
    while True:
        try:
            data = client.recv(65536)
        except OSError:
            data = b""
        if not data:
            break
        size, how = count(len(data))
        quietly(server.sendall, data[:size])
        if how == "silent":
            kept.append(server)
        if how:
            break
    if server not in kept:
        quietly(server.shutdown, socket.SHUT_RDWR)
    quietly(client.shutdown, socket.SHUT_RDWR)
    reset(client)


def downwards(client, server):
    left = HOLD
    try:
        while data := server.recv(65536 if left is None else min(left, 65536)):
            client.sendall(data)
            if left is not None:
                left -= len(data)
                if left == 0:
                    threading.Event().wait()
        client.shutdown(socket.SHUT_WR)
    except OSError:
        pass


listener = socket.create_server(("127.0.0.1", PORT))
log("up")
while True:
    client, _ = listener.accept()
    server = socket.create_connection(("127.0.0.1", TARGET))
    for way in (upwards, downwards):
        threading.Thread(target=way, args=(client, server), daemon=True).start()
