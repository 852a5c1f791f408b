#!/usr/bin/env python3
"""Takes the row filters out of a statement: every WHERE and every ON of a join becomes "true".

Reads a statement, prints it neutralised. A clause ends at the parenthesis that holds it, at a word that begins the next
clause, or at the end. Strings, quoted names and comments are not looked into. A scalar subquery that has lost its filter
may show several rows: the statement then fails by itself (21000), which the caller tells apart.
"""
import re
import sys

TOKEN = re.compile(r"""'(?:[^']|'')*' | "[^"]*" | --[^\n]* | [A-Za-z_][A-Za-z0-9_$]* | \s+ | .""", re.X | re.S)
ENDS = {"GROUP", "ORDER", "LIMIT", "OFFSET", "HAVING", "WINDOW", "UNION", "EXCEPT", "INTERSECT", "FETCH", "FOR", "RETURNING"}
JOINS = {"JOIN", "LEFT", "RIGHT", "INNER", "FULL", "CROSS", "NATURAL", "WHERE"}


def clause_end(tokens, start, words):
    """The index behind the clause that starts at start."""
    depth = 0
    for i in range(start, len(tokens)):
        word = tokens[i].upper()
        if word == "(":
            depth += 1
        elif word == ")":
            depth -= 1
            if depth < 0:
                return i
        elif depth == 0 and (word in words or word == ";"):
            # IS DISTINCT FROM and the like hold no such word; "x FOR y" of substring() stands in parentheses.
            return i
    return len(tokens)


def neutralise(text):
    tokens = TOKEN.findall(text)
    out, i = [], 0
    while i < len(tokens):
        word = tokens[i].upper()
        if word in ("WHERE", "ON"):
            out += [tokens[i], " true "]
            i = clause_end(tokens, i + 1, ENDS | JOINS)
        else:
            out.append(tokens[i])
            i += 1
    return "".join(out)


print(neutralise(sys.stdin.read()))
