"""Keeps every Python that has this directory on PYTHONPATH on this machine.

A connection elsewhere, or a name to look up for one, is refused and written to
the file that $INTEROP_REFUSED names, since whoever tried may hide the error.
Python imports a module of this name when it starts, child processes included.
"""
import ipaddress
import os
import sys


def _here(host):
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = args[1]
        if not isinstance(address, tuple):  # a socket of this machine, or one that is connected
            return
        host = address[0]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = args[0]
    else:
        return
    if _here(host):
        return
    what = f"{event} {host!r} by {' '.join(sys.orig_argv[:6])}"
    with open(os.environ["INTEROP_REFUSED"], "a", encoding="utf-8") as log:
        log.write(what + "\n")
    raise PermissionError(f"not this machine: {what}")


sys.addaudithook(_refuse)
