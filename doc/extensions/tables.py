"""Sphinx extension: pages made from the tables of the package, and names of the source.

Directives: `reference` (a page of `reference`, `remote` or `places`), `gnt-program`,
`program-help`, `news-fragments`.  Roles: `path`, `sym` (see `symbols`).
"""

import glob
import os
import sys

import manpages
import places
import reference
import remote
import symbols
from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

log = logging.getLogger(__name__)

PAGES = {**reference.PAGES, **places.PAGES, **remote.PAGES}


class Generated(SphinxDirective):
    """Puts lines that are made here in place of itself."""

    required_arguments = 1

    def make(self, name):
        raise NotImplementedError

    def run(self):
        self.note_source()
        text = "\n".join(self.make(self.arguments[0]))
        return self.parse_text_to_nodes(text, allow_section_headings=True)

    def note_source(self):
        """Have the page made anew when a module of the package changes."""
        for name, module in list(sys.modules.items()):
            if name.startswith("ganeti.") and getattr(module, "__file__", None):
                self.env.note_dependency(os.path.realpath(module.__file__))


class Reference(Generated):
    def make(self, name):
        return PAGES[name]()


class GntProgram(Generated):
    def make(self, name):
        return manpages.commands(name)


class ProgramHelp(Generated):
    def make(self, name):
        return manpages.program_help(name)


class NewsFragments(Generated):
    required_arguments = 0
    optional_arguments = 1

    def run(self):
        lines = []
        for path in sorted(glob.glob(os.path.join(self.env.srcdir, "news.d", "*.rst"))):
            self.env.note_dependency(path)
            with open(path, encoding="utf-8") as file:
                lines += [*file.read().splitlines(), ""]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


class SourceRole(SphinxRole):
    """Something of the source, which has to be there."""

    def __init__(self, role):
        super().__init__()
        self.role = role

    def run(self):
        wrong = symbols.problem(self.role, self.text)
        if wrong:
            log.warning(wrong, location=self.get_location())
        shown = symbols.shown(self.role, self.text)
        return [nodes.literal(self.rawtext, shown)], []


def setup(app):
    app.add_directive("reference", Reference)
    app.add_directive("gnt-program", GntProgram)
    app.add_directive("program-help", ProgramHelp)
    app.add_directive("news-fragments", NewsFragments)
    for role in ("path", "sym"):
        app.add_role(role, SourceRole(role))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
