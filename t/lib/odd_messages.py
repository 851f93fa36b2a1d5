"""odd_messages - messages as programs and people have made them, each odd in one way: {name: bytes}; and what each becomes

Written for the tests; the kinds were seen in the test messages and reports of other projects. Lines end in CRLF.
"""

import base64

DATE, ID = b"Date: Sat, 28 Nov 2026 10:00:00 +0000\r\n", b"Message-ID: <odd@s.example>\r\n"
FROM, TO = b"From: A <a@s.example>\r\n", b"To: b@r.example\r\n"
HEAD = FROM + TO + DATE + ID
MIME = b"MIME-Version: 1.0\r\n"


def lines(*rows):
    return b"".join(row + b"\r\n" for row in rows)


def multipart(kind, boundary, *parts, end=True):
    """A header and its parts; `end`: with the last boundary."""
    text = HEAD + MIME + b"Content-Type: multipart/" + kind + b";\r\n\tboundary=\"" + boundary + b"\"\r\n\r\nThis is MIME.\r\n"
    for part in parts:
        text += b"--" + boundary + b"\r\n" + part
    return text + (b"--" + boundary + b"--\r\n" if end else b"")


def headers():
    """Odd in the header."""
    return {
        "folded with blanks": HEAD + lines(b"Subject: one", b" \ttwo", b"\t", b"  ", b" three", b"", b"x"),
        "blank before colon": HEAD + lines(b"Subject : s", b"X-One\t: 1", b"", b"x"),
        "no value": HEAD + lines(b"Subject:", b"X-Empty: ", b"X-Folded:", b" value", b"", b"x"),
        "twice": HEAD + lines(b"Subject: 1", b"Subject: 2") + DATE + ID + lines(b"", b"x"),
        "many to": FROM + DATE + ID + b"To: " + b",\r\n ".join(b"Reader Number %d <r%d@long-name.r.example>" % (n, n) for n in range(900)) + lines(b"", b"", b"x"),
        "many fields": HEAD + b"".join(b"X-Field-%d: %d\r\n" % (n, n) for n in range(2000)) + lines(b"", b"x"),
        "one long field": HEAD + b"References:" + b"".join(b"\r\n <%d.%d@s.example>" % (n, n * n) for n in range(4000)) + lines(b"", b"", b"x"),
        "8 bit": HEAD + lines(b"Subject: Gr\xfc\xdfe", b"", b"x"),
        "utf-8": HEAD + lines("Subject: Grüße, 日本語, 🙂".encode(), b"", "ä\u200b\u202e".encode()),
        "encoded words": HEAD + lines(b"Subject: =?utf-8?Q?a=20b?= =?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=", b" =?utf-8?b?broken", b"", b"x"),
        "comments": DATE + ID + lines(b"From: \"a (\\\"b\\\")\" <a@s.example> (c (d) \\( e)", b"To: undisclosed-recipients:;", b"Subject: s", b"", b"x"),
        "control bytes": HEAD + lines(b"Subject: " + bytes(range(1, 9)) + b"\x0b\x0c" + bytes(range(14, 32)) + b"\x7f", b"", b"x"),
        "source routes": DATE + ID + lines(b"From: <@one.example,@two.example:a@s.example>", b"To: b%r.example@s.example, r!b", b"", b"x"),
        "x-sender": HEAD + lines(b"Subject: s", b"x-sender: other@s.example", b"x-receiver: other@r.example", b"", b"x"),
        "return path": b"Return-Path: <other@s.example>\r\n" + HEAD + lines(b"Subject: s", b"", b"x"),
        "bcc": HEAD + lines(b"Bcc: one@r.example,", b" two@r.example", b"Subject: s", b"bCC : three@r.example", b"", b"Bcc: stays@r.example"),
        "resent": lines(b"Resent-From: c@s.example", b"Resent-Date: Sat, 28 Nov 2026 11:00:00 +0000", b"Resent-To: d@r.example",
                        b"Received: from a by b; Sat, 28 Nov 2026 10:30:00 +0000") + HEAD + lines(b"Subject: s", b"", b"x"),
        "received": b"".join(b"Received: from h%d.example by h%d.example;\r\n\tSat, 28 Nov 2026 10:00:%02d +0000\r\n" % (n, n + 1, n) for n in range(20)) + HEAD + lines(b"", b"x"),
        "signed": lines(b"DKIM-Signature: v=1; a=rsa-sha256; d=s.example; s=k; h=from:to; bh=AAAA=;", b"\tb=" + b"A" * 64, b"\t ==") + HEAD + lines(b"", b"x"),
        "line without colon": HEAD + lines(b"Subject: s", b"this is no field", b"X-Behind: 1", b"", b"x"),
        "only a colon": HEAD + lines(b": value", b"X-Behind: 1", b"", b"x"),
        "blanks before the body": HEAD + lines(b"Subject: s", b" ", b"\t", b"", b"x"),
        "no date": FROM + TO + ID + lines(b"Subject: s", b"", b"x"),
        "no id": FROM + TO + DATE + lines(b"Subject: s", b"", b"x"),
        "nothing": lines(b"Subject: s", b"", b"x"),
        "header only": HEAD + lines(b"Subject: s"),
        "empty body": HEAD + lines(b"Subject: s", b""),
        "mbox line": b"From a@s.example Sat Nov 28 10:00:00 2026\r\n" + HEAD + lines(b"Subject: s", b"", b"From me", b">From you"),
        "no header": lines(b"Hello, this is no header.", b"", b"Subject: nor this"),
        "mark first": b"\xef\xbb\xbf" + HEAD + lines(b"Subject: s", b"", b"x"),
        "nothing but an empty line": b"\r\n",
        "body only": lines(b"", b"x"),
    }


def bodies():
    """Odd in the body."""
    part, forwarded = lines(b"Content-Type: text/plain", b"", b"text"), HEAD + lines(b"Subject: inside", b"", b"x", b".")
    body = {
        "dots": lines(b".", b"..", b"...", b". ", b" .", b".x", b"..x", b"x.", b"."),
        "one dot": lines(b"."),
        "empty lines": b"\r\n" * 50,
        "blanks at ends": lines(b"x ", b"x\t", b"   ", b"\t", b"-- ", b"x"),
        "verbs": lines(b"QUIT", b"RSET", b"BDAT 5 LAST", b"DATA", b"MAIL FROM:<a@s.example>", b"250 ok", b"354 go on"),
        "all high bytes": bytes(range(128, 256)) * 7 + b"\r\n",
        "low bytes": bytes(sorted(set(range(1, 32)) - {10, 13})) + b"\x7f\r\n",
        "998": lines(b"x" * 998, b"x" * 997, b"." + b"x" * 997),
        "long line": lines(b"y" * 5000, b"end"),
        "very long line": lines(b"z" * 200000, b"end"),
        "from": lines(b"From here on", b">From there", b"From a@s.example Sat Nov 28 10:00:00 2026", b"Subject: x"),
        "dashes": lines(b"-----BEGIN PGP SIGNED MESSAGE-----", b"", b"- -----BEGIN X-----", b"- -", b"-----END-----"),
        "base64 of everything": base64.encodebytes(bytes(range(256)) * 40).replace(b"\n", b"\r\n"),
        "uuencoded": lines(b"begin 644 a.txt", b"#86)C", b"`", b"end"),
        "mime ends": lines(b"--b--", b"--b", b"", b"--b--"),
    }
    rows = {name: HEAD + b"Subject: s\r\n\r\n" + text for name, text in body.items()}
    rows.update({
        "parts": multipart(b"mixed", b"b 'c'=_?", part, part),
        "parts without an end": multipart(b"alternative", b"b", part, part, end=False),
        "empty boundary": multipart(b"mixed", b"", part),
        "forwarded": multipart(b"digest", b"b", b"Content-Type: message/rfc822\r\n\r\n" + forwarded, b"\r\n" + forwarded),
        "deep": multipart(b"mixed", b"b0", *(lines(b"Content-Type: multipart/mixed; boundary=b%d" % n, b"", b"--b%d" % n) for n in range(1, 200)), end=False),
        "report": multipart(b"report; report-type=delivery-status", b"b", part, lines(b"Content-Type: message/delivery-status", b"", b"Reporting-MTA: dns; h",
                                                                                    b"", b"Final-Recipient: rfc822; b@r.example", b"Action: failed")),
        "calendar": HEAD + MIME + lines(b"Content-Type: text/calendar; method=REQUEST", b"", b"BEGIN:VCALENDAR", b"DESCRIPTION:" + b"a\\n" * 60, b" more", b"END:VCALENDAR"),
        "flowed": HEAD + MIME + lines(b"Content-Type: text/plain; format=flowed; delsp=yes", b"", b"> quoted ", b">> twice ", b" .", b"-- ", b"name"),
        "shift-jis": HEAD + MIME + lines(b"Content-Type: text/plain; charset=shift_jis", b"", b"\x83\x5c\x95\x5c\x82\xa0", b"\x1b$B$\"\x1b(B"),
        "transfer encodings": HEAD + MIME + lines(b"Content-Transfer-Encoding: 7bit", b"Content-Type: text/plain; charset=utf-8", b"", b"not 7 bit: \xc3\xa4"),
    })
    return rows


def all_messages():
    return {**headers(), **bodies()}
