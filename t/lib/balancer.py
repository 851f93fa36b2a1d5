"""balancer - HAProxy in front of nodes: PROXY v2 to them, their health by a command that a node gives the answer to

Balancer owns its process and its folder. Nodes are {name: Postern}, whose `runs_on` says where each is. `inter` is the time between two
checks, and what a command has to answer. (`observe` beside such checks ends HAProxy 2.6 by a signal.)
"""

import csv
import shutil
import socket
import subprocess

from checks import Skip, check
from patience import until
from programs import SANITIZERS

PORT = 25
CONFIG = """
global
    external-check
    insecure-fork-wanted
    stats socket {folder}/socket mode 600
defaults
    mode tcp
    timeout connect 5s
    timeout client 11m
    timeout server 11m
listen smtp
    bind {address}:{port}
    balance leastconn
    option external-check
    external-check path /usr/sbin:/usr/bin:/sbin:/bin
    external-check command {folder}/check-node
    retries 3
    option redispatch 1
    default-server send-proxy-v2 check inter {inter} fastinter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
"""


class Balancer:
    def __init__(self, t, host, nodes, inter):
        program = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
        if program is None:
            raise Skip("haproxy is not installed")
        self.host, self.folder, self.nodes = host, t.folder / "balancer", nodes
        self.folder.mkdir()
        shutil.chown(self.folder, t.uid, t.gid)
        self.write_check()
        config = self.folder / "haproxy.cfg"
        config.write_text(CONFIG.format(folder=self.folder, address=host.address, port=PORT, inter=inter) + "".join(
            f"    server {name} {node.runs_on.address}:{node.default.port}\n" for name, node in nodes.items()))
        with open(self.folder / "log", "wb") as log:
            self.process = host.inside(lambda: subprocess.Popen([program, "-db", "-f", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                                user=t.uid, group=t.gid, extra_groups=[]))
        t.cleanup(self.end)
        until(lambda: self.are("PROCOK", *nodes), what=lambda: f"checks of all: {self.log()}")

    def write_check(self):
        """The node's name is in the environment; the answer is that of its own command."""
        script = "".join(f"export {key}='{value}'\n" for key, value in SANITIZERS.items())
        script += 'case "$HAPROXY_SERVER_NAME" in\n'
        script += "".join(f"{name}) exec {node.bin}/posternctl -c {node.config} status --check default ;;\n" for name, node in self.nodes.items())
        path = self.folder / "check-node"
        path.write_text(f"#!/bin/sh\n{script}esac\nexit 1\n")
        path.chmod(0o755)

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def rows(self):
        """{node: its row of the statistics}"""
        check(self.process.poll() is None, "haproxy ended:", self.process.poll(), self.log())
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as to:
            try:
                to.connect(str(self.folder / "socket"))
                to.sendall(b"show stat\n")
                text = to.makefile().read()
            except OSError:
                return {}
        return {row["svname"]: row for row in csv.DictReader(text.lstrip("# ").splitlines()) if row["svname"] in self.nodes}

    def are(self, result, *names):
        """Whether that was the last result of the checks of these nodes: PROCOK, PROCERR, PROCTOUT."""
        rows = self.rows()
        return all(name in rows and rows[name]["check_status"].lstrip("* ") == result for name in names)

    def is_down(self, name):
        return self.rows().get(name, {}).get("status", "").startswith("DOWN")

    def downs(self, name):
        """How often the node was taken for down."""
        return int(self.rows()[name]["chkdown"])

    def end(self):
        self.process.terminate()
        self.process.wait()
