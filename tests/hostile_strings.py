"""Strings that try to leave the place where they are shown, and a reader of what became of them."""

from html.parser import HTMLParser

PIECES = [
    "<script>alert(1)</script>",
    "</script>",
    "</style>",
    "</title>",
    "-->",
    "<!--",
    "]]>",
    "<![CDATA[",
    "<img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)",
    "javascript:alert(1)",
    "&lt;b&gt;",
    "&#x3c;",
    "&",
    "<",
    ">",
    '"',
    "'",
    "`",
    "{{7*7}}",
    "{% raw %}",
    "${7*7}",
    "\x00",
    "\x1b[2J",
    "\x9b2J",
    "\r\n",
    "\u2028",
    "\u202e",
    "\ud800",
    "\ufffe",
    "好",
    "a",
    " ",
]


def hostile(draw, count):
    """So many different strings of such pieces."""
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(draw.choices(PIECES, k=draw.randrange(1, 5)))] = None
    return list(found)


class Structure(HTMLParser):
    """All of a page but its text: elements with the names of their attributes, in order.

    Without `class`, which marks long tokens.
    """

    def __init__(self, html):
        super().__init__()
        self.elements = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        names = {name for name, _ in attributes} - {"class"}
        self.elements.append((tag, *sorted(names)))

    def handle_endtag(self, tag):
        self.elements.append(f"/{tag}")

    def handle_comment(self, data):
        self.elements.append("comment")

    def handle_decl(self, decl):
        self.elements.append("declaration")

    def unknown_decl(self, data):
        self.elements.append("unknown declaration")

    def handle_pi(self, data):
        self.elements.append("instruction")

    def handle_data(self, data):
        self.text += data
