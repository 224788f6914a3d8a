"""rules: what the house test checks. Each rule takes a tree and gives its faults as "where: what"."""

import posixpath
import re
import subprocess

import rooms
from tree import without_comments, without_comments_and_literals

C_FILES = (".c", ".h")
SOURCE_BYTES_MAX = 28 * 1024
LINE_LENGTH_MAX = 120

# What is not called in src/, and why.
BANNED = {
    "alloca": "takes stack without a ceiling",
    "assert": "dies without a line in the log; ZP_ASSERT",
    "atof": "takes anything for a number",
    "atoi": "takes anything for a number, and overflow is undefined",
    "atol": "takes anything for a number, and overflow is undefined",
    "atoll": "takes anything for a number, and overflow is undefined",
    "gets": "knows no end of its buffer",
    "gmtime": "shares one result between threads; time_format",
    "localtime": "shares one result between threads and depends on the time zone; time_format",
    "popen": "runs a shell",
    "rand": "can be guessed; crypto_random",
    "random": "can be guessed; crypto_random",
    "sleep": "stops a thread where a condition belongs",
    "sprintf": "knows no end of its buffer; snprintf, arena_printf, buffer_printf",
    "strcat": "knows no end of its buffer; buffer_puts",
    "strcpy": "knows no end of its buffer; arena_strdup, snprintf",
    "strncat": "its length is not the buffer's; buffer_append",
    "strncpy": "may leave the end without a NUL; snprintf",
    "strtok": "keeps its place in a variable of all threads; strsep",
    "system": "runs a shell",
    "usleep": "stops a thread where a condition belongs",
    "vsprintf": "knows no end of its buffer; vsnprintf",
}

# What the pure room does not call: the same command gives the same event on every machine, at any time.
IMPURE = ("clock_mono_us", "clock_wall_us", "config_load", "crypto_random", "fopen", "fprintf", "getenv", "id_fresh",
          "open", "printf", "read", "time", "write")
PURE_ROOM = "order"

# Rooms that return errors instead of writing log lines. (base writes the lines.)
SILENT_ROOMS = ("order", "message", "bus", "store", "live", "ops")
LOG_CALLS = ("log_debug", "log_info", "log_warn", "log_error", "log_write")

# Folders of the machine that builds, put together so that this file passes its own rule.
MACHINE_FOLDERS = ("work", "root")


# ---- rooms -------------------------------------------------------------------------------------------------------

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>|(\S.*))', re.MULTILINE)


def _includes(text):
    """(line, header in quotes or None, header in angles or None) of each include."""
    code = without_comments(text)
    for match in _INCLUDE.finditer(code):
        yield code.count("\n", 0, match.start()) + 1, match.group(1), match.group(2)


def _room_of(path):
    """The room a file of src/ or include/zapora/ belongs to, and whether it is the room's door."""
    parts = path.split("/")
    if parts[0] == "src":
        return parts[1], False
    door = parts[-1].removesuffix(".h")
    return rooms.SECOND_DOORS.get(door, door), True


def _quoted_fault(tree, path, room, header):
    """A header in quotes is another room's door, or the room's own file."""
    if header.startswith("zapora/"):
        other = header.removeprefix("zapora/").removesuffix(".h")
        other = rooms.SECOND_DOORS.get(other, other)
        if other not in rooms.ROOM:
            return f"{header} is no room's door"
        if other != room.name and other not in room.may_use:
            return f"{room.name} may not use {other}"
        return None
    own = posixpath.normpath(posixpath.join(posixpath.dirname(path), header))
    if not own.startswith(f"src/{room.name}/"):
        return f"{header} is not {room.name}'s own; the door of another room is zapora/<room>.h"
    return None if own in tree.paths else f"{header} does not exist"


def _angled_fault(path, room, is_door, header):
    """A header in angles is the system's or that of one of the room's libraries."""
    library = rooms.library_of(header)
    if library is None:
        return None if rooms.is_system_header(header) else f"<{header}> is in no row of tests/house/rooms.py"
    if is_door:
        return f"{library} must stay behind the door: forward-declare its types"
    if library not in room.libraries:
        return f"{room.name} may not use {library}"
    beginnings = rooms.ONLY_IN_FILES.get((room.name, library))
    if beginnings and not posixpath.basename(path).startswith(beginnings):
        return f"{room.name} may use {library} only in its {' and '.join(b + '*' for b in beginnings)} files"
    return None


def includes(tree):
    """a room includes only the doors of rooms it may use, its own files and its own libraries"""
    faults = []
    for path in tree.under(("src/", "include/"), C_FILES):
        name, is_door = _room_of(path)
        if name not in rooms.ROOM:
            faults.append(f"{path}: {name} is no room")
            continue
        for line, quoted, angled in _includes(tree.text(path)):
            if quoted:
                fault = _quoted_fault(tree, path, rooms.ROOM[name], quoted)
            elif angled:
                fault = _angled_fault(path, rooms.ROOM[name], is_door, angled)
            else:
                fault = "an include that is made by a macro can't be checked"
            if fault:
                faults.append(f"{path}:{line}: {fault}")
    return faults


def folders(tree):
    """every folder of src/ is a room, and every room has a door"""
    faults = []
    found = {p.split("/")[1] for p in tree.paths if p.startswith("src/") and p.count("/") > 1}
    for name in sorted(found - set(rooms.ROOM) - set(rooms.NOT_ROOMS)):
        faults.append(f"src/{name}: no row in tests/house/rooms.py")
    for name in sorted(found & set(rooms.ROOM)):
        # cli is the program itself: nobody uses it.
        if name != "cli" and f"include/zapora/{name}.h" not in tree.paths:
            faults.append(f"src/{name}: no include/zapora/{name}.h")
    return faults


def _cells(line):
    return tuple(cell.strip().replace("`", "") for cell in line.strip().strip("|").split("|"))


def _table_of(text):
    """The rows under the heading `| room | may use | libraries |`, or None without that heading."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.lstrip().startswith("|") and _cells(line.lower()) == rooms.TABLE_HEADING:
            rows = []
            for row in lines[number + 2:]:
                if not row.lstrip().startswith("|"):
                    break
                rows.append(_cells(row))
            return rows
    return None


def _words(cell):
    return {word.strip() for word in cell.split(",")} - {"none", ""}


def architecture(tree):
    """ARCHITECTURE.md has the same may-use table"""
    if "ARCHITECTURE.md" not in tree.paths:
        return ["ARCHITECTURE.md: missing; tests/house/house.py --table prints the table it must have"]
    table = _table_of(tree.text("ARCHITECTURE.md"))
    if table is None:
        return ["ARCHITECTURE.md: no table | room | may use | libraries |; tests/house/house.py --table prints it"]
    written = {row[0]: row for row in table}
    faults = [f"ARCHITECTURE.md: {name} stands twice or is no room" for name in sorted(
        {row[0] for row in table if row[0] not in rooms.ROOM or [r[0] for r in table].count(row[0]) > 1})]
    for row in rooms.table_rows():
        got = written.get(row[0])
        if got is None:
            faults.append(f"ARCHITECTURE.md: no row for {row[0]}")
        elif len(got) != 3 or [_words(cell) for cell in got[1:]] != [_words(cell) for cell in row[1:]]:
            faults.append(f"ARCHITECTURE.md: the row of {row[0]} should be | {' | '.join(row)} |")
    return faults


# ---- calls -------------------------------------------------------------------------------------------------------


def _calls(tree, folder, names):
    """(place, name) of each call of one of the names, not of a member or of a longer name that ends like it."""
    pattern = re.compile(r"(?<![\w.])(?<!->)(" + "|".join(names) + r")\s*\(")
    for path in tree.under(folder, C_FILES):
        code = without_comments_and_literals(tree.text(path))
        for match in pattern.finditer(code):
            yield f"{path}:{code.count(chr(10), 0, match.start()) + 1}", match.group(1)


def banned_calls(tree):
    """no banned function is called in src/"""
    return [f"{place}: {name}: {BANNED[name]}" for place, name in _calls(tree, "src/", BANNED)]


def pure_room(tree):
    """order looks at no clock, no random source, no file"""
    return [f"{place}: {name}" for place, name in _calls(tree, f"src/{PURE_ROOM}/", IMPURE)]


def silent_rooms(tree):
    """rooms below gateway and worker return errors and write no log lines"""
    places = tuple(f"src/{room}/" for room in SILENT_ROOMS)
    return [f"{place}: {name}" for place, name in _calls(tree, places, LOG_CALLS)]


# ---- files -------------------------------------------------------------------------------------------------------


def small_files(tree):
    """no file in src/ is over 28 KiB"""
    return [f"{path}: {tree.size(path)} bytes; split it" for path in tree.paths
            if path.startswith("src/") and tree.size(path) > SOURCE_BYTES_MAX]


def _lines(tree, paths):
    for path in paths:
        text = tree.text(path)
        for number, line in enumerate([] if text is None else text.split("\n"), 1):
            yield f"{path}:{number}", line


def white_space(tree):
    """no tab and no trailing white space in src/, include/ and tests/"""
    paths = tree.under(("src/", "include/", "tests/"), C_FILES + (".build", ".py", ".sh"))
    faults = []
    for place, line in _lines(tree, paths):
        if "\t" in line:
            faults.append(f"{place}: a tab")
        if line != line.rstrip():
            faults.append(f"{place}: trailing white space")
    return faults


def line_length(tree):
    """no line of C over 120 columns"""
    paths = tree.under(("src/", "include/", "tests/"), C_FILES)
    return [f"{place}: {len(line)} columns" for place, line in _lines(tree, paths) if len(line) > LINE_LENGTH_MAX]


def machine_paths(tree):
    """no path of one machine in any file"""
    pattern = re.compile(r"(?:(?<![\w.$}])|(?<=-[IL]))/(" + "|".join(MACHINE_FOLDERS) + r")/")
    return [f"{place}: {match.group()}" for place, line in _lines(tree, tree.paths)
            for match in [pattern.search(line)] if match]


# ---- headers -----------------------------------------------------------------------------------------------------


def _pkg_config(packages):
    """The first package's flags that is known here."""
    for package in packages:
        asked = subprocess.run(["pkg-config", "--cflags", package], capture_output=True, text=True, check=False)
        if asked.returncode == 0:
            return asked.stdout.split()
    return []


def _library_flags(room):
    flags = []
    for name in rooms.ROOM[room].libraries if room in rooms.ROOM else ():
        library = rooms.LIBRARIES[name]
        flags += [*_pkg_config(library.packages), *library.defines]
    return flags


def make_headers_rule(compiler):
    """The rule that compiles every header alone with that compiler; twice in one file, so that its guard counts."""
    flags_of = {}

    def headers(tree):
        """every header compiles alone"""
        faults = []
        for path in tree.under(("include/", "src/"), (".h",)):
            room, is_door = _room_of(path)
            if not is_door and room not in flags_of:
                flags_of[room] = _library_flags(room)
            command = [*compiler, "-fsyntax-only", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
                       "-Iinclude", *([] if is_door else flags_of[room]), "-x", "c", "-"]
            source = f'#include "{path}"\n#include "{path}"\n'
            done = subprocess.run(command, input=source, cwd=tree.root, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                faults.append(next((line for line in done.stderr.splitlines() if "error" in line), path))
        return faults

    return headers


def all_rules(compiler):
    return (includes, folders, architecture, make_headers_rule(compiler), banned_calls, pure_room, silent_rooms,
            small_files, white_space, line_length, machine_paths)
