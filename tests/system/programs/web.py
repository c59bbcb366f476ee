"""A web server with files and with faults, for sources of builds. Arguments: a port, a folder, a log of requests.

Paths: /files/… the folder; /once/… the folder, whose first answer is cut; /cut ends early each time; /500-once/…;
/redirect/N/… goes on with N-1 and then to /files/…; /to?URL goes there; /endless says that it has 2^50 bytes;
/git/… the folder, plain files for git.
"""
import http.server
import os
import sys

port, folder, log = int(sys.argv[1]), sys.argv[2], sys.argv[3]
seen = set()


class Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *arguments):
        super().__init__(*arguments, directory=folder)

    def log_message(self, *arguments):
        pass

    def go(self, place):
        self.send_response(302)
        self.send_header("Location", place)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def first(self):
        before = self.path in seen
        seen.add(self.path)
        return not before

    def cut(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"half")
        self.close_connection = True

    def do_GET(self):
        with open(log, "a") as out:
            out.write(self.path + "\n")
        kind, _, rest = self.path[1:].partition("/")
        if self.path.startswith("/to?"):
            return self.go(self.path[4:])
        if kind == "redirect":
            number, _, rest = rest.partition("/")
            return self.go("/redirect/%d/%s" % (int(number) - 1, rest) if int(number) > 1 else "/files/" + rest)
        if kind == "cut" or (kind == "once" and self.first()):
            return self.cut()
        if kind == "500-once" and self.first():
            return self.send_error(500)
        if kind == "endless":
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 50))
            return self.end_headers()
        if kind == "undated":
            body = open(os.path.join(folder, rest), "rb").read()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            return self.wfile.write(body)
        self.path = "/" + rest
        super().do_GET()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


Server(("127.0.0.1", port), Handler).serve_forever()
