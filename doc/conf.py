"""How the manual is built: `make doc`, or see doc/install.rst."""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# The reference pages are made from the tables of the package itself.
sys.path[:0] = [os.path.join(ROOT, "build"), os.path.join(ROOT, "doc", "extensions")]

from ganeti import _autoconf  # noqa: E402 - needs the path above

project = "Ganeti"
copyright = "the Ganeti developers"
version = release = _autoconf.VERSION

extensions = ["tables"]
exclude_patterns = ["news.d/*"]
root_doc = "index"
default_role = "literal"
highlight_language = "none"
nitpicky = True
smartquotes = False  # what is shown is meant to be typed
pygments_style = "default"

html_theme = "alabaster"
html_theme_options = {
    "description": "Cluster manager for virtual machines",
    "fixed_sidebar": True,
    "page_width": "1080px",
    "sidebar_width": "230px",
}
html_copy_source = False
html_show_sourcelink = False

PAGES = {
    "gnt-cluster": "make a cluster, look at it, verify it and change its settings",
    "gnt-node": "add nodes to a cluster, look at them, change and remove them",
    "gnt-instance": "create instances, start and stop them, move them and change them",
    "gnt-group": "divide the nodes of a cluster into groups",
    "gnt-job": "look at the jobs of a cluster, follow them and steer them",
    "gnt-os": "look at operating systems and set their defaults",
    "gnt-debug": "look into the master daemon and exercise it",
    "confd-client": "ask master candidates about the cluster",
    "ganeti-confd": "configuration daemon of a cluster",
    "ganeti-masterd": "master daemon of a cluster",
    "ganeti-noded": "node daemon of a cluster",
    "ganeti-rapi": "remote API of a cluster, over HTTPS",
    "ganeti-watcher": "put right what went wrong on a node of a cluster",
    "ganeti-cleaner": "remove what a node of a cluster has no use for any more",
}
man_pages = [(f"man/{name}", name, text, "", 8) for name, text in PAGES.items()]
man_show_urls = True
