#!/usr/bin/env python3
"""Embeds SQL files: sql.h gets an enum, sql.c a table of name and text."""
import json
import os
import sys

header, source, *files = sys.argv[1:]
names = [os.path.basename(f)[:-4] for f in files]
with open(header, "w") as out:
    out.write("// Made by sql/embed.py from sql/*.sql.\n#pragma once\n\nenum sql_id {\n")
    for name in names:
        out.write(f"    SQL_{name.upper()},\n")
    out.write("    SQL_COUNT,\n};\n\nstruct sql_text {\n    const char *name;\n    const char *text;\n};\n\n")
    out.write("extern const struct sql_text sql_texts[SQL_COUNT];\n")
with open(source, "w") as out:
    out.write('#include "sql.h"\n\nconst struct sql_text sql_texts[SQL_COUNT] = {\n')
    for name, path in zip(names, files):
        with open(path) as sql:
            text = json.dumps(sql.read(), ensure_ascii=True)
        out.write(f'    [SQL_{name.upper()}] = {{"{name}", {text}}},\n')
    out.write("};\n")
