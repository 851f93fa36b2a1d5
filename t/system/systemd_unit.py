"""systemd_unit - what the unit lets the service write to: folders outside are named by check, with what to change"""

import os

from checks import check
from programs import ROOT


def unit(t, *drop_in):
    """A root folder with the unit as installed, and a drop-in with these lines."""
    root = t.folder / "root"
    folder = root / "lib/systemd/system"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "postern.service").write_text((ROOT / "etc/postern.service").read_text())
    drop = root / "etc/systemd/system/postern.service.d"
    drop.mkdir(parents=True, exist_ok=True)
    (drop / "folders.conf").write_text("[Service]\n" + "".join(f"{line}\n" for line in drop_in))
    return root


def test_check_names_folders(t):
    service = t.postern(start=False, service={"spool": "/var/spool/postern", "state": "/var/lib/postern", "run": "/run/postern",
                                              "logs": "/var/log/postern"})
    drop = t.folder / "mail/drop"
    drop.parent.mkdir()
    os.chmod(drop.parent, 0o755)
    service.default.set("general", home=t.folder / "mail", drop=drop)

    def said():
        done = service.ctl("check", ok=False)
        return done.stdout + done.stderr

    service.env["POSTERN_UNIT_ROOT"] = str(unit(t))
    text = said()
    for line in (f"drop {drop}: the unit of systemd does not let the service write there", f"ReadWritePaths={drop}",
                 "postern.service.d/folders.conf", f"home {t.folder / 'mail'}: the unit"):
        check(line in text, line, "is not in", text)
    check("spool /var" not in text and "state /var" not in text and "run /run" not in text and "logs /var" not in text, text)
    for lines in ([f"ReadWritePaths=/srv -{t.folder / 'mail'}"], [f"BindPaths={t.folder}/"], ["ProtectSystem=full"]):
        unit(t, *lines)
        check("the unit of systemd" not in said(), lines, said())
    unit(t, f"ReadWritePaths={t.folder / 'mai'}")
    check("the unit of systemd" in said(), "a folder whose name only begins so")
