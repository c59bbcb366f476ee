"""Runs a command on a terminal of its own: terminal.py ROWS COLUMNS STEP… -- COMMAND…

A step is "expect:TEXT" (waits until the output has it, behind what was found before), "send:TEXT" (escapes as in Python),
"resize:ROWS:COLUMNS", "pause:SECONDS" (before a key whose meaning depends on the terminal's mode). Prints all output at the end, and ends with the command's exit code; 99 where a text did not come.
"""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

split = sys.argv.index("--")
steps, command = sys.argv[3:split], sys.argv[split + 1:]


def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(columns), 0, 0))


pid, terminal = pty.fork()
if pid == 0:
    resize(0, sys.argv[1], sys.argv[2])
    os.execvp(command[0], command)

output, seen = b"", 0


def read_more(seconds):
    """False at the end of the output."""
    global output
    if not select.select([terminal], [], [], seconds)[0]:
        return True
    try:
        more = os.read(terminal, 65536)
    except OSError:
        return False
    output += more
    return bool(more)


def expect(text):
    global seen
    deadline = time.monotonic() + 20
    while output.find(text, seen) < 0:
        if not read_more(0.1) or time.monotonic() > deadline:
            sys.stdout.buffer.write(output)
            print(f"\nterminal.py: this did not come: {text!r}")
            os.kill(pid, signal.SIGKILL)
            sys.exit(99)
    seen = output.find(text, seen) + len(text)


for step in steps:
    kind, value = step.split(":", 1)
    if kind == "expect":
        expect(value.encode())
    elif kind == "send":
        os.write(terminal, value.encode().decode("unicode_escape").encode("latin-1"))
    elif kind == "resize":
        resize(terminal, *value.split(":"))
    elif kind == "pause":
        time.sleep(float(value))

deadline = time.monotonic() + 30
while read_more(0.5):
    if time.monotonic() > deadline:
        os.kill(pid, signal.SIGKILL)
sys.stdout.buffer.write(output)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
