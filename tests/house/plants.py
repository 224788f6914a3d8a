"""plants: tiny trees with one fault each, which show that every rule can fail, and one that every rule lets pass."""

import pathlib
import tempfile

import rooms
import rules
from tree import Tree

DOOR = "#ifndef {0}_H\n#define {0}_H\n\n#include <stdint.h>\n\nint {0}_count(void);\n\n#endif\n"

# A tree that keeps every rule, and comes near to breaking some.
GOOD = {
    "ARCHITECTURE.md": "# Map\n\n" + rooms.table_markdown() + "\n",
    "include/zapora/base.h": DOOR.format("base"),
    "include/zapora/order.h": DOOR.format("order"),
    "include/zapora/bus.h": DOOR.format("bus"),
    "src/base/own.h": DOOR.format("own"),
    "src/base/base.c": '#include "zapora/base.h"\n#include "own.h"\n\n#include <sodium.h>\n#include <sys/stat.h>\n',
    "src/order/order.c": '#include "zapora/base.h"\n#include "zapora/order.h"\n\n'
                         "/* strcpy(a, b) is banned, log_info(x) too */\n"
                         'const char *words = "system(3) \\" sleep(1)"; // atoi(x)\n'
                         "int a = bed.sleep(1) + bed->sleep(1) + kitchen_system(1) + state_time(2);\n",
    "src/bus/bus.c": '#include "zapora/bus.h"\n\n#include <librdkafka/rdkafka.h>\n',
    "src/web/board.js": "const ticket = 1;\n",
    "tests/unit/wide.c": "/* " + "ü" * 114 + " */\n",
    "README.md": "See docs/work/plan and https://example.org/root/x.\n",
}

BIG = "int x;\n" * (rules.SOURCE_BYTES_MAX // 7 + 1)
MACHINE_PATH = "/" + rules.MACHINE_FOLDERS[0] + "/main"
OTHER_TABLE = GOOD["ARCHITECTURE.md"].replace("| order | base |", "| order | base, bus |")
SHORT_TABLE = GOOD["ARCHITECTURE.md"].replace("| order | base | none |\n", "")
LONG_TABLE = GOOD["ARCHITECTURE.md"] + "| attic | base | none |\n"

# The rule that must notice, the file that is planted into the good tree (None: taken out), a part of the fault.
PLANTS = (
    ("includes", "src/base/up.c", '#include "zapora/order.h"\n', "src/base/up.c:1: base may not use order"),
    ("includes", "src/bus/side.c", '\n#include "zapora/store.h"\n', "src/bus/side.c:2: bus may not use store"),
    ("includes", "src/order/lib.c", "#include <msgpack.h>\n", "order may not use msgpack-c"),
    ("includes", "src/live/lib.c", "# include <libpq-fe.h>\n", "live may not use libpq"),
    ("includes", "src/gateway/stream.c", "#include <jansson.h>\n", "gateway may use jansson only in its auth*"),
    ("includes", "src/order/new.c", "#include <curl/curl.h>\n", "is in no row of tests/house/rooms.py"),
    ("includes", "src/order/peep.c", '#include "../base/own.h"\n', "../base/own.h is not order's own"),
    ("includes", "src/order/peep.c", '#include "src/base/own.h"\n', "src/base/own.h does not exist"),
    ("includes", "src/order/gone.c", '#include "gone.h"\n', "gone.h does not exist"),
    ("includes", "src/order/attic.c", '#include "zapora/attic.h"\n', "zapora/attic.h is no room's door"),
    ("includes", "src/order/macro.c", "#include DOOR\n", "made by a macro"),
    ("includes", "include/zapora/order.h", '#include "zapora/message.h"\n', "order may not use message"),
    ("includes", "include/zapora/bus.h", "#include <librdkafka/rdkafka.h>\n", "must stay behind the door"),
    ("includes", "include/zapora/attic.h", "", "attic is no room"),
    ("folders", "src/attic/box.c", "", "src/attic: no row"),
    ("folders", "src/store/box.c", "", "no include/zapora/store.h"),
    ("architecture", "ARCHITECTURE.md", None, "missing"),
    ("architecture", "ARCHITECTURE.md", "# Map\n", "no table"),
    ("architecture", "ARCHITECTURE.md", OTHER_TABLE, "the row of order should be"),
    ("architecture", "ARCHITECTURE.md", SHORT_TABLE, "no row for order"),
    ("architecture", "ARCHITECTURE.md", LONG_TABLE, "attic stands twice or is no room"),
    ("headers", "include/zapora/order.h", "size_t order_count(void);\n", "unknown type name"),
    ("headers", "include/zapora/order.h", "struct order { int id; };\n", "redefinition"),
    ("headers", "src/base/own.h", "uint8_t own;\n", "unknown type name"),
    *(("banned_calls", "src/base/bad.c", f"\nint x = {name} (1);\n", f"src/base/bad.c:2: {name}: ")
      for name in rules.BANNED),
    ("pure_room", "src/order/now.c", "long t = clock_wall_us();\n", "src/order/now.c:1: clock_wall_us"),
    ("silent_rooms", "src/store/talk.c", 'int f(void) { log_info("x"); }\n', "src/store/talk.c:1: log_info"),
    ("small_files", "src/order/big.c", BIG, "src/order/big.c: "),
    ("white_space", "src/order/tab.c", "int x;\n\tint y;\n", "src/order/tab.c:2: a tab"),
    ("white_space", "tests/unit/end.c", "int x; \n", "tests/unit/end.c:1: trailing white space"),
    ("white_space", "include/zapora/order.h", "int x;\r\n", "trailing white space"),
    ("line_length", "include/zapora/order.h", "\n/* " + "x" * 115 + " */\n", "order.h:2: 121 columns"),
    ("machine_paths", "deploy/notes.md", f"cd {MACHINE_PATH}\n", "deploy/notes.md:1: "),
    ("machine_paths", "tests/x.py", f'"{MACHINE_PATH}"\n', "tests/x.py:1: "),
    ("machine_paths", "meson.build", f"args = ['-I{MACHINE_PATH}']\n", "meson.build:1: "),
    ("machine_paths", "README.md", f"file://{MACHINE_PATH}\n", "README.md:1: "),
)


def _faults(rule, files):
    with tempfile.TemporaryDirectory(prefix="zapora-house-") as folder:
        for path, text in files.items():
            target = pathlib.Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode())
        return rule(Tree(folder))


def self_check(rule):
    """What is wrong with a rule: it fails where it should not, or does not where it should, or nobody tried."""
    wrong = [f"fails on a good tree: {fault}" for fault in _faults(rule, GOOD)]
    plants = [plant for plant in PLANTS if plant[0] == rule.__name__]
    for _, path, text, want in plants:
        files = {p: t for p, t in GOOD.items() if p != path}
        if text is not None:
            files[path] = text
        faults = _faults(rule, files)
        if not any(want in fault for fault in faults):
            wrong.append(f"does not see the fault planted in {path} ({want}); sees {faults}")
    return wrong if plants else ["no fault is planted for it"]
