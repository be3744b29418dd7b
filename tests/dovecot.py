"""A real IMAP server for the tests: Dovecot, unprivileged, on loopback, configured by the tests alone."""

from __future__ import annotations

import grp
import imaplib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

USER = "desk@example.org"
PASSWORD = "correct horse"  # noqa: S105 (of a server that lives for one test)
_START_SECONDS = 20.0
_CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
mail_location = maildir:{folder}/mail/%n
auth_mechanisms = plain login
disable_plaintext_auth = no
auth_failure_delay = 0
ssl = {ssl}
{certificate}
mail_plugins = acl
plugin {{
  acl = vfile:{folder}/acl
}}
protocol imap {{
  {capability}
  mail_max_userip_connections = 50
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%n
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Entwürfe {{
    auto = create
    {special_use}
  }}
  mailbox Partners {{
    auto = create
  }}
  mailbox Shared {{
    auto = create
  }}
  mailbox Closed {{
    auto = create
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = {ssl}
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""
# Of the folder Shared all may be read and nothing changed; in Closed mails may be marked as seen and no more.
_ACL = "Shared owner lr\nClosed owner lrs\n"


@dataclass(frozen=True)
class Dovecot:
    """A running server. `folder` holds its log and its mail."""

    folder: Path
    port: int
    tls_port: int
    certificate: Path

    def url(self, folder: str = "", *, scheme: str = "imap", host: str = "127.0.0.1") -> str:
        """The URL of a folder."""
        port = self.tls_port if scheme == "imaps" else self.port
        return f"{scheme}://{USER.replace('@', '%40')}@{host}:{port}/{folder}"

    @contextmanager
    def client(self, folder: str = "INBOX", *, readonly: bool = False) -> Iterator[imaplib.IMAP4]:
        """A second client, the standard library's, with a folder open."""
        with imaplib.IMAP4("127.0.0.1", self.port, timeout=20) as client:
            client.login(USER, PASSWORD)
            assert client.select(folder, readonly)[0] == "OK"
            yield client

    def deliver(self, *messages: bytes, folder: str = "INBOX") -> None:
        """Put mails into a folder, as a delivery agent does."""
        with self.client(readonly=True) as client:
            for message in messages:
                assert client.append(folder, "", "", message)[0] == "OK"

    def drop(self, message: bytes, folder: str) -> None:
        """Put a mail into a folder's Maildir, past the server and its access rules."""
        maildir = self.folder / "mail" / "desk" / f".{folder}"
        owner = maildir.stat()
        written = maildir / "tmp" / f"{time.time_ns()}.test"
        written.write_bytes(message)
        os.chown(written, owner.st_uid, owner.st_gid)
        written.rename(maildir / "new" / written.name)

    def mails(self, folder: str = "INBOX") -> list[tuple[set[str], bytes]]:
        """The flags and the bytes of each mail of a folder, unchanged by the look."""
        with self.client(folder, readonly=True) as client:
            found = client.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[])")[1]
        pairs = [item for item in found if isinstance(item, tuple)]
        return [({flag.decode() for flag in imaplib.ParseFlags(head)}, raw) for head, raw in pairs]


def _program() -> str:
    found = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    assert found, "the IMAP tests need Dovecot: apt-get install dovecot-imapd"
    return found


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for each in sockets:
        each.close()
    return ports


def _users() -> tuple[str, str, str, int, int]:
    """Dovecot's internal user and its group, its login user, and the ids that own the mail: never those of root."""
    me = pwd.getpwuid(os.geteuid())
    if me.pw_uid:
        return me.pw_name, grp.getgrgid(me.pw_gid).gr_name, me.pw_name, me.pw_uid, me.pw_gid
    nobody = pwd.getpwnam("nobody")
    return "dovecot", "dovecot", "dovenull", nobody.pw_uid, nobody.pw_gid


def _make_certificate(certificate: Path, key: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out",
         str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip


@contextmanager
def running(*, plain: bool = False) -> Iterator[Dovecot]:
    """A server with one user and the folders INBOX, Partners, Shared, Closed and Entwürfe (its Drafts).

    A `plain` one has neither TLS nor IDLE, and marks none of its folders as Drafts. The server's folder is not the test's
    own, which none but its owner may enter: the server's processes run as other users.
    """
    program = _program()
    folder = Path(tempfile.mkdtemp(prefix="qa-dovecot-"))
    internal, group, login, uid, gid = _users()
    port, tls_port = _free_ports(2)
    certificate = folder / "certificate.pem"
    if not plain:
        _make_certificate(certificate, folder / "key.pem")
    (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
    (folder / "acl").write_text(_ACL)
    (folder / "conf").write_text(
        _CONFIG.format(
            folder=folder, internal=internal, internal_group=group, login=login, uid=uid, gid=gid, port=port,
            tls_port=tls_port, ssl="no" if plain else "yes",
            special_use="" if plain else r"special_use = \Drafts",
            certificate="" if plain else f"ssl_cert = <{certificate}\nssl_key = <{folder / 'key.pem'}",
            capability="imap_capability = IMAP4rev1 LITERAL+ UIDPLUS" if plain else "",
        )
    )  # fmt: skip
    (folder / "mail").mkdir()
    if os.geteuid() == 0:
        os.chown(folder / "mail", uid, gid)
    folder.chmod(0o755)
    process = subprocess.Popen([program, "-F", "-c", str(folder / "conf")], stderr=subprocess.PIPE)
    try:
        _await(process, port, folder)
        yield Dovecot(folder, port, tls_port, certificate)
    finally:
        process.terminate()
        process.communicate(timeout=_START_SECONDS)
        shutil.rmtree(folder)


def _await(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as s:
                if s.recv(4) == b"* OK":
                    return
        except OSError:
            pass
        time.sleep(0.02)
    said = process.stderr.read().decode() if process.poll() is not None and process.stderr else ""
    log = (folder / "log").read_text() if (folder / "log").exists() else ""
    raise AssertionError(f"Dovecot did not start: {said} {log}")
