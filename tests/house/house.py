#!/usr/bin/env python3
"""house: checks that the house is built as ARCHITECTURE.md says, and that these checks can fail.

    house.py ROOT [COMPILER…]   one line for each rule: `ok - name` or `not ok - name: where: what` (TAP)
    house.py --table            the may-use table as ARCHITECTURE.md must have it
"""

import sys

sys.dont_write_bytecode = True  # before the imports below: a test leaves nothing in the source tree

import plants
import rooms
import rules
from tree import Tree

SHOWN_MAX = 50  # faults of one rule


def report(name, faults):
    """One line for the rule with its first fault; the others as comments."""
    if not faults:
        print(f"ok - {name}")
        return True
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    print(f"not ok - {name}: {faults[0].replace('#', '')}{more}")
    for fault in faults[1:SHOWN_MAX]:
        print(f"# {fault}")
    return False


def main(arguments):
    if arguments == ["--table"]:
        print(rooms.table_markdown())
        return 0
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    tree = Tree(arguments[0])
    all_rules = rules.all_rules(arguments[1:] or ["cc"])
    print(f"1..{2 * len(all_rules)}")
    kept = [report(rule.__doc__, rule(tree)) for rule in all_rules]
    kept += [report(f"self-check: {rule.__name__} can fail", plants.self_check(rule)) for rule in all_rules]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
