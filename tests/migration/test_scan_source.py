"""How sources are cut into statements, texts and comments: what a program says, as each language says it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from mspace_legacy.migration.scan.source import Source, Statement, Token, language_of, read_source

SAMPLES = sorted(path for path in (Path(__file__).parent.parent / "data" / "scan").rglob("*.*") if path.is_file())


def read(text: str, name: str) -> Source:
    return read_source(text, language_of(name))


def spelt(token: Token) -> str:
    """A word as it is; a text between bars, with what is put in in brackets."""
    if token.kind != "text":
        return token.content
    return "|" + "".join(f"[{piece.content}]" if piece.is_value else piece.content for piece in token.pieces) + "|"


def all_tokens(statements: list[Statement]) -> list[Token]:
    return [token for statement in statements for token in statement.tokens]


def statements(text: str, name: str) -> list[str]:
    return [" ".join(map(spelt, statement.tokens)) for statement in read(text, name).statements]


@pytest.mark.parametrize(
    ("name", "language"),
    [
        (".env", "settings"), (".env.production", "settings"), (".env.staging", "settings"), ("prod.env", "settings"),
        ("a/b/.ENV", "settings"), ("a.blade.php", "PHP"), ("A.PHP", "PHP"), ("a.min.js", "JavaScript"),
        ("x.tar.py", "Python"), ("README", "prose"), ("docs/License", "prose"), ("readme.md", "prose"),
        ("Makefile", "any"), ("a.unknown", "any"), ("php", "any"), ("a.js/x", "any"),
    ],
)  # fmt: skip
def test_the_language_that_a_name_tells(name: str, language: str) -> None:
    assert language_of(name).name == language


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        # Where a statement ends.
        ("a.js", "a = 1\nb = 2; c = 3", ["a = 1", "b = 2", "c = 3"]),
        ("a.js", "a = 'x' +\n  'y'\n  + z\nb", ["a = |x| + |y| + z", "b"]),
        ("a.js", "f(a,\n  b)\ng", ["f ( a , b )", "g"]),
        ("a.js", "if (a) { b = 1 } else { c }\nd", ["if ( a )", "b = 1", "else", "c", "d"]),
        ("a.js", "x = { a: 1 };\ny", ["x = { a : 1 }", "y"]),
        ("a.js", "return { a: 1 };\ny", ["return { a : 1 }", "y"]),
        ("a.js", "f(x => { y; });\nz", ["f ( x =>", "y", ")", "z"]),
        ("a.js", "f(;\ng", ["f (", "g"]),
        ("a.js", "f(function () { a({ b: 1 }) })\nc", ["f ( function ( )", "a ( { b : 1 } )", ")", "c"]),
        ("a.js", "x = [{ a: 1 }]\ny = f[1]\nz", ["x = [ { a : 1 } ]", "y = f [ 1 ]", "z"]),
        ("a.js", "x = { a: function () { b }, c: 2 }\nd", ["x = { a : function ( )", "b", ", c : 2 }", "d"]),
        ("a.js", "a(';', '{', ')')\nb", ["a ( |;| , |{| , |)| )", "b"]),
        ("a.rb", "x = [:a => { :b => 1 }]\ny", ["x = [ : a => { : b => 1 } ]", "y"]),
        ("a.java", "f(x -> { y; }); z;", ["f ( x ->", "y", ")", "z"]),
        ("a.js", "a }\nb", ["a }", "b"]),
        ("a.java", 'a = "x"\n  + b;\nc();', ["a = |x| + b", "c ( )"]),
        ("a.java", "a\nb;", ["a b"]),
        ("a.py", "a = (1 +\n  2)\nb = 3", ["a = ( 1 + 2 )", "b = 3"]),
        ("a.py", "if a:\n    b = 1\n", ["if a :", "b = 1"]),
        ("a.py", "a = 'x' \\\n    'y'\n", ["a = |x| \\ |y|"]),
        ("a.vb", 'a = "x" & _\n  "y"\nb', ["a = |x| & _ |y|", "b"]),
        ("a.sh", "a=1\nb=2\n", ["a = 1", "b = 2"]),
        # Comments are not among them.
        ("a.js", "a // b 'c\nd /* e ' \n */ f", ["a", "d f"]),
        ("a.js", "u = http://h/x // y", ["u = |http://h/x|"]),
        ("a.js", "a /* b", ["a"]),
        ("a.html", "<p>a</p> <!-- don't --> x='b'", ["< p > a < / p > x = |b|"]),
        ("a.py", "a # b 'c\nd", ["a", "d"]),
        ("a.sh", "a='x' # b 'c\nd=$#", ["a = |x|", "d = $ #"]),
        ("a.vb", "a = 1 ' don't\nREM don't\nb", ["a = 1", "b"]),
        ("a.sql", "a := 'x'; -- don't\nb := 1", ["a := |x|", "b := 1"]),
        ("a.php", "<?php a; # don't\nb; // don't\n#[Route]\nc;", ["a", "b", "# [ Route ] c"]),
        ("a.js", "/* b */ a /* c */ d", ["a d"]),
        ("a.php", "<?php a; // b ?><p>c</p>\n<?php d;", ["a", "< p > c < / p >", "d"]),
        # Texts, and what is put into them.
        ("a.js", "`a${b}c` + \"${d}\"", ["|a[b]c| + |${d}|"]),
        ("a.js", "`a${f('`')}b`", ["|a[f('`')]b|"]),
        ("a.js", r"'a\'b' + 'c'", [r"|a\'b| + |c|"]),
        ("a.js", r"'http:\/\/h\u002Fx\x2fy'", ["|http://h/x/y|"]),
        ("a.js", "'a\nb = 'c'", ["|a|", "b = |c|"]),
        ("a.js", "`a\nb`", ["|a\nb|"]),
        ("a.js", "a =/'/g; b = 'c'", ["a =", "b = |c|"]),
        ("a.php", "<?php $a = \"x$b y{$c['d']} ${e} $f->g $h[i]\";", ["$a = |x[b] y[$c['d']] [e] [f->g] [h[i]]|"]),
        ("a.php", "<?php $a = '$b';", ["$a = |$b|"]),
        ("a.php", "<?php $a = \"x\n y\";", ["$a = |x\n y|"]),
        ("a.php", "<?php $a = \"\\$b\";", ["$a = |\\$b|"]),
        ("a.php", "<?php $a = <<<EOT\nx $b\nEOT;\nc();", ["$a = |x [b]\n|", "c ( )"]),
        ("a.php", "<?php $a = <<<EOT\nx", ["$a = |x|"]),
        ("a.sh", "a=\"x$b ${c} $(d e) $1\" f='$g'", ["a = |x[b] [c] [d e] [1]| f = |$g|"]),
        ("a.sh", "cat <<EOF\nx $a\nEOF\nb", ["cat |x [a]\n|", "b"]),
        ("a.pl", "my $a = \"x$b->{c} @{d}\";", ["my $a = |x[b->{c}] [d]|"]),
        ("a.rb", "a = \"x#{b}\" + '#{c}'", ["a = |x[b]| + |#{c}|"]),
        ("a.rb", "a = <<~SQL\n  x #{b}\n  SQL\nc", ["a = |  x [b]\n|", "c"]),
        ("a.kt", 'a = "x$b ${c.d}"', ["a = |x[b] [c.d]|"]),
        ("a.kt", 'a = """x"\n$b"""', ['a = |x"\n[b]|']),
        ("a.kt", "a = 'c' + b", ["a = ' + b"]),
        ("a.swift", r'a = "x\(b) \(f("c"))\n"', [r'a = |x[b] [f("c")]\n|']),
        ("a.py", "a = f'x{b}{{c}}' + 'y{d}'", ["a = |x[b]{{c}}| + |y{d}|"]),
        ("a.py", "a = f'x{b[\"c\"]}'", ["a = |x[b[\"c\"]]|"]),
        ("a.py", 'a = """x\n"y" z"""\nb', ['a = |x\n"y" z|', "b"]),
        ("a.py", 'a = """x', ["a = |x|"]),
        ("a.py", 'a = """b""" + """c"""', ["a = |b| + |c|"]),
        ("a.py", "a = t'x{b}'", ["a = |x[b]|"]),
        ("a.vb", 'a = "x{b}"', ["a = |x{b}|"]),
        ("a.go", "a := 'b' + c", ["a := ' + c"]),
        ("a.php", '<?php $a = "x\\n$b y";', ["$a = |x\\n[b] y|"]),
        ("a.cs", 'a = $"x{b}" + "y{c}" + @"z\\" + $@"w{d}""e";', ['a = |x[b]| + |y{c}| + |z\\| + |w[d]""e|']),
        ("a.vb", 'a = $"x{b}" & "y""z"', ['a = |x[b]| & |y""z|']),
        ("a.sql", "a := 'x''y' || b;", ["a := |x''y| || b"]),
        ("a.dart", "a = 'x$b' + r'y$c';", ["a = |x[b]| + |y$c|"]),
        ("a.go", "a := `x\ny` + \"z\"", ["a := |x\ny| + |z|"]),
        ("a.json", '{"a": "b", "c": 1}', ["|a| : |b| , |c| : 1"]),
        # A page with programs in it.
        ("a.php", "<p>don't</p><?php a('b'); ?>it's<?= $c ?>",
         ["< p > don |t</p>|", "a ( |b| )", "it |s|", "$c"]),
        ("a.php", "<html>\n<p>x</p>", ["< html > < p > x < / p >"]),
        ("a.php", "$a = 'b';", ["$a = |b|"]),
        ("a.php", "x = `a <?php b(); ?>", ["x = |a |", "b ( )"]),
        ("a.php", "<HTML>don't\nx = 'b'", ["< HTML > don |t| x = |b|"]),
        # Settings.
        (".env", "# a=b\nA = 'b c' # d\nB=\"e\"\nexport C=f # g\nD=h,\n\n;x\n!y\n//z\nplain words\n",
         ["A = |b c|", "B = |e|", "C = |f|", "D = |h|", "|plain words|"]),
        (".env", "AX=bX\n", ["AX = |bX|"]),
        ("a.ini", "[one]\na=1\n[two.three]\nb: 2\n'c' => 3\n",
         ["one.a = |1|", "two.three.b = |2|", "two.three.c = |3|"]),
        ("a.yml", "a:\n  b:\n    c: 1\n  d: 2\n- e: 3\nf: ${g:h} i\n",
         ["a.b.c = |1|", "a.d = |2|", "e = |3|", "f = |[g:h] i|"]),
        (".env", "A=\"b\" # \"c\"\r\nD=\"ef\nG=\"\"\nH=i\r\n", ["A = |b|", "D = |ef|", "H = |i|"]),
        # XML.
        ("a.xml", "<!-- <a>b</a> --><x>b</x><!-- <c>d</c> --><y>d</y>", ["x = |b|", "y = |d|"]),
        ("a.xml", "<a x=\"\" y='2'/>", ["x = ||", "y = |2|"]),
        ("a.xml", '<a><!-- <b>c</b> --><add key="k" value="v"/><d x="1" y=\'2\'>  t </d></a>',
         ["k = |v|", "x = |1|", "y = |2|", "d = |t|"]),
        ("a.xml", '<s name="n" connectionString="c">x</s><e id="i"> </e>', ["n = |c|", "n = |x|"]),
        ("a.xml", "<a>b</a><!-- c", ["a = |b|"]),
        ("a.xml", "<w>v</w><!-- a --><x>b</x><!-- c --><y>d</y>", ["w = |v|", "x = |b|", "y = |d|"]),
        ("README", "a = 'b'", []),
    ],
)  # fmt: skip
def test_the_statements_of_each_language(name: str, text: str, told: list[str]) -> None:
    assert statements(text, name) == told
    for token in all_tokens(read(text, name).statements):
        assert token.kind in ("text", "name", "number", "operator")
        assert 0 <= token.start <= token.end <= len(text)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.js", "a // b\nc /* d\n */ e <!-- f -->", ["// b", "/* d\n */", "<!-- f -->"]),
        ("a.js", "a /* b", ["/* b"]),
        ("a.js", "// b", ["// b"]),
        ("a.py", "# a\nb # c", ["# a", "# c"]),
        (".env", "# a\nB=c\n; d", ["# a\n", "; d"]),
        ("a.xml", "<a><!-- b --></a><!-- c", ["<!-- b -->", "<!-- c"]),
        ("a.php", "<!-- b --><?php a; // c", ["<!-- b -->", "// c"]),
        ("a.php", "<?php a; // b ?><p>c</p>\nd", ["// b "]),
        ("README", "all of it\nis", ["all of it\nis"]),
    ],
)
def test_the_comments_of_each_language(name: str, text: str, told: list[str]) -> None:
    comments = read(text, name).comments
    assert [comment.content for comment in comments] == told
    assert [(comment.kind, text[comment.start : comment.end]) for comment in comments] == [
        ("comment", content) for content in told
    ]
    assert [comment.end - comment.start for comment in comments] == [*map(len, told)]


def scopes(text: str, name: str) -> dict[str, tuple[int, ...]]:
    """The scope of each statement, by its first word."""
    return {statement.tokens[0].content: statement.scope for statement in read(text, name).statements}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.js", "top; function f(a) { one; if (x) { two } three } function g() { four } end"),
        ("a.py", "top\ndef f(a):\n    one\n    two\n    three\ndef g():\n    four\n"),
        ("a.py", "top\nasync def f(a):\n    one\n    two\n    three\nclass g:\n    four\n"),
        ("a.rb", "top\ndef f\n  one\n  two\n  three\nend\ndef g\n  four\nend\n"),
        ("a.vb", "top\nPublic Sub F\n  one\n  two\n  three\nEnd Sub\nfunction g\n  four\nEnd Function\n"),
        ("a.php", "<?php top; function f($a) { one; foreach ($b as $c) { two; } three; } class G { four; } end;"),
    ],
)
def test_what_stands_in_one_function_stands_in_no_other(name: str, text: str) -> None:
    found = scopes(text, name)
    assert found["top"] == ()
    assert found["one"] == found["two"] == found["three"] != ()
    assert found["four"] not in ((), found["one"])
    if "{" in text:
        assert found["end"] == ()


@pytest.mark.parametrize("word", ["Public", "Private", "Friend", "Protected", "Sub", "Function"])
def test_what_begins_a_function_in_visual_basic(word: str) -> None:
    found = scopes(f"top\n{word} F()\n  one\n{word} G()\n  two\n", "a.vb")
    assert () != found["one"] != found["two"] != ()


def test_parameters_stand_in_their_function() -> None:
    outer, one, inner, two = read("function f(a) { one; function g(b) { two } }", "a.js").statements
    assert (outer.scope, inner.scope) == (one.scope, two.scope)


def test_pieces_stand_where_they_are_written() -> None:
    (yaml,) = read("x: a${b}c${d}e", "a.yml").statements
    assert [(piece.content, piece.at, piece.is_value) for piece in yaml.tokens[2].pieces] == [
        ("a", 3, False), ("b", 4, True), ("c", 8, False), ("d", 9, True), ("e", 13, False)
    ]  # fmt: skip
    text = "<a y='2'>  t </a>"
    attribute, content = read(text, "a.xml").statements
    assert (attribute.tokens[2].pieces[0].at, content.tokens[2].pieces[0].at) == (text.index("2"), text.index("t"))


def test_a_function_within_another_sees_what_stands_around_it() -> None:
    found = scopes("function f() { one; function g() { two } three }", "a.js")
    assert found["two"][: len(found["one"])] == found["one"] == found["three"] != found["two"]


@pytest.mark.parametrize(
    "text",
    [
        "function f() { g( }\nfunction h() { one }\nend",
        "function f() { g[ }\nfunction h() { one }\nend",
        "x = { a: function () { one }, c: 2 };\nend",
        "f(); }\nfunction h() { one }\nend",
        "function f() { one ) }\nend",
    ],
)
def test_brackets_that_do_not_match_spoil_nothing_after_the_block(text: str) -> None:
    found = scopes(text, "a.js")
    assert found["one"] != found["end"] == ()


def test_a_header_is_what_a_block_follows() -> None:
    headers = [s.header for s in read("function f(a) { b } x = { c: 1 };", "a.js").statements]
    assert headers == [True, False, False]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_every_word_stands_where_it_is_said_to(path: Path) -> None:
    text = path.read_text("utf-8")
    source = read(text, path.name)
    assert source.text == text
    for comment in source.comments:
        assert (comment.kind, text[comment.start : comment.end]) == ("comment", comment.content)
    tokens = all_tokens(source.statements)
    for token in tokens:
        if token.kind == "text":
            assert token.pieces
            if source.language.kind == "code" and token.content:
                assert all(piece.content for piece in token.pieces)
            for piece in token.pieces:
                assert token.start <= piece.at <= token.end
                if not piece.is_value and "\\" not in text[token.start : token.end]:
                    assert text.startswith(piece.content, piece.at)
        elif token.kind in ("name", "number") and source.language.kind == "code":
            assert text[token.start : token.end] == token.content
    if source.language.name != "XML":
        assert all(one.end <= other.start for one, other in pairwise(tokens))


@pytest.mark.parametrize("regex", ["/'/g", "/[/']/", r"/\'\//i"])
@pytest.mark.parametrize("before", ["a = ", "a =", "f( ", "b && "])
def test_a_regular_expression_opens_no_text(before: str, regex: str) -> None:
    assert statements(f"{before}{regex}; c = 'd';", "a.js")[-1] == "c = |d|"
