#!/usr/bin/python3
"""Which tests count for coverage. Usage: meson introspect --tests BUILD | coverage.py BUILD names|paths

Prints the tests of the rooms order and message, one a line: their names, or their programs below the build folder.
"""
import json
import os
import re
import sys

# Units, torture and corpora. The fuzz targets are those of the message room's decoders.
TESTS = re.compile(r"(torture_)?(order|message)(_.*)?|"
                   r"fuzz_(command_read|event_decode|letter_read|place_parse|record_read|settlement_read|stored_json)")


def main():
    build, what = sys.argv[1:]
    for test in json.load(sys.stdin):
        if TESTS.fullmatch(test["name"]):
            print(test["name"] if what == "names" else os.path.relpath(test["cmd"][0], build))


if __name__ == "__main__":
    main()
