"""Who calls sendmail, how, and what comes of it: programs of Debian 12 and their upstreams, one entry a way to call.

Commands and texts were read in the callers' sources. A command that is a text is a shell's line; a list is executed.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Caller:
    """`to` and `sender` are the queued envelope's; an address without a domain stays without.

    `changes` maps header lines of stdin to what they become (None: they go); all others stay as they are, in their
    order. `added` are the fields that sendmail adds behind them, of D(ate) F(rom) M(essage-ID). `body` is what is
    queued; None: what stands behind the first empty line of stdin. `mime` are the fields that 8-bit text gets.
    """
    name: str
    command: object
    stdin: str
    to: list
    sender: str = "{login}"
    changes: dict = field(default_factory=dict)
    added: str = "DFM"
    shown_from: str = "{name} <{login}@lan.example>"
    body: str = None
    mime: tuple = ()
    dsn: tuple = ({}, {})  # of each recipient, of the sender
    env: dict = None       # all of the environment that the caller leaves
    cwd: str = None
    flush: bool = True
    from_file: bool = False  # standard input is a regular file


SEND = "/usr/sbin/sendmail"
TO_ROOT = {"To: root": "To: root@lan.example"}
CRON_FROM = {"From: root (Cron Daemon)": "From: root@lan.example (Cron Daemon)", **TO_ROOT}
PLAIN = "Subject: s\n\none\n.\ntwo\n"  # a lone dot in it, which must not cut a report
LETTER = ("From: Ann <ann@x.test>\nTo: bob@y.test\nSubject: s\nDate: Fri, 20 Nov 2026 10:00:00 +0000\n"
          "Message-ID: <1@x.test>\n\nHello,\n.\nAnn\n")
CRON = """From: root (Cron Daemon)
To: root
Subject: Cron <root@box> test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit
X-Cron-Env: <SHELL=/bin/sh>
X-Cron-Env: <HOME=/root>
X-Cron-Env: <LOGNAME=root>

/etc/cron.daily/logrotate:
größer als erwartet
.
From the beginning
"""
OLD_CRON = """From: root (Cron Daemon)
To: root
Subject: Cron <root@box> /usr/libexec/atrun
X-Cron-Env: <SHELL=/bin/sh>

atrun: cannot open /var/at/jobs
.
more
"""
CRONIE = """From: "(Cron Daemon)" <root>
To: root
Subject: Cron <root@box> run-parts /etc/cron.hourly
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Auto-Submitted: auto-generated
Precedence: bulk
X-Cron-Env: <XDG_SESSION_ID=4>

error: stat of /var/log/x failed
"""
SUDO = """To: root
From: jane
Auto-Submitted: auto-generated
Subject: *** SECURITY information for box ***

box : Nov 20 10:00:00 : jane : user NOT in sudoers ; TTY=pts/0 ; PWD=/home/jane ; USER=root ; COMMAND=/bin/ls

"""
MDADM = """From: mdadm monitoring <root@box>
To: root
Subject: DegradedArray event on /dev/md0:box

This is an automatically generated mail message from mdadm
Faithfully yours, etc.

P.S. The /proc/mdstat file currently contains the following:

Personalities : [raid1]
md0 : active raid1 sda1[0]
      1047552 blocks super 1.2 [2/1] [U_]

unused devices: <none>
"""
LOGWATCH = """To: root
To: ops@example.org
From: Logwatch <root>
Subject: Logwatch for box (Linux)
MIME-Version: 1.0
Content-Transfer-Encoding: 7bit
Content-Type: text/plain; charset="iso-8859-1"

 ################### Logwatch 7.7 ####################
 .
 ###################### Logwatch End #########################
"""
DEBSECAN = "Subject: Debian security status of box\nTo: root\n\nSecurity report based on the bookworm release\n"
CHANGES = """Subject: apt-listchanges: changelogs for box
To: root
Auto-Submitted: auto-generated
MIME-Version: 1.0
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: quoted-printable

cron (3.0pl1-162) unstable; urgency=3Dmedium
  * gr=C3=BCn
"""
UPGRADES = CHANGES.replace("apt-listchanges: changelogs for", "unattended-upgrades result for")
RKHUNTER = ("Subject: [rkhunter] box - Daily report\nTo: {}\n\n"
            "Warning: The command '/usr/bin/lwp-request' has been replaced\n.\n")
FAIL2BAN = """Subject: [Fail2Ban] sshd: banned 192.0.2.7 from box
Date: Fri, 20 Nov 2026 10:00:00 +0000
From: Fail2Ban <fail2ban>
To: root

Hi,

The IP 192.0.2.7 has just been banned by Fail2Ban.

Regards,

Fail2Ban
"""
PATCH = """From: Ann Öl <ann@x.test>
To: dev@lists.test
Cc: bob@y.test
Subject: [PATCH 1/2] cron: mail reports
Date: Fri, 20 Nov 2026 10:00:00 +0000
Message-Id: <20261120100000.1-1-ann@x.test>
X-Mailer: git-send-email 2.39.5
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit

From: Ann Öl <ann@x.test>

---
 a.c | 2 +-
-- 
2.39.5

"""
PUSHED = """To: dev@lists.test
Cc: 
Subject: [SCM] project branch, master, updated. v1-2-gabc
X-Git-Refname: refs/heads/master
Auto-Submitted: auto-generated

The branch, master has been updated
"""
PHP = ("To: ann@x.test\r\nSubject: Bestellung\r\nFrom: shop@x.test\r\nX-PHP-Originating-Script: 33:mail.php\r\n"
       "\r\nDear Ann,\nline\n.\n\r\n")
PHPMAILER = ("Date: Fri, 20 Nov 2026 10:00:00 +0000\nTo: Ann <ann@x.test>\nFrom: Shop <shop@x.test>\nSubject: s\n"
             "Message-ID: <h@x.test>\nX-Mailer: PHPMailer 6.7.1\nMIME-Version: 1.0\n"
             "Content-Type: text/html; charset=utf-8\n\n"
             "<b>Grüße</b>\n.\n\n")
DOVECOT = """Return-Path: <>
Message-ID: <dovecot-sieve-1@box>
Date: Fri, 20 Nov 2026 10:00:00 +0000
From: <jane@lan.example>
To: <ann@x.test>
Subject: Auto: hello
Auto-Submitted: auto-replied (vacation)
Precedence: bulk
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

I am away.
.
""".replace("\n", "\r\n")
PROCMAIL = """From bounce@lists.test Fri Nov 20 10:00:00 2026
Return-Path: <bounce@lists.test>
Received: from lists.test by box; Fri, 20 Nov 2026 10:00:00 +0000
From: Ann <ann@x.test>
To: jane@lan.example
Subject: s
Date: Fri, 20 Nov 2026 10:00:00 +0000
Message-ID: <1@x.test>

From the list
>From before
"""
FROM_LINES = {line: None for line in ("From bounce@lists.test Fri Nov 20 10:00:00 2026",
                                      "Return-Path: <bounce@lists.test>")}
CUPS = ("Date: Fri, 20 Nov 2026 10:00:00 +0000\nFrom: cups@box\nTo: jane\nSubject: Print Job: report completed\n\n"
        "report-7 completed\nJob completed.\n\n")
TIGER = ("To: root\nSubject: Tiger Auditing Report for box\n\n# Checking accounts...\n"
         "--WARN-- [acc001w] Login ID jürgen\n")
ZED = ("Subject: ZFS scrub_finish event for tank on box\n\nZFS has finished a scrub:\n\n   eid: 42\n"
       " class: scrub_finish\n")
ZED_GLUED = ZED.replace("box\n\nZFS", "box\nZFS")
NETDATA = """To: root
Subject: box needs attention, system.cpu = 93%
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="multipart-boundary"

This is a MIME-encoded multipart message

--multipart-boundary
Content-Type: text/plain; encoding=UTF-8

größer
.
--multipart-boundary--
"""
GITEA = LETTER.replace("\n", "\r\n")
MIME_DIGEST = ("From: root@lan.example\nTo: root@lan.example\nSubject: box 2026-11-20 System Events\n"
               "MIME-Version: 1.0\n\nSystem Events\n")
CTE = ("Content-Transfer-Encoding: 8bit",)
MIME = ("MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", *CTE)
SUDO_ENV = {"HOME": "/", "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LOGNAME": "root", "USER": "root"}
LETTER_KEPT = {"added": "", "body": "Hello,\n.\nAnn\n"}
BOB = ["bob@y.test"]
DSN_ALL = {"notify": "success,delay,failure"}

CALLERS = [
    Caller("01-cron", [SEND, "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"], CRON, ["root"], changes=CRON_FROM,
           added="DM"),
    Caller("02-vixie-cron", [SEND, "-FCronDaemon", "-odi", "-oem", "-or0s", "root"], OLD_CRON, ["root"],
           changes=CRON_FROM,
           added="DM"),
    Caller("03-cronie", [SEND, "-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root"], CRONIE, ["root"],
           "root",
           changes={'From: "(Cron Daemon)" <root>': 'From: "(Cron Daemon)" <root@lan.example>', **TO_ROOT}, added="DM"),
    Caller("04-busybox-crond", ["sendmail", "-ti"], "To: root\nSubject: cron: run-parts /etc/daily\n\nout\n.\n",
           ["root"], changes=TO_ROOT,
           from_file=True),
    Caller("05-bcron", [SEND, "-FCronDaemon", "-odi", "-oem", "jane"],
           "To: <jane>\nFrom: <root>\nSubject: Cron <jane@box> x\n\nout\n", ["jane"], added="DM",
           changes={"To: <jane>": "To: <jane@lan.example>", "From: <root>": "From: <root@lan.example>"}),
    Caller("06-dcron", f"{SEND} -t -oem -i", "To: root\nSubject: cron for user root ls\n\nout\n", ["root"],
           changes=TO_ROOT),
    Caller("07-anacron", [SEND, "-FAnacron", "-odi", "root"],
           "From: Anacron <root>\nTo: root\nContent-Type: text/plain; charset=\"UTF-8\"\n"
           "Subject: Anacron job 'cron.daily' on box\n"
           "\n/etc/cron.daily/x:\n.\nend\n", ["root"],
           changes={"From: Anacron <root>": "From: Anacron <root@lan.example>", **TO_ROOT}, added="DM"),
    Caller("08-at", ["sendmail", "-i", "jane"], "Subject: Output from your job        7\nTo: jane\n\nout\n.\n",
           ["jane"],
           changes={"To: jane": "To: jane@lan.example"}, cwd="/"),
    Caller("09-systemd-cron", "exec sendmail -i -B8BITMIME root",
           "From: root (systemd-cron)\nTo: root\nSubject: [box] job cron-daily failed\nMIME-Version: 1.0\n"
           "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\nX-Mailer: systemd-cron 1.15\n"
           "Auto-Submitted: auto-generated\n\n● cron-daily.service\n", ["root"], added="DM",
           changes={"From: root (systemd-cron)": "From: root@lan.example (systemd-cron)", **TO_ROOT}),
    Caller("10-sudo", [SEND, "-t"], SUDO, ["root"], changes={"From: jane": "From: jane@lan.example", **TO_ROOT},
           added="DM", env=SUDO_ENV, cwd="/"),
    Caller("11-mdadm", f"{SEND} -t", MDADM, ["root"], changes=TO_ROOT, added="DM"),
    Caller("12-logwatch", f"{SEND} -t", LOGWATCH, ["root", "ops@example.org"], added="DM",
           changes={"From: Logwatch <root>": "From: Logwatch <root@lan.example>", **TO_ROOT}),
    Caller("13-debsecan", f"{SEND} -t", DEBSECAN, ["root"], changes=TO_ROOT),
    Caller("14-apt-listchanges", [SEND, "-oi", "-t"], CHANGES, ["root"], changes=TO_ROOT),
    Caller("15-unattended-upgrades", [SEND, "-oi", "-t"], UPGRADES, ["root"], changes=TO_ROOT),
    Caller("16-apt-listbugs", f"{SEND} -t -odi", "From: root\nTo: root\nSubject: Bugs gone\n\nlibc6\n.\n", ["root"],
           changes={"From: root": "From: root@lan.example", **TO_ROOT}, added="DM"),
    Caller("17-cron-apt", "sendmail -t -oi",
           "To: root\nSubject: CRON-APT completed on box [/etc/cron-apt/config]\n\nx\n.\n",
           ["root"], changes=TO_ROOT, from_file=True),
    Caller("18-popularity-contest", "MTAOPS='-O DeliveryMode=q'; MAILFROM=root@box.test; MAILTO=survey@popcon.test; "
           'sendmail -oi $MTAOPS ${MAILFROM:+-f "$MAILFROM"} $MAILTO',
           "To: survey@popcon.test\nSubject: popularity-contest submission\nMIME-Version: 1.0\n\n"
           "POPULARITY-CONTEST-0 TIME:1\n",
           ["survey@popcon.test"], "root@box.test", shown_from="{name} <root@box.test>", flush=False),
    Caller("19-rkhunter", f"REPORT_EMAIL=root; {SEND} $REPORT_EMAIL", RKHUNTER.format("root"), ["root"],
           changes=TO_ROOT),
    Caller("19-rkhunter-two", f"REPORT_EMAIL='root ops@example.org'; {SEND} $REPORT_EMAIL",
           RKHUNTER.format("root ops@example.org"),
           ["root", "ops@example.org"]),
    Caller("20-fail2ban", f'{SEND} -f "fail2ban" "root"', FAIL2BAN, ["root"], "fail2ban", added="M",
           changes={"From: Fail2Ban <fail2ban>": "From: Fail2Ban <fail2ban@lan.example>", **TO_ROOT}),
    Caller("21-git-send-email", [SEND, "-f", "ann@x.test", "-i", "dev@lists.test", "bob@y.test"], PATCH,
           ["dev@lists.test", "bob@y.test"], "ann@x.test", added=""),
    Caller("21-git-send-email-cmd", ["sh", "-c", 'sendmail "$@"', "sendmail", "-i", "dev@lists.test", "bob@y.test"],
           PATCH, ["dev@lists.test", "bob@y.test"], added=""),
    Caller("22-git-post-receive", f'{SEND} -t -f "git@x.test"', PUSHED, ["dev@lists.test"], "git@x.test",
           shown_from="{name} <git@x.test>"),
    Caller("23-mutt", ["sendmail", "-oem", "-oi", "-B8BITMIME", "-f", "ann@x.test", "-N", "never", "-R", "hdrs", "--",
                       "bob@y.test"],
           LETTER, BOB, "ann@x.test", dsn=({"notify": "never"}, {"ret": "hdrs"}), **LETTER_KEPT),
    Caller("23-mutt-plain", ["sendmail", "-oem", "-oi", "--", "bob@y.test"], LETTER, BOB, **LETTER_KEPT),
    Caller("24-emacs", ["sendmail", "-oi", "-f", "ann@x.test", "-oA/etc/aliases", "-oem", "-odb", "-t"], LETTER, BOB,
           "ann@x.test", **LETTER_KEPT),
    Caller("24-emacs-message", ["sendmail", "-oi", "-f", "ann@x.test", "-oep", "-odi", "-t", "-N",
                                "success,delay,failure"], LETTER, BOB,
           "ann@x.test", dsn=(DSN_ALL, {}), **LETTER_KEPT),
    Caller("24-emacs-argument", ["sendmail", "-oi", "-oem", "-odb", "bob@y.test"], LETTER, BOB, **LETTER_KEPT),
    Caller("25-php", f"{SEND} -t -i -fshop@x.test", PHP, ["ann@x.test"], "shop@x.test", added="DM",
           body="Dear Ann,\nline\n.\n\n"),
    Caller("26-phpmailer", f"{SEND} -oi -fshop@x.test -t", PHPMAILER, ["ann@x.test"], "shop@x.test", added="",
           mime=CTE),
    Caller("26-phpmailer-no-sender", f"{SEND} -oi -t", PHPMAILER, ["ann@x.test"], added="", mime=CTE),
    Caller("26-phpmailer-qmail", f"{SEND} -fshop@x.test -t", PHPMAILER, ["ann@x.test"], "shop@x.test", added="",
           mime=CTE),
    Caller("27-symfony-t", f"{SEND} -t -i -f'shop@x.test'", PHPMAILER.replace("\n", "\r\n"), ["ann@x.test"],
           "shop@x.test", added="", mime=CTE,
           body="<b>Grüße</b>\n.\n\n"),
    Caller("28-pear-mail", f"{SEND} -i -f'ann@x.test' -- bob@y.test", LETTER, BOB, "ann@x.test", **LETTER_KEPT),
    Caller("29-email-sender", ["sendmail", "-i", "-f", "ann@x.test", "--", "bob@y.test"], LETTER, BOB, "ann@x.test",
           **LETTER_KEPT),
    Caller("30-mail-mailer", ["sendmail", "-t"], LETTER, BOB, **LETTER_KEPT),
    Caller("31-mime-lite", "/usr/lib/sendmail -t -oi -oem", LETTER, BOB, **LETTER_KEPT),
    Caller("32-logcheck", 'PATH="$PATH:/usr/sbin:/usr/lib"; exec sendmail -oi root', MIME_DIGEST, ["root"], added="DM"),
    Caller("33-ruby-mail", f'{SEND} -i -f "ann@x.test" -- "bob@y.test" 2>&1', GITEA, BOB, "ann@x.test", **LETTER_KEPT),
    Caller("34-reportbug", f"{SEND} -f 'ann@x.test' -oi -oem bob@y.test", LETTER, BOB, "ann@x.test", **LETTER_KEPT),
    Caller("35-devscripts", f"{SEND} -t", LETTER.replace("To: bob@y.test\n",
                                                         "To: 1@bugs.test\nCc: bob@y.test\nBcc: me@x.test\n"),
           ["1@bugs.test", "bob@y.test", "me@x.test"], changes={"Bcc: me@x.test": None}, **LETTER_KEPT),
    Caller("36-buildd", f"{SEND} -oem 'jane'", "To: jane\nSubject: Log for build\n\none\n..\ntwo\n", ["jane"],
           changes={"To: jane": "To: jane@lan.example"}),
    Caller("37-dovecot", ["sendmail", "-i", "-f", "<>", "--", "ann@x.test"], DOVECOT, ["ann@x.test"], "",
           changes={"Return-Path: <>": None}, added="", body="I am away.\n.\n"),
    Caller("37-dovecot-redirect", ["sendmail", "-i", "-f", "ann@x.test", "--", "bob@y.test"], GITEA, BOB, "ann@x.test",
           **LETTER_KEPT),
    Caller("38-procmail", ["sendmail", "-oi", "bob@y.test"], PROCMAIL, BOB, changes=FROM_LINES, added=""),
    Caller("39-vacation", [SEND, "-f", "jane", "--", "ann@x.test"],
           "To: ann@x.test\nFrom: jane\nSubject: away\nPrecedence: bulk\n\nI am away.\n", ["ann@x.test"], "jane",
           changes={"From: jane": "From: jane@lan.example"}, added="DM"),
    Caller("40-cups", [SEND, "jane"], CUPS, ["jane"], changes={"To: jane": "To: jane@lan.example"}, added="M"),
    Caller("41-warnquota", f"{SEND} -t",
           "From: root@localhost\nReply-To: root@localhost\nSubject: Disk Quota\nTo: jane\nCc: root\n"
           "\nHi,\n", ["jane", "root"], added="DM", changes={"To: jane": "To: jane@lan.example",
                                                             "Cc: root": "Cc: root@lan.example"}),
    Caller("42-mon", "/usr/lib/sendmail -oi -t -f mon -F mon",
           "To: root\nSubject: ALERT web/http: box\nX-Mailer: mail.alert\n\nx\n.\n",
           ["root"], "mon", changes=TO_ROOT, shown_from="mon <mon@lan.example>"),
    Caller("43-psad", f"{SEND} -oi -t", "From: root\nTo: root\nSubject: [psad-alert] DL2\n\n=-=-=\n.\n", ["root"],
           added="DM",
           changes={"From: root": "From: root@lan.example", **TO_ROOT}),
    Caller("44-hylafax", f'FROM=fax; TO=jane; {SEND} -f"$FROM" -oi "$TO"',
           "To: jane\nFrom: The HylaFAX Agent <fax>\nSubject: x\n\nfax\n",
           ["jane"], "fax", added="DM",
           changes={"To: jane": "To: jane@lan.example",
                    "From: The HylaFAX Agent <fax>": "From: The HylaFAX Agent <fax@lan.example>"}),
    Caller("44-hylafax-t", f"{SEND} -t -ffax -oi", DEBSECAN, ["root"], "fax", changes=TO_ROOT,
           shown_from="{name} <fax@lan.example>"),
    Caller("45-watchdog", ["/usr/lib/sendmail", "-i", "root"], "Subject: box is going down!\n\nload average too high\n",
           ["root"]),
    Caller("46-rt", ["sendmail", "-oi", "-t"], LETTER, BOB, **LETTER_KEPT),
    Caller("46-rt-bounce", ["sendmail", "-oi", "-f", "<>", "-t"], LETTER, BOB, "", **LETTER_KEPT),
    Caller("46-rt-bounce-verp", ["sendmail", "-oi", "-f", "<>", "-t", "-f", "rt-verp@x.test"], LETTER, BOB,
           "rt-verp@x.test",
           **LETTER_KEPT),
    Caller("46-rt-other-options", ["sendmail", "-oi", "-ODeliveryMode=b", "-OErrorMode=m", "-t"], LETTER, BOB,
           **LETTER_KEPT),
    Caller("47-sympa", ["sendmail", "-oi", "-odi", "-oem", "-N", "success,delay,failure", "-V00000001", "-f",
                        "list-owner@x.test", "--", "bob@y.test", "eve@z.test"], LETTER, ["bob@y.test", "eve@z.test"],
                        "list-owner@x.test",
           dsn=(DSN_ALL, {"envid": "00000001"}), **LETTER_KEPT),
    Caller("48-tiger", "RCPT=root; sendmail $RCPT", TIGER, ["root"], changes=TO_ROOT, mime=MIME),
    Caller("49-bacula", f"{SEND} -t", "From: Bacula <root>\nTo: root\nSubject: ✔ All OK\n\nJobs\n", ["root"],
           added="DM",
           changes={"From: Bacula <root>": "From: Bacula <root@lan.example>", **TO_ROOT}),
    Caller("50-alpine-t", ["sendmail", "-oem", "-t", "-oi"], GITEA, BOB, **LETTER_KEPT),
    Caller("51-bsd-mailx", ["sendmail", "-i", "-t", "-f", "jane", "-m", "-v"], "To: root\nSubject: s\n\nhello\n.\n",
           ["root"], "jane",
           changes=TO_ROOT, shown_from="{name} <jane@lan.example>"),
    Caller("52-s-nail", ["sendmail", "-i", "-m", "-v", "-F", "Ann", "-f", "ann@x.test", "--", "bob@y.test"], LETTER,
           BOB, "ann@x.test",
           **LETTER_KEPT),
    Caller("53-mailutils", ["sendmail", "-oi", "-f", "jane@localhost.localdomain", "-t"], LETTER, BOB,
           "jane@localhost.localdomain",
           **LETTER_KEPT),
    Caller("54-sendEmail", ["/usr/bin/sendmail", "-bm", "-t"], LETTER, BOB, **LETTER_KEPT),
    Caller("55-zed", "eval sendmail root >/dev/null 2>&1", ZED, ["root"], from_file=True),
    Caller("55-zed-no-empty-line", "eval sendmail root >/dev/null 2>&1", ZED_GLUED, ["root"], from_file=True,
           body="ZFS has finished a scrub:\n\n   eid: 42\n class: scrub_finish\n"),
    Caller("56-netdata", ["sendmail", "-t", "-F", "netdata on 'box'", "-f", "netdata"], NETDATA, ["root"], "netdata",
           changes=TO_ROOT,
           shown_from="netdata on 'box' <netdata@lan.example>", mime=CTE),
    Caller("57-gitea", ["sendmail", "-f", "ann@x.test", "-i", "bob@y.test"], GITEA, BOB, "ann@x.test", **LETTER_KEPT),
]

# Callers that talk SMTP: (name, command, [(what is sent, the reply that is waited for)]).
LETTER_LINES = LETTER.replace("\n", "\r\n").replace("\r\n.\r\n", "\r\n..\r\n")
DIALOGUES = [
    ("27-symfony", [SEND, "-bs"],
     [("", "220 "), ("EHLO [127.0.0.1]\r\n", "250 "), ("MAIL FROM:<ann@x.test>\r\n", "250 "),
      ("RCPT TO:<bob@y.test>\r\n", "250 "),
      ("DATA\r\n", "354 "), (LETTER_LINES + "\r\n.\r\n", "250 "), ("RSET\r\n", "250 "), ("QUIT\r\n", "221 ")]),
    ("50-alpine", ["sendmail", "-bs", "-odb", "-oem"],
     [("", "220 "), ("EHLO box\r\n", "250 "), ("MAIL FROM:<ann@x.test> BODY=8BITMIME\r\n", "250 "),
      ("RCPT TO:<bob@y.test>\r\n", "250 "), ("DATA\r\n", "354 "), (LETTER_LINES + "\r\n.\r\n", "250 "),
      ("QUIT\r\n", "221 ")]),
]
