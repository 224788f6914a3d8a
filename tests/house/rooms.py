"""rooms: which room may use which, and which library lives where. The one place where this stands as a table.

ARCHITECTURE.md repeats it for readers; `house.py --table` prints it in that form and the house test compares the two.
"""

from collections import namedtuple

Room = namedtuple("Room", "name may_use libraries")

_CORE = ("base", "order", "message")
_ALL_BUT_ROLES = _CORE + ("bus", "store", "live", "ops")

ROOMS = (
    Room("base", (), ("libsodium",)),
    Room("order", ("base",), ()),
    Room("message", ("base", "order"), ("jansson", "msgpack-c")),
    Room("bus", _CORE, ("librdkafka", "libyaml")),
    Room("store", _CORE, ("libpq",)),
    Room("live", _CORE, ("hiredis",)),
    Room("ops", ("base",), ("h2o",)),
    Room("gateway", _ALL_BUT_ROLES, ("h2o", "jansson", "libjwt")),
    Room("worker", _ALL_BUT_ROLES, ()),
    Room("cli", _ALL_BUT_ROLES + ("gateway", "worker"), ()),
)
ROOM = {room.name: room for room in ROOMS}

# A header of include/zapora/ that is not named after its room.
SECOND_DOORS = {"planted": "base"}

# Folders of src/ that hold no C.
NOT_ROOMS = ("web",)

# A library that a room may use only in the files whose names begin like this.
ONLY_IN_FILES = {("gateway", "jansson"): ("auth", "claims", "token")}

# How a library's headers are included, what pkg-config calls it, what its headers want to have defined.
Library = namedtuple("Library", "headers packages defines")
LIBRARIES = {
    "h2o": Library(("h2o.h", "h2o/"), ("libh2o-evloop",), ("-DH2O_USE_LIBUV=0",)),
    "hiredis": Library(("hiredis/", "hiredis.h", "async.h", "sds.h", "read.h", "adapters/"), ("hiredis",), ()),
    "jansson": Library(("jansson",), ("jansson",), ()),
    "libjwt": Library(("jwt.h",), ("libjwt",), ()),
    "libpq": Library(("libpq", "postgres", "pg_config"), ("libpq",), ()),
    "librdkafka": Library(("librdkafka/", "rdkafka"), ("rdkafka",), ()),
    "libsodium": Library(("sodium",), ("libsodium",), ()),
    "libyaml": Library(("yaml.h",), ("yaml-0.1",), ()),
    "msgpack-c": Library(("msgpack",), ("msgpack-c", "msgpack"), ()),
}

# Headers that belong to nobody: the C library's, the kernel's, the sanitizers'.
SYSTEM_HEADERS = set("""
    arpa/inet.h assert.h byteswap.h ctype.h dirent.h dlfcn.h endian.h errno.h fcntl.h fnmatch.h getopt.h glob.h grp.h
    ifaddrs.h inttypes.h langinfo.h libgen.h limits.h locale.h malloc.h math.h net/if.h netdb.h netinet/in.h
    netinet/ip.h netinet/tcp.h poll.h pthread.h pwd.h sched.h semaphore.h setjmp.h signal.h spawn.h stdalign.h
    stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h strings.h syslog.h
    termios.h threads.h time.h unistd.h wchar.h
""".split())
SYSTEM_FOLDERS = ("linux/", "sanitizer/", "sys/")

TABLE_HEADING = ("room", "may use", "libraries")


def table_rows():
    """The table as ARCHITECTURE.md has it: a room, the rooms it may use, its libraries; "none" where there are none."""
    for room in ROOMS:
        yield room.name, ", ".join(room.may_use) or "none", ", ".join(room.libraries) or "none"


def table_markdown():
    rows = [TABLE_HEADING, ("---",) * 3, *table_rows()]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def library_of(header):
    """The library that a header included as <header> belongs to, or None."""
    for name, library in LIBRARIES.items():
        if header.startswith(library.headers):
            return name
    return None


def is_system_header(header):
    return header in SYSTEM_HEADERS or header.startswith(SYSTEM_FOLDERS)
