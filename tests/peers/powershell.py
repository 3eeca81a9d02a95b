"""Parses PowerShell scripts with tree-sitter-pwsh; fails for each error, and for a text that is code where it should not be."""

import sys

import tree_sitter
import tree_sitter_pwsh

parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_pwsh.language()))


def nodes(node):
    yield node
    for child in node.children:
        yield from nodes(child)


def wrong(path, text):
    """The places of a script that do not parse, and the commands that no cmdlet of a plan is."""
    for node in nodes(parser.parse(text).root_node):
        part = text[node.start_byte:node.end_byte].decode()
        place = f"{path}:{node.start_point[0] + 1}:{node.start_point[1] + 1}"
        if node.type == "ERROR" or node.is_missing:
            yield f"{place}: {node.type} {part[:60]!r}"
        if node.type == "command_name" and part.startswith("Remove-Item"):
            yield f"{place}: a text became the command {part!r}"


# The grammar has to see what is wrong, or what it does not see says nothing.
for broken in ["$a = 'it's'", "New-X @{ a = }", "if ($a {"]:
    if not any(wrong("broken", broken.encode())):
        sys.exit(f"the grammar takes {broken!r}")
if not any(wrong("hostile", "New-X 'a'; Remove-Item b".encode())):
    sys.exit("the grammar sees no second command")

found = []
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        text = file.read()
    if not text.startswith(b"\xef\xbb\xbf"):
        found.append(f"{path}: no byte order mark")
    found.extend(wrong(path, text.removeprefix(b"\xef\xbb\xbf")))
print("\n".join(found) if found else f"{len(sys.argv) - 1} scripts parse")
sys.exit(1 if found else 0)
