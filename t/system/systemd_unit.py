"""systemd_unit - what the unit lets the service write to: folders outside are named by check, and posternctl unit lets them in"""

import os
import shutil
import subprocess

from checks import check, equal
from programs import ROOT

PLACES = {"spool": "/var/spool/postern", "state": "/var/lib/postern", "run": "/run/postern", "logs": "/var/log/postern"}
DROP_IN = "etc/systemd/system/postern.service.d/folders.conf"


def unit(t, *drop_in):
    """A root folder with the unit as installed, and a drop-in with these lines."""
    root = t.folder / "root"
    folder = root / "lib/systemd/system"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "postern.service").write_text((ROOT / "etc/postern.service").read_text())
    drop = root / "etc/systemd/system/postern.service.d"
    drop.mkdir(parents=True, exist_ok=True)
    drop.chmod(0o777)   # posternctl does not run as root here
    (drop / "folders.conf").write_text("[Service]\n" + "".join(f"{line}\n" for line in drop_in))
    return root


def configured(t, **folders):
    service = t.postern(start=False, service=PLACES)
    service.default.set("general", **folders)
    service.env["POSTERN_UNIT_ROOT"] = str(unit(t))
    return service


def test_check_names_folders(t):
    drop = t.folder / "mail/drop"
    drop.parent.mkdir()
    os.chmod(drop.parent, 0o755)
    service = configured(t, home=t.folder / "mail", drop=drop)

    def said():
        done = service.ctl("check", ok=False)
        return done.stdout + done.stderr

    text = said()
    for line in (f"drop {drop}: the unit of systemd does not let the service write there", '"posternctl unit --write" writes it',
                 f"home {t.folder / 'mail'}: the unit"):
        check(line in text, line, "is not in", text)
    check("spool /var" not in text and "state /var" not in text and "run /run" not in text and "logs /var" not in text, text)
    shown = "PrivateTmp=no"
    for lines in ([shown, f"ReadWritePaths=/srv -{t.folder / 'mail'}"], [f"BindPaths={t.folder}/"], [shown, "ProtectSystem=full"],
                  [shown, "ReadWritePaths=/srv \\", "# a comment", f" '{t.folder / 'mail'}'"]):
        unit(t, *lines)
        check("the unit of systemd" not in said(), lines, said())
    for lines in ([shown, f"ReadWritePaths={t.folder / 'mai'}"], [f"ReadWritePaths={t.folder}"], [f"BindPaths={t.folder}", "BindPaths="],
                  [shown, "[Unit]", f"ReadWritePaths={t.folder}"], [shown, f"#ReadWritePaths={t.folder}"]):
        unit(t, *lines)
        check("the unit of systemd" in said(), lines, "a folder whose name only begins so, or that is hidden")


def verify(root):
    """systemd itself reads the unit with the drop-in, and has nothing to say."""
    if shutil.which("systemd-analyze") is None:
        return
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", f"--root={root}", "postern.service"],
                          capture_output=True, text=True, timeout=60, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "folders.conf" in line]
    equal(said, [], "systemd-analyze verify")


def test_unit_writes_what_is_missing(t):
    odd = '/srv/10% of "it"/a b\\c'
    service = configured(t, home="/srv/postern/one", drop="/srv/postern/one/drop", pickup="/home/mail/pickup", queue="/tmp/queue")
    service.default.set("general", log_directory=odd)
    root = t.folder / "root"
    unit(t, "# of somebody else", "Nice=5")
    (root / DROP_IN).write_text((root / DROP_IN).read_text() + "[Unit]\nDescription=Ours")
    before = (root / DROP_IN).read_text()
    shown = service.ctl("unit").stdout
    equal((root / DROP_IN).read_text(), before, "shown only")
    check(shown.startswith(before), shown)
    equal(shown[len(before):].splitlines(), [
        "", "[Service]", "ReadWritePaths=-/srv/postern/one", "ProtectHome=tmpfs", "BindPaths=-/home/mail/pickup",
        "BindPaths=-/tmp/queue", r'ReadWritePaths="-/srv/10%% of \"it\"/a b\\c"'])
    check("daemon-reload" in service.ctl("unit", "--write").stdout, "what is to be done then")
    equal((root / DROP_IN).read_text(), shown, "written")
    equal((root / DROP_IN).stat().st_mode & 0o7777, 0o644)
    equal(sorted(path.name for path in (root / DROP_IN).parent.iterdir()), ["folders.conf"], "nothing else is left")
    verify(root)
    done = service.ctl("unit", "--write")
    equal((done.stdout, (root / DROP_IN).read_text()), ("", shown), "nothing is missing any more")
    said = service.ctl("check", ok=False)
    check("the unit of systemd" not in said.stdout + said.stderr, said)


def test_unit_refuses(t):
    service = configured(t, drop="/srv/drop")
    root = t.folder / "root"
    (root / DROP_IN).unlink()
    shown = service.ctl("unit").stdout
    check(shown.startswith("# Folders of the configuration") and shown.endswith("[Service]\nReadWritePaths=-/srv/drop\n"), shown)
    later = (root / DROP_IN).with_name("later.conf")
    later.write_text("[Service]\nReadWritePaths=\n")
    done = service.ctl("unit", "--write", ok=False)
    equal(done.returncode, 78)
    check("undo what is added" in done.stderr and not (root / DROP_IN).exists(), done)
    later.unlink()
    service.default.set("general", drop="/srv/x/../drop")
    done = service.ctl("unit", "--write", ok=False)
    check(done.returncode == 78 and not (root / DROP_IN).exists(), done)
    service.default.set("general", drop="/srv/drop")
    (root / "lib/systemd/system/postern.service").unlink()
    done = service.ctl("unit", ok=False)
    check(done.returncode == 69 and "no unit" in done.stderr, done)
