"""What Sphinx makes these pages of: ``make docs``."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tools"), str(HERE.parent)]

from artificer_provider import __version__  # noqa: E402 - only now can it be found

project = "airflow-provider-artificer"
author = "the authors of airflow-provider-artificer"
project_copyright = f"2026, {author}"
version = release = __version__

extensions = ["myst_parser", "sphinx_copybutton", "rest_contract", "example_dags"]
root_doc = "index"
source_suffix = {".md": "markdown"}
nitpicky = True

myst_enable_extensions = ["attrs_inline", "colon_fence"]
# As on GitHub, every heading can be linked to, and each such link is checked.
myst_heading_anchors = 4
myst_links_external_new_tab = False

html_theme = "furo"
html_title = f"Artificer for Apache Airflow {release}"
html_baseurl = ""
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
pygments_dark_style = "github-dark"
copybutton_prompt_text = "$ "

# Addresses of examples, and ones that only a running engine has.
linkcheck_ignore = [r"https?://(localhost|127\.0\.0\.1|engine)\b.*", r"https?://[\w.]*example\.com.*"]
linkcheck_timeout = 10
