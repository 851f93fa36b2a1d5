"""dkim_verifiers - signatures of whole messages, verified by other people's code: python3-dkim, Mail::DKIM, opendkim

A message is bytes with CRLF lines, as a host has taken it. `records`: {"s1._domainkey.a.example": text of the TXT record}.
"""

import json
import re
import subprocess

import dkim

from checks import check, equal

PERL = r"""
use strict; use warnings; use JSON::PP; use Mail::DKIM::Verifier; use Mail::DKIM::DNS;
my $work = decode_json(do { local $/; <STDIN> });
package Answer { sub new { bless { text => $_[1] }, $_[0] } sub type { "TXT" } sub txtdata { $_[0]{text} } sub char_str_list { ($_[0]{text}) } }
{ no warnings 'redefine'; *Mail::DKIM::DNS::query = sub { my $text = $work->{records}{lc $_[0]}; defined $text ? (Answer->new($text)) : () }; }
my @all;
for my $path (@{$work->{files}}) {
    open(my $file, "<:raw", $path) or die; local $/; my $verifier = Mail::DKIM::Verifier->new();
    $verifier->PRINT(scalar <$file>); $verifier->CLOSE();
    push @all, [map { [$_->algorithm, $_->domain, $_->selector, $_->result_detail] } $verifier->signatures];
}
print encode_json(\@all);
"""


def has_blank_colon(data, name=rb"[!-9;-~]+"):
    """A blank before the colon (RFC 5322 4.5): dkimpy takes no such field, opendkim no such From."""
    return re.search(rb"(?mi)^" + name + rb"[ \t]+:", data.partition(b"\r\n\r\n")[0])


def by_dkimpy(data, records, most=None):
    """[True or False] for each of the first `most` signatures."""
    def find(name, timeout=5):
        return records[name.decode().rstrip(".")].encode()
    signed = dkim.DKIM(data)
    count = sum(name.lower() == b"dkim-signature" for name, _ in signed.headers)
    return [dkim.DKIM(data).verify(idx=number, dnsfunc=find) for number in range(min(count, most or count))]


def by_perl(paths, records):
    """[[(algorithm, domain, selector, result)]] of the messages in these files."""
    done = subprocess.run(["perl", "-e", PERL], input=json.dumps({"files": [str(p) for p in paths], "records": records}).encode(),
                          capture_output=True, check=False, timeout=300)
    equal(done.returncode, 0, done.stderr)
    return [[tuple(one) for one in message] for message in json.loads(done.stdout)]


def by_opendkim(folder, paths, records):
    """What opendkim says of each file: [text]."""
    keys, config = folder / "opendkim.keys", folder / "opendkim.conf"
    keys.write_text("".join(f"{name} {text}\n" for name, text in records.items()))
    config.write_text(f"Mode v\nTestPublicKeys {keys}\nSyslog no\n")
    done = subprocess.run(["/usr/sbin/opendkim", "-x", config, "-t", ",".join(map(str, paths))], capture_output=True, text=True,
                          errors="replace", check=False, timeout=300)
    check(done.returncode in (0, 1, 65, 70), done)
    return [line for line in (done.stdout + done.stderr).splitlines() if "verification" in line or "signature" in line]
