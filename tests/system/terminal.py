#!/usr/bin/env python3
"""The text client on a real terminal: terminal.py PROGRAM ARG...; says what went wrong, or nothing.

Its guest is a fake one, which says the size of its terminal when asked, and exits.
"""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

WAIT_S = 60


class Client:
    def __init__(self, argv, rows, cols):
        self.output = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
            os.execvp(argv[0], argv)

    def resize(self, rows, cols):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def type(self, text):
        os.write(self.fd, text.encode())

    def read(self, until):
        if not select.select([self.fd], [], [], max(0, until - time.monotonic()))[0]:
            sys.exit(f"it does not come: {self.output!r}")
        try:
            data = os.read(self.fd, 4096)
        except OSError:  # it has gone, and the terminal with it
            data = b""
        self.output += data
        return data

    def shows(self, what):
        until = time.monotonic() + WAIT_S
        while not re.search(what.encode(), self.output):
            if not self.read(until):
                sys.exit(f"{what} does not come: {self.output!r}")

    # Asked until it is true: a new size takes its way beside what is typed.
    def has_size(self, rows, cols):
        until = time.monotonic() + WAIT_S
        while f"{rows} {cols}".encode() not in self.output:
            self.type("size\r")
            if not self.read(until):
                sys.exit(f"{rows} {cols} does not come: {self.output!r}")
            time.sleep(0.2)

    def ends(self, status):
        until = time.monotonic() + WAIT_S
        while self.read(until):
            pass
        got = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if got != status:
            sys.exit(f"status {got}: {self.output!r}")


def is_cooked(fd):
    return termios.tcgetattr(fd)[3] & termios.ICANON != 0


client = Client(sys.argv[1:], 40, 100)
client.shows("fake shell of")
if is_cooked(client.fd):
    sys.exit("the terminal is not raw while a console is open")
client.has_size(40, 100)
client.resize(50, 120)
client.has_size(50, 120)
client.type("exit\r")
client.shows("The terminal has ended")
client.ends(0)

client = Client(sys.argv[1:], 24, 80)
client.shows("fake shell of")
client.type("\x1d")
client.shows("The connection has ended")
client.ends(0)

client = Client(sys.argv[1:-1] + ["nothing"], 24, 80)
client.ends(1)
