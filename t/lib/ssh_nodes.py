"""ssh_nodes - hosts that ssh reaches: an sshd on loopback for each, with a folder of programs of its own, and an ssh that knows them

SshNodes owns the sshd processes; Test.cleanup ends them. Its `path` is for the environment of who is to call ssh.
"""

import os
import shlex
import subprocess
from pathlib import Path

from patience import until
from processes import is_root
from programs import SANITIZERS

SERVER = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host-key
AuthorizedKeysFile {keys}
StrictModes no
UsePAM no
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
SetEnv PATH={folder}/bin:/usr/bin:/bin
"""
CLIENT = """
Host {name}
    HostName 127.0.0.1
    Port {port}
    UserKnownHostsFile {folder}/known
    IdentityFile {key}
    IdentitiesOnly yes
"""


class SshNodes:
    def __init__(self, test):
        self.test, self.folder = test, test.folder / "ssh"
        (self.folder / "bin").mkdir(parents=True)
        self.folder.chmod(0o755)
        self.config, self.key = self.folder / "config", self.folder / "key"
        self.config.write_text("")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        # ssh looks for the file of its user in the home folder that the system knows
        self.program(self.folder / "bin/ssh", f'exec /usr/bin/ssh -F {self.config} "$@"')
        self.path = f"{self.folder / 'bin'}:/usr/bin:/bin"
        if is_root():
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)      # sshd of Debian wants this folder

    @staticmethod
    def program(path, script, interpreter="/bin/sh"):
        path.write_text(f"#!{interpreter}\n{script}\n")
        path.chmod(0o755)

    def name(self, name, port, folder):
        """A host of the client's configuration."""
        with self.config.open("a") as config:
            config.write(CLIENT.format(name=name, port=port, folder=folder, key=self.key))

    def add(self, name, script, interpreter="/bin/sh"):
        """A host on which posternctl is this script."""
        folder, port = self.folder / name, self.test.port()
        (folder / "bin").mkdir(parents=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host-key"], check=True)
        (folder / "known").write_text(f"[127.0.0.1]:{port} {(folder / 'host-key.pub').read_text()}")
        (folder / "config").write_text(SERVER.format(port=port, folder=folder, keys=f"{self.key}.pub"))
        self.program(folder / "bin/posternctl", script, interpreter)
        self.name(name, port, folder)
        log = folder / "log"
        process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-f", folder / "config", "-E", log], stdin=subprocess.DEVNULL)
        self.test.cleanup(lambda: (process.terminate(), process.wait()))
        until(lambda: process.poll() is not None or (log.exists() and "listening" in log.read_text()), what=f"sshd of {name}")

    def add_service(self, name, service):
        """A host that has the posternctl of this service."""
        exports = "\n".join(f"export {key}={shlex.quote(value)}" for key, value in SANITIZERS.items())
        self.add(name, f'{exports}\nexec {service.bin}/posternctl -c {service.config} "$@"')

    def add_dead(self, name):
        """No sshd listens there."""
        self.name(name, self.test.port(), self.folder)

    def environment(self):
        return {**os.environ, **SANITIZERS, "PATH": self.path}
