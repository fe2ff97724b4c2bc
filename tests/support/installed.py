"""Our programs in a World, at the places where an installation puts them, so that every user may run them."""

import os
import shutil

PLACES = {"sendmail": "/usr/sbin/sendmail", "mailq": "/usr/bin/mailq",
          "newaliases": "/usr/bin/newaliases", "praliases": "/usr/bin/praliases",
          "postbag-flush": "/usr/libexec/postbag/postbag-flush"}


def install(world, programs):
    """{name: path in the world}"""
    for name, place in PLACES.items():
        target = world.path(place)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copy(programs[name], target)
        target.chmod(0o755)
    return PLACES


def give(world, user, files):
    """Writes {path below the home: text} as this user's own, closed to others; the folders too."""
    home, owner = world.path(f"/home/{user}"), world.uids[user]
    for name, text in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
    for path in home.rglob("*"):
        os.chown(path, owner, owner, follow_symlinks=False)
