#!/bin/sh
# The command line of yosys, for the library that the Python package pyosys is. testbenches/tools.sh installs it as
# .tools/bin/yosys. Standard output and exit codes are those of yosys: 0 done, 1 an error, which standard error tells.
""":"
exec "$(dirname "$(readlink -f "$0")")/python" "$0" "$@"
":"""

import argparse
import json
import os
import subprocess
import sys

# The library writes to the process's own standard output and ends the process at an error: so it gets a process of its own.
LIBRARY = """
import json, sys
from pyosys import libyosys as ys
ys.log(ys.yosys_maybe_version() + "\\n")
design = ys.Design()
for kind, text in json.loads(sys.argv[1]):
    if kind == "script":
        ys.run_frontend(text, "script", design, ":")
    else:
        ys.run_pass(text, design)
ys.log_flush()
"""


def main():
    parser = argparse.ArgumentParser(prog="yosys", allow_abbrev=False, description="Yosys, from the Python package pyosys.")
    parser.add_argument("-V", dest="version", action="store_true", help="print the version and end")
    parser.add_argument("-q", dest="quiet", action="count", default=0, help="print errors only")
    parser.add_argument("-Q", dest="no_banner", action="store_true", help="do not print the version first")
    parser.add_argument("-T", dest="no_footer", action="store_true", help="accepted: no footer is ever printed")
    parser.add_argument("-p", dest="commands", action="append", default=[], metavar="COMMANDS", help="commands to run")
    parser.add_argument("-s", dest="scripts", action="append", default=[], metavar="FILE", help="a script to run")
    parser.add_argument("-l", dest="log", metavar="FILE", help="write the log to this file as well")
    parser.add_argument("files", nargs="*", metavar="SCRIPT", help="a script to run")
    arguments = parser.parse_args()

    work = [["script", path] for path in arguments.scripts + arguments.files]
    work += [["commands", commands] for commands in arguments.commands]
    if arguments.version:
        work = []
    library = subprocess.Popen([sys.executable, "-c", LIBRARY, json.dumps(work)], stdout=subprocess.PIPE)
    log = open(arguments.log, "wb") if arguments.log else None
    version_passed = False
    for line in library.stdout:
        is_version = not version_passed and line.startswith(b"Yosys ")
        # The line before it is empty, and it stands there twice.
        if not version_passed and not is_version:
            continue
        if is_version:
            version_passed = True
        if log:
            log.write(line)
        if arguments.version or not arguments.quiet and not (is_version and arguments.no_banner):
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
    sys.exit(library.wait())


main()
