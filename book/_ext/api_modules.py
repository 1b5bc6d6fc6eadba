"""The ``api-modules`` directive: one section of reference documentation for each module that it lists.

The list is the body of the directive, one module a line, relative to the package named by its argument::

    ```{api-modules} companion
    notation
    gates
    ```

A module that cannot be imported is a warning, which the strict build turns into an error.
"""

from __future__ import annotations

from enum import EnumType
from typing import Any, ClassVar

from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

LONGEST_VALUE = 60
"""Characters of a constant's value that are shown beside its name."""

SECTION = """\
```{{eval-rst}}
.. automodule:: {module}
   :members:
   :show-inheritance:
```
"""


class ApiModules(SphinxDirective):
    """Replace a list of modules by their reference documentation."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar[dict] = {}

    def run(self) -> list[nodes.Node]:
        """Return one section, with a heading and an anchor, for each module."""
        package = self.arguments[0]
        sections: list[nodes.Node] = []
        for line in self.content:
            if not line.strip():
                continue
            module = f"{package}.{line.strip()}"
            section = nodes.section(ids=[nodes.make_id(module)], names=[module])
            section += nodes.title(module, "", nodes.literal(module, module))
            self.state.nested_parse(
                StringList(SECTION.format(module=module).splitlines(), source=module), self.content_offset, section
            )
            sections.append(section)
        return sections


def hide_foreign_names(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Skip what a module passes on from another project, such as ``Tensor``."""
    module = getattr(obj, "__module__", None)
    return True if isinstance(module, str) and module.split(".")[0] not in {"builtins", "companion"} else None


def hide_enum_arguments(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str, returns: str
) -> tuple[str, None] | None:
    """Give enumerations no signature: the one that Python makes up says nothing about them."""
    return ("", None) if isinstance(obj, EnumType) else None


def hide_long_values(app: Sphinx, domain: str, objtype: str, content: addnodes.desc_content) -> None:
    """Drop the value of a constant whose value is longer than a line: a table of records is no heading."""
    for value in list(content.parent.findall(addnodes.desc_annotation)):
        if objtype == "data" and value.astext().startswith(" = ") and len(value.astext()) > LONGEST_VALUE:
            value.parent.remove(value)


def keep_words_before_a_colon(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Put back what Napoleon takes for a type: the words before a colon in the docstring of a variable or a property.

    Types stand in annotations here, so that such words are the beginning of a sentence, always.
    """
    prefix = ":type: "
    if what in ("attribute", "data", "property") and lines:
        for at, line in enumerate(lines):
            if line.startswith(prefix):
                del lines[at]
                lines[0] = f"{line.removeprefix(prefix)}: {lines[0]}"
                return


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive and the hooks."""
    app.add_directive("api-modules", ApiModules)
    app.connect("autodoc-skip-member", hide_foreign_names)
    app.connect("autodoc-process-docstring", keep_words_before_a_colon, priority=900)  # after Napoleon
    app.connect("autodoc-process-signature", hide_enum_arguments)
    app.connect("object-description-transform", hide_long_values)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
