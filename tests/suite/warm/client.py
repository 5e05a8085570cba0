"""Stand in for a command: hand it, with this process's streams and signals, to the server, and end as it ended.

`runner.py` writes it into a folder once for each command, below the command's name and beside the server's socket.
"""

import json
import os
import signal
import socket
import sys

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

folder, _, name = sys.argv[0].rpartition("/")  # the kernel gives a script its own path
request = {
    "name": name,
    "arguments": sys.argv[1:],
    "folder": os.getcwd(),  # noqa: PTH109 - pathlib takes longer than all else here
    "environment": dict(os.environ),
    "interruptible": signal.getsignal(signal.SIGINT) is not signal.SIG_IGN,  # as in a job in the background
}
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
    server.connect(f"{folder}/socket")
    for each in PASSED_ON:
        signal.signal(each, lambda number, _frame: server.sendall(bytes([number])))
    socket.send_fds(server, [json.dumps(request).encode() + b"\n"], [0, 1, 2])
    answer = server.makefile().readline()
if not answer:
    sys.exit(f"{name}: the server of the tests ended before the command")
code = int(answer)
if code < 0:
    for each in PASSED_ON:
        signal.signal(each, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
sys.exit(code)
