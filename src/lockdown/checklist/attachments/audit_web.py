"""What item 4 demands of a webmail: that it takes the files that its mail server takes, neither more nor far less."""

from __future__ import annotations

from lockdown.checklist.attachments.controls import WEB_UPLOAD
from lockdown.checklist.attachments.gate import BASE64_GROWTH
from lockdown.checklist.attachments.sizes import DEMANDED
from lockdown.config import Settings
from lockdown.facts.postfix import Postfix, postfix
from lockdown.facts.scanner_files import Absent
from lockdown.facts.web_upload import NGINX_DEFAULT, Nginx, Size, Upload, nginx, uploads, webmail
from lockdown.model.finding import Evidence, Finding, State
from lockdown.model.snapshot import Snapshot
from lockdown.model.unknown import Unknown

MIB = 1024**2
NOT_WRITTEN = Evidence("/etc/nginx/nginx.conf", f"client_max_body_size is not written; {NGINX_DEFAULT} is the default")


def audit_web(snapshot: Snapshot, policy: Settings) -> list[Finding]:
    """One finding for each PHP that a web server runs; one in all where there is no webmail."""
    found, made, front = webmail(snapshot), uploads(snapshot), nginx(snapshot)
    match found, made, front:
        case (Absent(why), _, _):
            return [_told(State.NOT_APPLICABLE, f"There is none here: {why}.")]
        case (Unknown(why), _, _) | (_, Unknown(why), _) | (_, _, Unknown(why)):
            return [_told(State.UNKNOWN, f"How large a file it takes cannot be told: {why}.")]
        case (str() as name, tuple() as several, Nginx() | Absent() as before) if several:
            most = largest_attachment(snapshot)
            return [_judged(name, one, before, most, policy) for one in several]
        case _:
            return [_told(State.UNKNOWN, "How large a file it takes cannot be told: no PHP of a web server is here.")]


def _told(state: State, says: str) -> Finding:
    ask = "lockdown audit     (as root, on the machine of the webmail)" if state is State.UNKNOWN else ""
    return WEB_UPLOAD.finding(state, says, target="webmail", next_command=ask)


def largest_attachment(snapshot: Snapshot) -> int | Unknown:
    """What Postfix takes here, as an attachment; 0 where there is no end to it."""
    server = postfix(snapshot)
    if not isinstance(server, Postfix):
        return Unknown("the mail server that it sends by is no Postfix of this machine, or could not be read")
    limits = [server.number("message_size_limit", service) for service in server.smtp_services()]
    known = [limit for limit in limits if isinstance(limit, int)]
    return int(max(known) / BASE64_GROWTH) if known and all(known) else 0


def _judged(name: str, upload: Upload, front: Nginx | Absent, most: int | Unknown, policy: Settings) -> Finding:
    target = f"webmail by {upload.folder}"
    narrow = narrowest(upload, front)
    evidence = (upload.file.evidence, upload.form.evidence, narrow.evidence)

    def says(state: State, text: str) -> Finding:
        return WEB_UPLOAD.finding(state, text, *dict.fromkeys(evidence), target=target)

    if isinstance(most, Unknown):
        return says(State.UNKNOWN, f"{name} takes files of {narrow.value}; {most.why}.")
    if narrow is not upload.file and narrow.value < upload.file.value:
        return says(State.WARN, f"{name} offers files of {upload.file.value}, and loses any above {narrow.value}.")
    if most and narrow.value > most:
        return says(
            State.WARN, f"{name} takes files of {narrow.value}; the mail server refuses above {most // MIB} MB."
        )
    least = int(DEMANDED[policy.site.profile][0] / BASE64_GROWTH)
    if narrow.value < least:
        return says(State.WARN, f"{name} takes files of {narrow.value} only: too little for people's work.")
    return says(State.PASS, f"{name} takes files of {narrow.value}; so does the mail server.")


def narrowest(upload: Upload, front: Nginx | Absent) -> Size:
    """The limit that a file meets first: the file's, the form's, or that of the server in front."""
    sizes = [upload.file, *([upload.form] if upload.form.value else [])]
    if isinstance(front, Nginx):
        written = [size for size in front.sizes if size.value]
        unlimited = len(written) < len(front.sizes)
        sizes += [min(written, key=lambda size: size.value)] if written else []
        sizes += [] if written or unlimited else [Size(NGINX_DEFAULT, NOT_WRITTEN, False)]
    return min(sizes, key=lambda size: size.value)
