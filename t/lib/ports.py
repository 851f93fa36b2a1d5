"""ports - free ports on loopback, in a block that no other test has at the same time

The block belongs to this process and is free again when it ends. Raises Failure when no block or no port is left.
"""

import os
import socket

from checks import Failure


class Ports:
    """
    A block of 40 ports, reserved by an abstract socket as long as this process lives. A port that was given out stays bound here
    without listening: the program that is to have it can bind it (SO_REUSEADDR), but the kernel uses it for no outgoing connection.
    """
    def __init__(self):
        self.bound = []
        for block in range(200):
            self.holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                self.holder.bind(f"\0postern-test-ports-{(block + os.getpid()) % 200}")
                break
            except OSError:
                self.holder.close()
        else:
            raise Failure("no free block of ports")
        self.next = 20000 + 40 * ((block + os.getpid()) % 200)
        self.end = self.next + 40

    def take(self):
        while self.next < self.end:
            port = self.next
            self.next += 1
            holder = socket.socket()
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                holder.bind(("127.0.0.1", port))
            except OSError:
                holder.close()
                continue
            self.bound.append(holder)
            return port
        raise Failure("this test used up its ports")
