"""queue_files - queue files as a listener leaves them, for a virtual server that does not run"""

import os

from processes import is_root
from smtp import mail

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def write_queue_files(home, account, recipients):
    """One message for each recipient; `account`: (uid, gid) of the workers."""
    for n, recipient in enumerate(recipients):
        head = f"postern-queue 1\nmarks: .\nx-sender: author@default.example\nx-receiver: {recipient}\n\n".encode()
        id = f"1k0t4z{n:05d}aaaaa"
        content = mail(subject=f"planted {n}")
        bucket = home.path / "queue" / f"{sum(DIGITS.index(c) << 5 * k for k, c in enumerate(reversed(id[:11]))) >> 23 & 1023:03x}"
        bucket.mkdir(parents=True, exist_ok=True)
        (bucket / id).write_bytes(head + content + f"postern-end {len(content):019d}\n".encode())
        for path in (home.path, bucket.parent, bucket, bucket / id):
            if is_root():
                os.chown(path, *account)
