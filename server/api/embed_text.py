#!/usr/bin/env python3
"""Embeds one text file as a C array: embed_text.py OUT NAME FILE."""
import sys

out, name, source = sys.argv[1:]
with open(source, "rb") as text:
    data = text.read() + b"\0"
with open(out, "w") as c:
    c.write(f'#include "{name}.h"\n\nconst char {name}_text[] = {{\n')
    for at in range(0, len(data), 24):
        c.write(",".join(str(byte if byte < 128 else byte - 256) for byte in data[at:at + 24]) + ",\n")
    c.write("};\n")
