"""The site: the pages of this folder as they are, grouped; `make docs` builds it into docs/_build."""

import re
import sys
import tomllib
from pathlib import Path

from pygments.lexers.special import TextLexer
from pygments.lexers.sql import SqlLexer
from pygments.token import Punctuation

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCE = PROJECT["urls"]["Homepage"]

project, author, copyright = "graphlab", "The graphlab authors", "The graphlab authors, Apache-2.0"
version = release = PROJECT["version"]
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 100
napoleon_numpy_docstring = False

html_theme = "pydata_sphinx_theme"
html_title = f"graphlab {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "graphlab"},
    "header_links_before_dropdown": 9,
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "show_prev_next": True,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "use_edit_page_button": False,
}
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True
copybutton_copy_empty_lines = False


def outside(app, page, text):
    """Links to files of the repository that are no pages lead to the repository."""
    folder = Path(app.srcdir, page).parent

    def lead(match):
        target = (folder / match[1]).resolve()
        inside = target.is_relative_to(Path(app.srcdir)) or not target.is_relative_to(ROOT)
        return match[0] if inside else f"]({SOURCE}/blob/main/{target.relative_to(ROOT)}{match[2] or ''})"

    text[0] = re.sub(r"\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)", lead, text[0])


def short_names(app, what, name, found, options, lines):
    """Double backticks are code in the docstrings; single ones too, as the terminal shows them."""
    lines[:] = [re.sub(r"(?<![`:\w])`([^`]+)`(?![`_])", r"``\1``", line) for line in lines]


class PatternLexer(SqlLexer):
    """SQL with graph patterns, which repeat by {1,4}."""

    tokens = {**SqlLexer.tokens, "root": [(r"[{}|$?]", Punctuation), *SqlLexer.tokens["root"]]}


def setup(app):
    for language, lexer in (("pgq", PatternLexer), ("ddl", SqlLexer), ("dotmotif", TextLexer), ("cypher", TextLexer)):
        app.add_lexer(language, lexer)
    app.connect("source-read", outside)
    app.connect("autodoc-process-docstring", short_names, priority=900)
