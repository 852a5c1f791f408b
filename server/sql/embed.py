#!/usr/bin/env python3
"""Embeds SQL files: sql.h gets an enum, sql.c a table of name and text. A list that begins with `-- sort:` becomes a statement an
order (README.md). `embed.py --expand FOLDER FILE…` writes them all as files, for tests."""
import json
import os
import re
import sys

CURSOR = "$1::jsonb->'query'->>'cursor'"
# Below and above every value of a type, and the function that reads one from a cursor.
BOUNDS = {
    "text": ("''", "croft_text_max()", "croft_cursor_text"),
    "timestamptz": ("'-infinity'::timestamptz", "'infinity'::timestamptz", "croft_cursor_time"),
    "bigint": ("(-9223372036854775808)::bigint", "9223372036854775807", "croft_cursor_int"),
    "numeric": ("'-Infinity'::numeric", "'Infinity'::numeric", "croft_cursor_numeric"),
}
IDS = {"uuid": ("croft_uuid_min()", "croft_uuid_max()", "croft_cursor_uuid"),
       "bigint": ("(-9223372036854775808)::bigint", "9223372036854775807", "croft_cursor_bigint")}


def fill(text, parts):
    for name, value in parts.items():
        text = text.replace("{" + name + "}", value)
    return text


def start(bounds, down, read):
    return f"CASE WHEN {CURSOR} IS NULL THEN {bounds[1 if down else 0]} ELSE {read} END"


def by_id(column, kind, down):
    sign, word = ("<", " DESC") if down else (">", "")
    return {
        "key": column,
        "order": column + word,
        "after": f"{column} {sign} " + start(IDS[kind], down, f"{IDS[kind][2]}({CURSOR})"),
        "next": "croft_cursor((array_agg(item.id))[croft_limit($1::jsonb)])",
    }


def by_id_reversed(tag, column, kind, down):
    """The other way round than the list's own, whose cursors it must not take for its."""
    parts = by_id(column, kind, down)
    id_at = "(array_agg(item.id))[croft_limit($1::jsonb)]"
    if kind == "uuid":
        read, parts["next"] = "croft_cursor_id", f"croft_cursor_sorted('{tag}', '', {id_at})"
    else:
        read, parts["next"] = "croft_cursor_int", f"croft_cursor_sorted('{tag}', {id_at}::text, croft_uuid_min())"
    sign = "<" if down else ">"
    parts["after"] = f"{column} {sign} " + start(IDS[kind], down, f"{read}({CURSOR}, '{tag}')")
    return parts


def by_column(tag, column, kind, id_column, down):
    sign, word = ("<", " DESC") if down else (">", "")
    place = f"{column} COLLATE \"C\"" if kind == "text" else column
    key = start(BOUNDS[kind], down, f"{BOUNDS[kind][2]}({CURSOR}, '{tag}')")
    last = start(IDS["uuid"], down, f"croft_cursor_id({CURSOR}, '{tag}')")
    return {
        "key": f"{id_column}, {column} AS key",
        "order": f"{place}{word}, {id_column}{word}",
        "after": f"({place}, {id_column}) {sign} ({key}, {last})",
        "next": f"croft_cursor_sorted('{tag}', (array_agg(item.key))[croft_limit($1::jsonb)]::text, "
                "(array_agg(item.id))[croft_limit($1::jsonb)])",
    }


def orders(name, text):
    """Yields (statement, what ?sort= says or None, text)."""
    head = re.match(r"-- sort: (.*)\n", text)
    if not head:
        yield name, None, text
        return
    columns = [part.split() for part in head.group(1).split(";")]
    first, id_column, _ = columns[0]
    default_down = first.startswith("-")
    text = text[head.end():]
    for word, column, kind in columns:
        word = word.lstrip("-")
        for down in (False, True):
            is_default = word == first.lstrip("-") and down == default_down
            tag = name if is_default else f"{name}_by_{word}" + ("_desc" if down else "")
            if is_default:
                parts = by_id(column, kind, down)
            elif column == id_column:
                parts = by_id_reversed(tag, column, kind, down)
            else:
                parts = by_column(tag, column, kind, id_column, down)
            yield tag, ("-" if down else "") + word, fill(text, parts)


def read_all(files):
    statements, sorts = [], {}
    for path in files:
        name = os.path.basename(path)[:-4]
        with open(path) as sql:
            for statement, word, text in orders(name, sql.read()):
                statements.append((statement, text))
                if word:
                    sorts.setdefault(name, []).append((word, statement))
    return statements, sorts


def write_header(path, statements):
    with open(path, "w") as out:
        out.write("// Made by sql/embed.py from sql/*.sql.\n#pragma once\n\nenum sql_id {\n")
        for name, _ in statements:
            out.write(f"    SQL_{name.upper()},\n")
        out.write("    SQL_COUNT,\n};\n\nstruct sql_text {\n    const char *name;\n    const char *text;\n};\n\n"
                  "// An order that a list knows, as ?sort= names it, and the statement that has it.\n"
                  "struct sql_sort {\n    const char *word; // NULL ends the list's\n    enum sql_id sql;\n};\n\n"
                  "extern const struct sql_text sql_texts[SQL_COUNT];\n"
                  "extern const struct sql_sort *const sql_sorts[SQL_COUNT]; // NULL: one order only\n")


def write_source(path, statements, sorts):
    with open(path, "w") as out:
        out.write('#include "sql.h"\n\n#include <stddef.h>\n\nconst struct sql_text sql_texts[SQL_COUNT] = {\n')
        for name, text in statements:
            out.write(f'    [SQL_{name.upper()}] = {{"{name}", {json.dumps(text, ensure_ascii=True)}}},\n')
        out.write("};\n\n")
        for name, words in sorts.items():
            rows = "".join(f'{{"{word}", SQL_{statement.upper()}}}, ' for word, statement in words)
            out.write(f"static const struct sql_sort sorts_{name}[] = {{{rows}{{NULL, 0}}}};\n")
        out.write("\nconst struct sql_sort *const sql_sorts[SQL_COUNT] = {\n")
        for name in sorts:
            out.write(f"    [SQL_{name.upper()}] = sorts_{name},\n")
        out.write("};\n")


def main():
    if sys.argv[1] == "--expand":
        for name, text in read_all(sys.argv[3:])[0]:
            with open(os.path.join(sys.argv[2], name + ".sql"), "w") as out:
                out.write(text)
        return
    statements, sorts = read_all(sys.argv[3:])
    write_header(sys.argv[1], statements)
    write_source(sys.argv[2], statements, sorts)


main()
