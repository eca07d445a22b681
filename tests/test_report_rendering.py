"""A document as HTML and as Markdown: every kind of block, and names that mean something to either."""

import html.parser
import re

from vidmask.report.blocks import (
    Cell,
    Choice,
    Document,
    Folded,
    Grid,
    Legend,
    Photo,
    Picture,
    Section,
    Series,
    Table,
    Text,
)
from vidmask.report.rendering import html as as_html
from vidmask.report.rendering import markdown

NASTY = '<script>alert(1)</script> & "a" | *b* _c_ `d` [e](f)'

TABLE = Table("Scores", ("cell", "score"), [(NASTY, Cell("40.0", 0.4)), ("other", Cell("–"))])
PICTURE = Picture("A plot", '<svg viewBox="0 0 1 1"></svg>')


def _document(*blocks):
    return Document(NASTY, [Section("top", "", [Text(NASTY)]), Section("rest", NASTY, blocks)])


class _Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "input", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def _parsed(page):
    parser = _Tags()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def test_what_users_have_named_is_text_and_never_markup():
    views = [("steps", [Grid([PICTURE])]), (NASTY, [Grid([PICTURE])])]
    photo = Photo(NASTY, b"png", 2, 1)
    page = as_html(
        _document(
            Text(NASTY),
            TABLE,
            Legend([Series(NASTY, 0)]),
            Grid([photo]),
            Choice(NASTY, views),
            Folded(NASTY, [TABLE]),
        )
    )
    parser = _parsed(page)
    assert page.count("<script") == 1
    assert "".join(parser.text).count(NASTY) == 13
    (image,) = (attributes for tag, attributes in parser.tags if tag == "img")
    assert image["alt"] == NASTY
    assert image["src"] == "data:image/png;base64,cG5n"


def test_every_heading_is_a_button_and_says_how_its_table_is_sorted():
    tags = _parsed(as_html(_document(TABLE))).tags
    headings = [attributes for tag, attributes in tags if tag == "th" and attributes.get("scope") == "col"]
    assert [heading["aria-sort"] for heading in headings] == ["none", "none"]
    assert ["class" in heading for heading in headings] == [False, True]
    assert sum(tag == "button" for tag, _ in tags) == 2
    keys = [attributes.get("data-key") for tag, attributes in tags if tag == "td"]
    assert keys == ["0.4", None]


def test_the_page_names_nothing_outside_itself():
    page = as_html(_document(TABLE, Grid([PICTURE, Photo("a", b"png", 1, 1)])))
    for tag, attributes in _parsed(page).tags:
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:")), (tag, attributes)
    assert not re.search(r"https?:|@import|url\((?!#)", page)
    assert "default-src 'none'" in page


def test_each_choice_has_buttons_of_its_own():
    views = [("steps", [Text("first")]), ("seconds", [Text("second")])]
    tags = _parsed(as_html(_document(Choice("against", views), Choice("against", views)))).tags
    radios = [attributes for tag, attributes in tags if tag == "input"]
    assert [radio["name"] for radio in radios] == ["choice-0", "choice-0", "choice-1", "choice-1"]
    assert ["checked" in radio for radio in radios] == [True, False, True, False]
    labels = [attributes["for"] for tag, attributes in tags if tag == "label"]
    assert labels == [radio["id"] for radio in radios]


def test_markdown_has_text_and_tables_and_names_what_only_the_page_shows():
    views = [("steps", [TABLE]), ("seconds", [TABLE])]
    text = markdown(_document(Text("A word"), Grid([PICTURE]), Folded("More", [TABLE]), Choice("x", views)))
    assert "A word" in text
    assert "### More" in text
    assert "*On the page: A plot.*" in text
    assert "*On the page also: seconds.*" in text
    assert "| cell | score |\n| --- | ---: |\n" in text
    assert "| other | – |" in text


def test_markdown_shows_names_as_they_are():
    import markdown_it

    shown = markdown_it.MarkdownIt("commonmark").enable("table").render(markdown(_document(TABLE)))
    assert "<script" not in shown
    assert "".join(_parsed(shown).text).count(NASTY) == 4


def test_the_same_document_is_the_same_bytes():
    document = _document(TABLE, Legend([Series("a", 1), Series("b", 9)]))
    assert as_html(document) == as_html(document)
