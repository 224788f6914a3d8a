"""One server process: `serve.py PROGRAM PORT`. Each listens on a socket of its own with SO_REUSEPORT, so that the
kernel deals the connections out. With one socket for all (`uvicorn --workers 2`) whoever wakes first accepts nearly all
of a burst, and the other one idles.
"""
import socket, sys

import uvicorn

program, port = sys.argv[1:]
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
listener.bind(("127.0.0.1", int(port)))
uvicorn.Server(uvicorn.Config(f"{program}:app", loop="uvloop", http="httptools", access_log=False, server_header=False,
                              log_level="warning")).run(sockets=[listener])
