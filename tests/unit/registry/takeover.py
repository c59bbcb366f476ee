#!/usr/bin/env python3
"""An upload whose connection broke, or only seems to live, is gone on with on another. Arguments: URL, user:token."""
import base64
import hashlib
import http.client
import socket
import sys
import time
import urllib.parse

HOST, PORT = urllib.parse.urlsplit(sys.argv[1]).netloc.split(":")
AUTHORIZATION = "Basic " + base64.b64encode(sys.argv[2].encode()).decode()
DATA = bytes(range(256)) * 4096  # one MiB
HALF = len(DATA) // 2


def call(method, path, body=b"", headers=None):
    connection = http.client.HTTPConnection(HOST, int(PORT), timeout=20)
    connection.request(method, path, body, dict(headers or {}, Authorization=AUTHORIZATION))
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, answer.headers, text


def expect(wanted, got, what):
    if wanted != got:
        sys.exit("%s: %r, and not %r" % (what, got, wanted))


def begin():
    status, headers, _ = call("POST", "/v2/regid/taken/blobs/uploads/")
    expect(202, status, "POST")
    return headers["Location"]


def send_half(path):
    """A PATCH that announces all and brings half."""
    connection = socket.create_connection((HOST, int(PORT)))
    connection.sendall(("PATCH %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n" % (
        path, AUTHORIZATION, len(DATA))).encode() + DATA[:HALF])
    return connection


def finish(path, start):
    status, headers, text = call("PATCH", path, DATA[start:], {"Content-Range": "%d-%d" % (start, len(DATA) - 1)})
    expect(202, status, "PATCH of the rest: %s" % text)
    status, headers, text = call("PUT", path + "?digest=sha256:" + hashlib.sha256(DATA).hexdigest())
    expect(201, status, "PUT: %s" % text)


def ask_until_free(path, limit):
    began = time.monotonic()
    while True:
        status, headers, _ = call("GET", path)
        if status == 409:
            expect("1", headers["Retry-After"], "Retry-After")
        else:
            expect(204, status, "GET")
            if headers["Range"] != "0-0":  # the PATCH has begun
                return headers["Range"], time.monotonic() - began
        if time.monotonic() - began > limit:
            sys.exit("still in use after %d seconds" % limit)
        time.sleep(0.02)


def closed_connection():
    """Needs no silence; a busy machine may take as long, but not three times."""
    for left in (2, 1, 0):
        path = begin()
        connection = send_half(path)
        connection.close()
        came, seconds = ask_until_free(path, 20)
        expect("0-%d" % (HALF - 1), came, "what has come")
        finish(path, HALF)
        if seconds < 0.9:
            return
        if not left:
            sys.exit("a closed connection keeps the upload for %.2f seconds" % seconds)


def silent_connection():
    """Nobody has told the registry that it is dead, and what comes of it later does no harm."""
    path = begin()
    connection = send_half(path)
    came, _ = ask_until_free(path, 20)
    expect("0-%d" % (HALF - 1), came, "what has come")
    try:
        connection.sendall(DATA[HALF:])
    except OSError:
        pass
    finish(path, HALF)
    try:
        got = connection.recv(65536)
    except OSError:
        got = b""
    if b" 202 " in got or b" 201 " in got:
        sys.exit("the lost request was answered: %r" % got)
    connection.close()


def busy_connection():
    """One that goes on bringing bytes keeps its upload."""
    path = begin()
    connection = send_half(path)
    while call("GET", path)[0] != 409:
        pass
    for start in range(HALF, len(DATA), HALF // 16):
        status, _, _ = call("GET", path)
        expect(409, status, "GET beside a living PATCH")
        connection.sendall(DATA[start:start + HALF // 16])
    got = connection.recv(65536)
    if b" 202 " not in got:
        sys.exit("the living request was disturbed: %r" % got)
    connection.close()
    status, _, _ = call("PUT", path + "?digest=sha256:" + hashlib.sha256(DATA).hexdigest())
    expect(201, status, "PUT")


closed_connection()
silent_connection()
busy_connection()
