"""What the site says of itself on every page, and what it tells search engines where its address is known.

The line at the foot is a generated page's (``companion.site.about``).  A site map and ``robots.txt`` are written only
if ``html.baseurl`` of ``_config.yml`` names the address of the site, as both consist of whole addresses.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

FOOTER = Path("book/generated/footer.html")
LINKS = {"book/cite": "How to cite", "book/generated/changelog": "What has changed"}


def drop_launch_buttons(app: Sphinx, config: Config) -> None:
    """Without the address of a repository there is nothing to launch, and the theme fails where it should."""
    options = config.html_theme_options
    if not options.get("repository_url"):
        options.pop("launch_buttons", None)


def add_footer(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Put the line at the foot of one page, with links that hold from there."""
    source = Path(app.srcdir) / FOOTER
    if not source.is_file():
        return
    links = [
        f'<a href="{escape(context["pathto"](name))}">{words}</a>'
        for name, words in LINKS.items()
        if name in app.env.found_docs
    ]
    context["theme_extra_footer"] = " · ".join([source.read_text(encoding="utf-8"), *links])


def write_site_map(app: Sphinx, exception: Exception | None) -> None:
    """Write ``sitemap.xml`` and, at the root of a host, ``robots.txt``; tell the page for what is not found."""
    base = app.config.html_baseurl
    if exception is not None or not base or app.builder.format != "html":
        return
    base, out = f"{base.rstrip('/')}/", Path(app.outdir)
    pages = sorted(app.builder.get_target_uri(name) for name in app.env.found_docs)
    places = "".join(f"<url><loc>{escape(base + page)}</loc></url>\n" for page in pages)
    space = "http://www.sitemaps.org/schemas/sitemap/0.9"
    text = f'<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="{space}">\n{places}</urlset>\n'
    (out / "sitemap.xml").write_text(text, encoding="utf-8")
    if urlsplit(base).path == "/":  # elsewhere nobody asks for it
        (out / "robots.txt").write_text(f"User-agent: *\nAllow: /\n\nSitemap: {base}sitemap.xml\n", encoding="utf-8")
    lost = out / "404.html"
    if lost.is_file():
        told = lost.read_text(encoding="utf-8").replace('data-base=""', f'data-base="{escape(base)}"')
        lost.write_text(told.replace('href="/" data-to="', f'href="{escape(base)}" data-to="'), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the hooks."""
    app.connect("config-inited", drop_launch_buttons)
    app.connect("html-page-context", add_footer, priority=900)
    app.connect("build-finished", write_site_map)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
