"""Makes js/src/protocol/messages.gen.ts from the one place where the protocol is declared.

That place is gradwidget/view/protocol/messages.py. Run this after a change of the protocol; a test
fails as long as the two differ.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "gradwidget/view/protocol/messages.py"
TARGET = ROOT / "js/src/protocol/messages.gen.ts"

HEADER = (
    "// Made by scripts/gen_messages.py; change gradwidget/view/protocol/messages.py instead.\n"
)
PRIMITIVES = {"str": "string", "int": "number", "float": "number", "bool": "boolean"}


def typescript(annotation: ast.expr) -> str:
    """The TypeScript type for a Python annotation.

    Raises:
        ValueError: the annotation is of a kind that the protocol does not use.
    """
    match annotation:
        case ast.Name(id=name):
            return PRIMITIVES.get(name, name)
        case ast.Constant(value=None):
            return "null"
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return f"{typescript(left)} | {typescript(right)}"
        case ast.Subscript(value=ast.Name(id="list"), slice=item):
            inner = typescript(item)
            return f"({inner})[]" if "|" in inner else f"{inner}[]"
        case ast.Subscript(value=ast.Name(id="Literal"), slice=ast.Tuple(elts=words)):
            return " | ".join(typescript_literal(word) for word in words)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=word):
            return typescript_literal(word)
    message = f"no TypeScript type for {ast.unparse(annotation)}"
    raise ValueError(message)


def typescript_literal(word: ast.expr) -> str:
    """The TypeScript literal for one word of a ``Literal``."""
    return f'"{ast.literal_eval(word)}"'


def docstring(statement: ast.stmt | None) -> str | None:
    """The text of a bare string statement, its lines joined; None for any other statement."""
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return " ".join(text.split())
    return None


def comment(text: str | None, indent: str) -> list[str]:
    """A JSDoc comment, or nothing."""
    return [] if text is None else [f"{indent}/** {text.replace('``', '`')} */"]


def interface(definition: ast.ClassDef) -> list[str]:
    """An exported interface for a TypedDict, with the docstrings of its fields."""
    lines = [*comment(docstring(definition.body[0]), ""), f"export interface {definition.name} {{"]
    followers = [*definition.body[1:], None]
    for statement, follower in zip(definition.body, followers, strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            lines += comment(docstring(follower), "  ")
            lines.append(f"  {statement.target.id}: {typescript(statement.annotation)};")
    return [*lines, "}", ""]


def generate(source: str) -> str:
    """The whole TypeScript file for the text of messages.py."""
    body = ast.parse(source).body
    lines = [HEADER]
    for statement, follower in zip(body, [*body[1:], None], strict=True):
        match statement:
            case ast.ClassDef():
                lines += interface(statement)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                lines += [
                    *comment(docstring(follower), ""),
                    f"export type {name} = {typescript(value)};",
                    "",
                ]
    return "\n".join(lines)


if __name__ == "__main__":
    TARGET.write_text(generate(SOURCE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{TARGET.relative_to(ROOT)} written\n")
