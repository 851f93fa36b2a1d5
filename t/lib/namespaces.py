"""namespaces - hosts of a test, each with a network of its own, on one wire; what runs on one is begun by inside() or after enter()

Wire owns a process for each network namespace; they are gone with the last process in them. It needs root, and Skip says when the
kernel does not let even root make them. LOOPBACK is this host.
"""

import ctypes
import errno
import os
import socket
import subprocess
import threading

from checks import Failure, Skip
from patience import until

NEW_NETWORK = 0x40000000    # CLONE_NEWNET; os.setns came with Python 3.12
NETWORK = "10.77.0"
libc = ctypes.CDLL(None, use_errno=True)


class Loopback:
    address = "127.0.0.1"

    @staticmethod
    def inside(call):
        return call()


LOOPBACK = Loopback()


class Host:
    """One network: `address` is its own on the wire."""
    def __init__(self, name, address):
        self.name, self.address = name, address
        self.keeper = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            self.keeper.stdin.write(b"\n")
            self.keeper.stdin.flush()
            made = self.keeper.stdout.readline()
        except OSError:
            made = b""
        if not made:
            raise Skip(f"no network namespaces here: {self.keeper.stderr.read().decode(errors='replace').strip()}")
        self.descriptor = os.open(f"/proc/{self.keeper.pid}/ns/net", os.O_RDONLY)
        self.run("ip", "link", "set", "lo", "up")

    def enter(self):
        """The calling thread is on that host from now on; main thread: never."""
        if libc.setns(self.descriptor, NEW_NETWORK) != 0:
            raise Failure(f"setns: {os.strerror(ctypes.get_errno())}")

    def inside(self, call):
        """What call() returns or raises there, in a thread of its own: sockets and processes that it makes stay there."""
        result, fault = [], []

        def work():
            try:
                self.enter()
                result.append(call())
            except BaseException as error:
                fault.append(error)
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join()
        if fault:
            raise fault[0]
        return result[0]

    def run(self, *words):
        done = self.inside(lambda: subprocess.run(words, capture_output=True, text=True, check=False))
        if done.returncode != 0:
            raise Failure(f"{' '.join(words)}: {done.stderr}")

    def set(self, key, value):
        """A setting of this network, as net.ipv4.tcp_tw_reuse."""
        self.run("sh", "-c", f"echo {value} >/proc/sys/{key.replace('.', '/')}")

    def unplug(self):
        """As when the cable is pulled out: nothing comes, and nothing says so."""
        self.run("ip", "link", "set", "eth0", "down")

    def plug(self):
        self.run("ip", "link", "set", "eth0", "up")

    def end(self):
        os.close(self.descriptor)
        self.keeper.stdin.close()
        self.keeper.wait()
        self.keeper.stdout.close()
        self.keeper.stderr.close()


class Wire:
    """A switch, in a namespace of its own, and the hosts at it."""
    def __init__(self, t):
        t.need_root()
        self.test, self.hosts = t, []
        self.switch = Host("switch", None)
        t.cleanup(self.switch.end)
        try:
            self.switch.run("ip", "link", "add", "switch", "type", "bridge")
        except Failure as failure:
            raise Skip(f"no bridge here: {failure}") from failure
        self.switch.run("ip", "link", "set", "switch", "up")

    def host(self, name):
        """One more. Its programs may listen at every port, whoever runs them."""
        number = len(self.hosts) + 1
        host = Host(name, f"{NETWORK}.{number}")
        self.test.cleanup(host.end)
        self.hosts.append(host)
        port = f"port{number}"
        self.switch.run("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(host.keeper.pid))
        self.switch.run("ip", "link", "set", port, "master", "switch", "up")
        host.run("ip", "address", "add", f"{host.address}/24", "dev", "eth0")
        host.run("ip", "link", "set", "eth0", "up")
        host.set("net.ipv4.ip_unprivileged_port_start", 0)
        until(lambda: self.reaches(host), what=f"{name} on the wire")
        return host

    def reaches(self, host):
        """The first host reaches it: its kernel refuses a connection."""
        def ask():
            with socket.socket() as probe:
                probe.settimeout(1)
                return probe.connect_ex((host.address, 9)) == errno.ECONNREFUSED
        return host is self.hosts[0] or self.hosts[0].inside(ask)
