"""Leave out what a page loads and does not need, once the site is written.

The theme serves every icon that there is, as a script of 1.5 MB and as letters of a font, and the styles of parts that
no page has.  The script goes, as the font shows the same icons; the font keeps the icons that pages show, and style
sheets of others keep the rules that something on some page, or some script, may ask for.  Pictures lose spaces and
digits that nobody sees.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from fontTools import subset
from PIL import Image
from sphinx.application import Sphinx

ICON_SCRIPT = re.compile(r'\s*<script src="[^"]*_static/scripts/fontawesome\.js[^"]*"></script>')
ICON_FONTS = Path("vendor/fontawesome/webfonts")
SHEETS = ("styles/pydata-sphinx-theme.css", "styles/sphinx-book-theme.css", "sphinx-design.min.css", "mystnb.*.css")
"""Style sheets of others, which are for any site."""
NAME = re.compile(r"[A-Za-z_][\w-]*")
CLASS = re.compile(r"\.((?:[A-Za-z_-]|\\.)(?:[\w-]|\\.)*)")
ALTERNATIVES = re.compile(r":(?:not|is|where|has)\((?:[^()]|\([^()]*\))*\)")
"""What need not hold of an element, so that a name in it need not be anywhere."""
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
BRACE = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[{};]', re.DOTALL)
DIGITS = 2
"""Of a place in a picture, behind the point: a hundredth of a point is seen by nobody."""


def rules(sheet: str) -> Iterator[tuple[str, str | None]]:
    """What stands before a brace, and what within it; a statement without braces has None.

    >>> list(rules('@import "x;y";a{b:"}"}@media x{c{d:e}}'))
    [('@import "x;y"', None), ('a', 'b:"}"'), ('@media x', 'c{d:e}')]
    """
    depth, start, opened = 0, 0, 0
    for found in BRACE.finditer(sheet):
        at, mark = found.start(), found[0]
        if mark == "{":
            depth, opened = depth + 1, opened if depth else at
        elif mark == "}":
            depth -= 1
            if depth == 0:
                yield sheet[start:opened].strip(), sheet[opened + 1 : at]
                start = at + 1
        elif mark == ";" and depth == 0:
            yield sheet[start:at].strip(), None
            start = at + 1


def selectors(text: str) -> list[str]:
    """The parts between commas that stand in no brackets.

    >>> selectors("a:is(b, c), d")
    ['a:is(b, c)', ' d']
    """
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def needed(sheet: str, names: set[str]) -> str:
    """A style sheet without the rules for elements of a class that is not among the names.

    >>> needed(".a,.b .c{x:y}@media print{.b{x:y}}.a:not(.b){x:y}", {"a", "c"})
    '.a{x:y}.a:not(.b){x:y}'
    """
    kept = []
    for before, within in rules(COMMENT.sub("", sheet)):
        if within is None:
            kept.append(f"{before};")
        elif before.startswith(("@media", "@supports")):
            if inside := needed(within, names):
                kept.append(f"{before}{{{inside}}}")
        elif before.startswith("@"):
            kept.append(f"{before}{{{within}}}")
        else:
            asked = [one for one in selectors(before) if _may_be(one, names)]
            if asked:
                kept.append(f"{','.join(asked)}{{{within}}}")
    return "".join(kept)


def _may_be(selector: str, names: set[str]) -> bool:
    return all("\\" in name or name in names for name in CLASS.findall(ALTERNATIVES.sub("", selector)))


def smaller(picture: str) -> str:
    r"""An SVG without comments, indentation and the digits of places that are seen by nobody.

    >>> smaller('<svg><!-- 9 -->\n  <path d="M 1.23456 2 \nL 3.00001 -0.001 "/>\n</svg>')
    '<svg><path d="M1.23 2L3 0"/></svg>'
    """
    picture = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", picture, flags=re.DOTALL)
    picture = re.sub(r">\s+<", "><", picture)
    picture = re.sub(r"(?<=data:image/png;base64,)[^\"']+", lambda found: _of_few_colours(found[0]), picture)
    return re.sub(r'(\s(?:d|x|y|points)=)"([^"]*)"', lambda found: f'{found[1]}"{_places(found[2])}"', picture)


def _of_few_colours(encoded: str) -> str:
    """The same pixels by numbers of their colours, where that is shorter; both PNG, in letters."""
    data = base64.b64decode(encoded)
    with Image.open(BytesIO(data)) as picture:
        pixels = picture.convert("RGBA")
    made = BytesIO()
    if pixels.getextrema()[3] == (255, 255) and (colours := pixels.getcolors(256)):
        numbered = Image.new("P", pixels.size)
        order = {colour: i for i, (_, colour) in enumerate(sorted(colours, key=lambda one: one[1]))}
        numbered.putpalette([part for colour in order for part in colour[:3]])
        raw = pixels.tobytes()
        numbered.putdata([order[tuple(raw[at : at + 4])] for at in range(0, len(raw), 4)])
        numbered.save(made, "PNG", optimize=True)
    return base64.b64encode(made.getvalue()).decode() if 0 < len(made.getvalue()) < len(data) else encoded


def _places(text: str) -> str:
    short = re.sub(
        r"-?\d+\.\d+", lambda n: f"{round(float(n[0]), DIGITS) + 0:.{DIGITS}f}".rstrip("0").rstrip("."), text
    )
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", " ".join(short.split()))


def icons(folder: Path, letters: set[int]) -> None:
    """Leave these letters of the font of icons, in the format that needs no other library to be written."""
    options = subset.Options(flavor="woff", layout_features=[], glyph_names=False)
    font = subset.load_font(folder / "fa-solid-900.ttf", options)
    chosen = subset.Subsetter(options)
    chosen.populate(unicodes=letters)
    chosen.subset(font)
    subset.save_font(font, folder / "fa-solid-900.woff", options)
    for name in ("fa-solid-900.ttf", "fa-solid-900.woff2"):
        (folder / name).unlink()


def lighten(app: Sphinx, exception: Exception | None) -> None:
    """Make the whole site lighter, in place."""
    out, static = Path(app.outdir), Path(app.outdir) / "_static"
    if exception is not None or app.builder.format != "html":
        return
    pages = {page: page.read_text(encoding="utf-8") for page in out.rglob("*.html") if static not in page.parents}
    names = {name for text in pages.values() for said in re.findall(r'class="([^"]*)"', text) for name in said.split()}
    icon_names = {name for name in names if name.startswith("fa-")}
    for script in static.rglob("*.js"):
        if script.name != "fontawesome.js":
            names.update(NAME.findall(script.read_text(encoding="utf-8")))
    names.update(
        name
        for text in pages.values()
        for one in re.findall(r"<script.*?</script>", text, re.DOTALL)
        for name in NAME.findall(one)
    )
    names = {name for name in names if not name.startswith("fa-")} | icon_names
    versions = {}
    for sheet in (path for pattern in SHEETS for path in static.glob(pattern)):
        text = needed(sheet.read_text(encoding="utf-8"), names)
        folder = sheet.parent / ".." / ICON_FONTS
        if sheet.name == "pydata-sphinx-theme.css" and (folder / "fa-solid-900.ttf").is_file():
            icons(folder, {int(code, 16) for code in re.findall(r'"\\([0-9a-f]{1,5})"', text)} | {0x20})
            text = re.sub(
                r"fa-solid-900\.woff2\) format\(.woff2.\),url\([^)]*\) format\(.truetype.\)",
                'fa-solid-900.woff) format("woff")',
                text,
            )
        sheet.write_text(text, encoding="utf-8")
        versions[sheet.relative_to(out).as_posix()] = hashlib.sha256(text.encode()).hexdigest()[:8]
    for page, text in pages.items():
        new = ICON_SCRIPT.sub("", text)
        for name, version in versions.items():
            new = re.sub(rf'({re.escape(name)})(\?[^"]*)?"', rf'\1?v={version}"', new)
        page.write_text(new, encoding="utf-8")
    for unused in (static / "scripts" / "fontawesome.js", *static.rglob("*.map")):
        unused.unlink(missing_ok=True)
    for picture in (out / "_images").glob("*.svg"):
        picture.write_text(smaller(picture.read_text(encoding="utf-8")), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the hook, after those of others."""
    app.connect("build-finished", lighten, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
