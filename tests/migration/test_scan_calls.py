"""How URLs are put together in each language, and what goes to each of their keys; and the names in expressions."""

from __future__ import annotations

import pytest

from mspace_legacy.migration.scan.calls import (
    Assigned,
    UrlCall,
    Value,
    between_commas,
    jar_calls,
    mentions,
    names_in,
    url_calls,
)
from mspace_legacy.migration.scan.source import Source, language_of, read_source

BASE = "https://h/mspaceservice/wr/sms"


def read(text: str, name: str) -> Source:
    return read_source(text, language_of(name))


def calls(text: str, name: str) -> list[UrlCall]:
    source = read(text, name)
    return list(url_calls(source, Assigned(source)))


def spelt(value: Value) -> str:
    """A key, its text, and expressions in brackets; a placeholder whose expression is not known by its name."""
    parts = [
        text if expression == "" else f"[{expression}]" if expression is not None else f"<{text}>"
        for text, expression in value.parts
    ]
    return f"{value.key}={''.join(parts)}"


def told(text: str, name: str) -> list[str]:
    """The calls, each as what stands before it, its operation, and its keys."""
    return [
        " ".join([f"{call.before or ''}:{call.operation}", *map(spelt, call.values)]).strip()
        for call in calls(text, name)
    ]


SENT = "u + '/sendtext/username=' + a + '/password=' + b"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        # Joined by an operator.
        ("a.js", "x = u + '/balance/username=' + a + '/password=' + b;", ["u:balance username=[a] password=[b]"]),
        ("a.php", "<?php $x = $u . '/balance/username=' . $a . '/password=' . $b;",
         ["$u:balance username=[$a] password=[$b]"]),
        ("a.vb", 'x = u & "/balance/username=" & a & "/password=" & b', ["u:balance username=[a] password=[b]"]),
        ("a.sql", "x := u || '/balance/username=' || a || '/password=' || b;",
         ["u:balance username=[a] password=[b]"]),
        ("a.lua", "x = u .. '/balance/username=' .. a .. '/password=' .. b", ["u:balance username=[a] password=[b]"]),
        ("a.cpp", 's << u << "/balance/username=" << a << "/password=" << b;',
         ["s << u:balance username=[a] password=[b]"]),
        ("a.js", "x = this.at(u) + '/balance/username=' + f(a, 1) + '/password=' + (b || c);",
         ["this.at(u):balance username=[f(a, 1)] password=[(b || c)]"]),
        ("a.js", "get(x, u + '/balance/username=' + a + '/password=' + b, y);",
         ["u:balance username=[a] password=[b]"]),
        ("a.js", "x = '/balance/username=' + a + '/password=' + b + '/' + c;",
         [":balance username=[a] password=[b + '/' + c]"]),
        ("a.js", "x = u + '/balance/username=' + 'x' + a + '/password=p' + b;",
         ["u:balance username=['x' + a] password=p[b]"]),
        # Put into a text.
        ("a.js", "x = `${u}/balance/username=${a}/password=${b.c}`;", ["u:balance username=[a] password=[b.c]"]),
        ("a.php", '<?php $x = "$u/balance/username={$a[\'n\']}/password=$b->c";',
         ["u:balance username=[$a['n']] password=[b->c]"]),
        ("a.sh", 'curl "$U/balance/username=$A/password=${B}"', ["U:balance username=[A] password=[B]"]),
        ("a.py", "x = f'{u}/balance/username={a}/password={b}'", ["u:balance username=[a] password=[b]"]),
        ("a.rb", 'x = "#{u}/balance/username=#{a}/password=#{b}"', ["u:balance username=[a] password=[b]"]),
        ("a.swift", r'x = "\(u)/balance/username=\(a)/password=\(b)"', ["u:balance username=[a] password=[b]"]),
        # By a format.
        ("a.py", "x = '%s/balance/username=%s/password=%s' % (u, a, b)", ["u:balance username=[a] password=[b]"]),
        ("a.py", "x = '/login/username=%s/password=%s' % (a, f(b, c))", [":login username=[a] password=[f(b, c)]"]),
        ("a.py", "x = '{}/balance/username={}/password={}'.format(u, a, b)", ["u:balance username=[a] password=[b]"]),
        ("a.py", "x = '/login/username={1}/password={0}'.format(b, a)", [":login username=[a] password=[b]"]),
        ("a.py", "x = '/login/username={n}/password={p}'.format(p=b, n=a)", [":login username=[a] password=[b]"]),
        ("a.py", "x = '/login/username=%(n)s/password=%(p)s' % {'n': a, 'p': b}",
         [":login username=[a] password=[b]"]),
        ("a.py", "x = ('/login/username=%s'\n  '/password=%s') % (a, b)", [":login username=[a] password=[b]"]),
        ("a.py", "F = '/login/username=%s/password=%s'\nx = F % (a, b)", [":login username=[a] password=[b]"]),
        ("a.py", "F = '/login/username={}/password={}'\nx = F.format(a, b)", [":login username=[a] password=[b]"]),
        ("a.java", 'x = String.format("/login/username=%s/password=%s", a, b);',
         [":login username=[a] password=[b]"]),
        ("a.java", 'x = String.format("/login/username=%2$s/password=%1$s", b, a);',
         [":login username=[a] password=[b]"]),
        ("a.java", 'F = "/login/username=%s/password=%s"; x = String.format(F, a, b);',
         [":login username=[a] password=[b]"]),
        ("a.cs", 'x = string.Format("/login/username={0}/password={1:x}", a, b);',
         [":login username=[a] password=[b]"]),
        ("a.php", "<?php $x = sprintf('%s/login/username=%s/password=%d', $u, $a, $b);",
         ["$u:login username=[$a] password=[$b]"]),
        ("a.java", 'x = "/login/username={user}/password={pw}";', [":login username=<user> password=<pw>"]),
        ("a.java", 'x = "/login/username=%s/password=%s";', [":login username=<> password=<>"]),
        # By a builder, by a list, and in several statements.
        ("a.java", 's = new B(u).append("/login/username=").append(a).append("/password=").append(b);',
         [":login username=[a] password=[b]"]),
        ("a.js", "x = '/login';\nx += '/username=' + a;\nx += '/password=';\nx += b;",
         [":login username=[a] password=[b]"]),
        ("a.js", "x = '/login';\nx = x + '/username=' + a;\nx = x + '/password=' + b;",
         [":login username=[a] password=[b]"]),
        ("a.php", "<?php $x = '/login'; $x .= '/username=' . $a; $x .= '/password=' . $b;",
         [":login username=[$a] password=[$b]"]),
        ("a.js", "x = ['login', 'username=' + a, 'password=' + b].join('/');", [":login username=[a] password=[b]"]),
        ("a.php", "<?php $x[] = 'login/'; $x[] = 'username=' . $a; $x[] = 'password=' . $b;",
         [":login username=[$a] password=[$b]"]),
        ("a.js", "x.push('login/');\nx.push('username=' + a);\nx.push('password=' + b);",
         [":login username=[a] password=[b]"]),
        ("a.js", "function f() { x = '/login'; }\nfunction g() { x += '/username=' + a; }",
         [":login", ": username=[a]"]),
        ("a.java", 'x = new B().path("mspaceservice").path("WR").path("/sms/").path("login").path("username=" + a);',
         [":login username=[a]"]),
        ("a.js", "var x = v + '/login';\nx += '/username=' + a;", ["v:login username=[a]"]),
        ("a.js", "f() + '/login/username=' + a;", ["f():login username=[a]"]),
        ("a.js", "x = '/login';\n" + "y;\n" * 39 + "x += '/username=' + a;", [":login username=[a]"]),
        ("a.js", "x = '/login';\n" + "y;\n" * 40 + "x += '/username=' + a;", [":login", ": username=[a]"]),
        # What stands beside is no part of it.
        ("a.js", "get('/login/username=' + a + '/password=' + b, { port: 80 });",
         [":login username=[a] password=[b]"]),
        ("a.js", "get('/login/username=' + a + '/password=' + b).then(c);", [":login username=[a] password=[b]"]),
        ("a.js", "x = ok ? '/login/username=' + a + '/password=' + b : c;", [":login username=[a] password=[b]"]),
        ("a.sh", "curl /login/username=$a/password=$b -o c", []),
        ("a.js", "x = '/login/username=U/password=P'; y = '/balance/username=V/password=Q';",
         [":login username=U password=P", ":balance username=V password=Q"]),
        ("a.js", f"x = '{BASE}/login/username=U {BASE}/balance/username=V';",
         [":login username=U", ":balance username=V"]),
        ("a.js", "x = '/login/username=U/password=P \"quoted\"';", [":login username=U password=P"]),
        # Side by side in a shell; by a function, or a method of the text itself, as compilers write a template.
        ("a.sh", 'curl "$U/login/username="$A"/password="$B', ["U:login username=[$A] password=[$B]"]),
        ("a.sh", 'curl "$U/login/username=" $A', ["U:login username="]),
        ("a.js", "x = '/login/username='.concat(a);", [":login username=[a]"]),
        ("a.js", 'x = "".concat(u, "/login/username=").concat(a, "/password=").concat(b);',
         ["u:login username=[a] password=[b]"]),
        *(("a.cs", f"x = {name}(u, \"login/username=U\");", ["u:login username=U"])
          for name in ("urljoin", "Uri.Combine", "base.resolve", "String.concat", "sprintf")),
        ("a.js", "x = get(u, 'login/username=U');", [":login username=U"]),
        # What stands before, with brackets of its own.
        ("a.js", "x = f(g(a)) + '/login/username=U';", ["f(g(a)):login username=U"]),
        ("a.js", "x = f({a: [1, 2]}) + '/login/username=U';", ["f({a: [1, 2]}):login username=U"]),
        ("a.js", "x = (a, b + '/login/username=U');", ["b:login username=U"]),
        ("a.js", "x = '(' + '/login/username=U';", ["'(':login username=U"]),
        ("a.js", "x = b + '//login/username=U';", ["b:login username=U"]),
        ("a.js", "x = '//login/username=U';", [":login username=U"]),
        # What stands behind, with brackets and spaces of its own.
        ("a.java", 's.append("/login/username=").append(a).append(b);', [":login username=[a).append(b]"]),
        ("a.java", 's.append(u ).append("/login/username=" ).append( a ).append("/password=").append(f(b) );',
         [":login username=[a] password=[f(b)]"]),
        ("a.js", "x = '/login/username=' + (a + b) + '/password=' + [c][0];",
         [":login username=[(a + b)] password=[[c][0]]"]),
        # Lists of a format's arguments, in each language.
        ("a.py", "x = '/login/username=%s' % a", [":login username=[a]"]),
        *((name, f'x = f("/login/username=%s/password=%s", {arguments});', [":login username=[a] password=[b]"])
          for name, arguments in (("a.kt", "arrayOf(a, b)"), ("a.kt", "listOf(a, b)"), ("a.scala", "Array(a, b)"),
                                  ("a.js", "[a, b]"), ("a.java", "new Object[] { a, b }"))),
        ("a.java", 'x = f("/login/username=%s/password=%s", new Object[] { a[0], g(b, "c,d") });',
         [':login username=[a[0]] password=[g(b, "c,d")]']),
        ("a.cs", 'x = string.Format("/login/username={0}/password={1}", a, b) + c;',
         [":login username=[a] password=[b]"]),
        # A format that is kept, under the names that each language has for it.
        ("a.py", "F = '/login/username={}/password={}'\nx = self.F.format(a, b)",
         [":login username=[a] password=[b]"]),
        ("a.cpp", 'F = "/login/username=%s/password=%s"; x = format(Url::F, a, b);',
         [":login username=[a] password=[b]"]),
        ("a.php", "<?php $this->XF = '/login/username=%s/password=%s'; $x = sprintf($this->XF, $a, $b);",
         [":login username=[$a] password=[$b]"]),
        ("a.php", "<?php $XF = '/login/username=%s'; $x = sprintf($XF, $a);", [":login username=[$a]"]),
        ("a.js", "F = '/login/username=%s/password=%s'; x = f(o, F, a, b);", [":login username=[a] password=[b]"]),
        ("a.js", "F = '/login/username=%s/password=%s'; x = F + a;", [":login username=<> password=<>"]),
        ("a.php", "<?php define('URL', '/login/username=%s'); $x = sprintf(URL, $a);", [":login username=[$a]"]),
        # A value goes on to the next key, whatever words are in it.
        ("a.js", "x = '/login/username=U/password=PAX/';", [":login username=U password=PAX"]),
        ("a.js", "x = '/sendtext/username=U/password=P/message=please login/now';",
         [":sendtext username=U password=P message=please login/now"]),
        ("a.js", "x = 'mspaceservice/wr/sms/smsapi/v2/balance';", [":", ":balance"]),
        ("a.js", "x = 'smsapi' + '/V2/' + 'balance/username=' + u;", [":balance username=[u]"]),
        ("a.js", "f('mspaceservice', 'wr', '/Sms/', 'balance', 'username=' + u);", [":balance username=[u]"]),
        # A name that is given the URL in several statements, with its type, in each language.
        ("a.vb", 'Dim x As String = "/login"\nx = x & "/username=" & a', [":login username=[a]"]),
        ("a.ts", "let x: string = '/login';\nx += '/username=' + a;", [":login username=[a]"]),
        ("a.sql", "v_x varchar2(200) := '/login'; v_x := v_x || '/username=' || a;", [":login username=[a]"]),
        ("a.sql", "DECLARE @x varchar(200) = '/login'; SET @x = @x + '/username=' + @a;", [":login username=[@a]"]),
        ("a.php", "<?php $c['url'] = '/login'; $c['url'] .= '/username=' . $a;", [":login username=[$a]"]),
        ("a.php", "<?php $this->x = '/login'; $this->x = $this->x . '/username=' . $a;", [":login username=[$a]"]),
        ("a.js", "this.x = '/login';\nthis.x = this.x.concat('/username=' + a);", [":login username=[a]"]),
        ("a.php", "<?php $x = array(); $x[] = '/login'; $x[] = 'username=' . $a;", [":login username=[$a]"]),
        ("a.php", "<?php $this->c['url'] = '/login'; $this->c['url'] .= '/username=' . $a;",
         [":login username=[$a]"]),
        ("a.php", "<?php $this->c['a'] = '/login'; $this->c['b'] .= '/username=' . $a;",
         [":login", ": username=[$a]"]),
        ("a.php", "<?php $x = $u . '/login/username=' . $this->a . '/password=P';",
         ["$u:login username=[$this->a] password=P"]),
        ("a.js", "f('/login/senderid=S' + 'http://h/balance/username=V');",
         [":login senderid=S", ":balance username=V"]),
        ("a.php", "<?php $x['sendtext'] = '/balance/username=' . $a;", [":balance username=[$a]"]),
        ("a.js", "x = '/login/username=';\nx += a;", [":login username=[a]"]),
        ("a.js", "x = '/login/username=';\nx += 'U';\nx += '/password=' + b;", [":login username=U password=[b]"]),
        ("a.js", "y;\n" * 50 + "x = '/login';\nx += '/username=' + a;", [":login username=[a]"]),
        ("a.pl", "my $x = $u . '/login/username=' . $a . '/password=' . $b;",
         ["$u:login username=[$a] password=[$b]"]),
        # Brackets, commas and texts that are no part of the URL.
        ("a.js", "x = ['/login/username=', f(a, g(b, c), d), '/password=P'].join('');",
         [":login username=[f(a, g(b, c), d)] password=P"]),
        ("a.js", "get(u + '/login/username=' + f(a, g(b)) + c, d);", ["u:login username=[f(a, g(b)) + c]"]),
        ("a.java", 's.append("/login/username=").append((a) + b);', [":login username=[(a) + b]"]),
        ("a.js", "x = '/login/username=' + '' + '/password=' + b;", [":login username= password=[b]"]),
        ("a.js", "x = f('/login/username=%s/password=%s', '(', b);", [":login username=['('] password=[b]"]),
        ("a.py", "x = '/subacctopup/noofsms=%s ' % a", [":subacctopup noofsms=[a]"]),
        ("a.js", "x = `/login/username=${a}${b}/password=p`;", [":login username=[a][b] password=p"]),
        # Fewer arguments than are asked for, and those of something else.
        ("a.py", "x = '/login/username=%s/password=%s' % a", [":login username=[a] password=<>"]),
        ("a.js", "f(g('/login/username=%s'), b);", [":login username=<>"]),
        ("a.py", "x = ('/login/username={}/'\n 'password={}').format(a, b)", [":login username=[a] password=[b]"]),
        ("a.py", "get(f(a), url='/login/username=%s')\ny = url % b", [":login username=<>"]),
        ("a.js", "F = '/login/username=%s/password=%s';\nF.trim(a, b);", [":login username=<> password=<>"]),
        ("a.js", "F = '/login/username=%s';\nvar F, a;", [":login username=<>"]),
        ("a.py", "F = '/login/username=%s'\nx = F % a", [":login username=[a]"]),
        # A format's first argument is the address, however it is numbered or named.
        *(("a.py", f"x = '{lead}login/username=U'{arguments}", ["u:login username=U"])
          for lead, arguments in (("%s/", " % u"), ("%s", " % u"), ("{}/", ".format(u)"), ("{0}/", ".format(u)"),
                                  ("{0}", ".format(u)"), ("%(b)s/", " % {'b': u}"), ("{b}/", ".format(b=u)"))),
        ("a.java", 'x = String.format("%1$s/login/username=%2$s", u, a);', ["u:login username=[a]"]),
        ("a.py", "x = 'GET %s/login/username=%s' % (u, a)", ["u:login username=[a]"]),
        ("a.js", "x = '/sendtext/username=U/message=please login/now/senderid=S';",
         [":sendtext username=U message=please login/now senderid=S"]),
        # Two URLs side by side, each with what stands before it.
        ("a.js", "f('/login/username=' + a, b + c + '/balance/username=' + d);",
         [":login username=[a]", "b + c:balance username=[d]"]),
        ("a.js", "f('/login/username=U', b + '/balance/username=V');",
         [":login username=U", "b:balance username=V"]),
        ("a.js", "f('/login/username=' + a, b + '/balance/username=' + c);",
         [":login username=[a]", "b:balance username=[c]"]),
        ("a.rb", "f(:a => '/login/username=' + u, :b => '/balance/username=' + v)",
         [":login username=[u]", ":b =>:balance username=[v]"]),
        ("a.js", "x = {path: '/login/username=' + u, port: 80};", [":login username=[u]"]),
    ],
)  # fmt: skip
def test_what_goes_to_each_key(name: str, text: str, expected: list[str]) -> None:
    assert told(text, name) == expected


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        (f"'{BASE}/balance/username=U'", {"scheme": "https", "host": "h", "base": True, "operation": "balance",
                                          "slashed": True, "v2": False, "operation_value": False}),
        (f"'{BASE}/' + op", {"base": True, "operation": "", "operation_value": True, "goes_on": True}),
        (f"'{BASE}/{{}}'", {"operation_value": True}),
        (f"'{BASE}'", {"operation_value": False, "goes_on": False, "values": []}),
        (f"'{BASE}/more'", {"operation_value": False, "goes_on": True}),
        ("'HTTP://API.MSpace.co.ke/smsapi/v2/Balance'", {"scheme": "http", "host": "API.MSpace.co.ke", "v2": True,
                                                         "operation": "balance", "of_the_vendor": True,
                                                         "of_somebody_else": False, "slashed": False}),
        ("'http://api.mspace.co.ke:8080/wr/sms'", {"of_the_vendor": True, "base": True}),
        ("'http://mspace.co.ke.bank.example/wr/sms'", {"of_the_vendor": False, "of_somebody_else": True}),
        ("'http://' + host + '/wr/sms'", {"of_somebody_else": False, "base": True}),
        ("'http://localhost/wr/sms'", {"loopback": True}),
        ("'http://127.0.0.1:80/wr/sms'", {"loopback": True}),
        ("'http://[::1]/wr/sms'", {"loopback": True}),
        ("'http://10.0.2.2/wr/sms'", {"loopback": True}),
        ("'http://h.localhost.example/wr/sms'", {"loopback": False}),
        ("u + '/v1/login/username=U'", {"elsewhere": True, "of_somebody_else": True}),
        ("u + '/my-sms/login/username=U'", {"elsewhere": False}),
        ("u + '/x?username=U&password=P'", {"query": True, "keys": ["username", "password"]}),
        ("u + '/username=U/password=P'", {"query": False}),
        ("u + op + '/username=U'", {"query": False}),
        (f"'{BASE}/apikey=' + k", {"operation_value": False}),
        ("'/login/' + a", {"operation_value": False}),
        ("'/username=U/password=' + p + '/senderid=S'", {"operation_value": False}),
        ("`${u}${op}/username=U`", {"operation_value": True}),
        ("f('mspaceservice', 'wr/', 'sms', 'balance')", {"base": True}),
        ("f.path('/login/').path('username=' + a)", {"encodes": True}),
        ("UriComponentsBuilder.from('/login/username=' + a)", {"encodes": True}),
        ("x('/login/username=' + a)", {"encodes": False}),
    ],
)  # fmt: skip
def test_what_is_told_of_a_url(text: str, attributes: dict[str, object]) -> None:
    (call,) = calls(f"x = {text};", "a.js")
    assert {name: getattr(call, name) for name in attributes} == attributes


def test_a_url_stands_where_it_begins() -> None:
    text = f"a;\nx = u + '{BASE}/balance/username=U/password=' + a;\ny = '{BASE}';"
    joined, alone = calls(text, "a.js")
    assert (joined.at, joined.scheme_at) == (text.index("u + '"), text.index("https://"))
    assert (alone.at, alone.scheme_at) == (text.rindex("https://"), text.rindex("https://"))
    assert (joined.statement, alone.statement) == (1, 2)
    # A value where it begins: in the text, or at what joins it on.
    assert [text[value.at :].partition("/")[0].partition(";")[0] for value in joined.values] == ["U", "+ a"]


def test_each_address_is_a_url_of_its_own() -> None:
    both = "x = ['http://a/mspaceservice/wr/sms', 'http://b/mspaceservice/wr/sms'];"
    assert [call.host for call in calls(both, "a.js")] == ["a", "b"]


def test_a_value_stands_where_it_is_joined_on() -> None:
    text = "f('/login/username=' + a, b + '/balance/username=V');"
    first, _ = calls(text, "a.js")
    assert text[first.values[0].at :].startswith("+ a")


def test_nothing_stands_beside_a_placeholder() -> None:
    (call,) = calls("x = '/login/username=%s/password={}/noofsms=%s ';", "a.js")
    assert [value.parts for value in call.values] == [(("", None),)] * 3


def test_a_value_is_a_text_or_expressions_or_names() -> None:
    text, mixed, name = (
        Value("password", (("a", ""), ("b", "")), 0), Value("password", (("a", ""), ("", "x")), 0),
        Value("password", (("pw", None), ("", None)), 0),
    )  # fmt: skip
    assert (text.literal, text.expressions, text.names) == ("ab", [], [])
    assert (mixed.literal, mixed.expressions, mixed.names) == (None, ["x"], [])
    assert (name.literal, name.expressions, name.names) == (None, [], ["pw"])


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("a", ["a"]),
        ("$a", ["a"]),
        ("@a", ["a"]),
        ("this.config.password", ["password"]),
        ("$this->config->password", ["password"]),
        ("Config::password", ["password"]),
        ("a?.b", ["b"]),
        ("$config['sms.password']", ["config", "password"]),
        ('getenv("MSPACE_PASSWORD")', ["MSPACE_PASSWORD"]),
        ("f(a, b.c) + 12 + a", ["a", "c"]),
        ("", []),
    ],
)
def test_the_names_in_an_expression(expression: str, names: list[str]) -> None:
    assert names_in(expression) == names


@pytest.mark.parametrize(
    ("name", "text", "given"),
    [
        ("a.js", "a = 1; var b = c; let d = e; f.g = h;", {"a": "1", "b": "c", "d": "e", "g": "h"}),
        ("a.php", "<?php $a = 1; $b['c'] = 2; $d->e = 3; const G = 5;",
         {"$a": "1", "c": "2", "e": "3", "G": "5"}),
        ("a.go", "a := 1\nvar b string = c", {"a": "1", "b": "c"}),
        ("a.kt", "val a: String = b", {"a": "b"}),
        ("a.vb", "Dim a As String = b", {"a": "b"}),
        ("a.java", "final String a = b;", {"a": "b"}),
        ("a.sql", "declare @a varchar(9) = b; set @c = d; e varchar2 := f;", {"@a": "b", "@c": "d", "e": "f"}),
        ("a.py", "a: str = b\nif a == c: d()\nf(e=g)", {"a": "b"}),
    ],
)  # fmt: skip
def test_what_a_statement_gives_a_value(name: str, text: str, given: dict[str, str]) -> None:
    source = read(text, name)
    made = Assigned(source)
    assert {each.name: " ".join(token.content for token in each.tokens) for each in made.all} == given
    for each in made.all:
        assert made.at(each.statement) is each
        assert made.name_at(each.statement) == each.name.lstrip("$@")
        assert made.named(each.name.lstrip("$@")) == [each]
    assert (made.at(99), made.name_at(99), made.named("absent")) == (None, "", [])


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.js", "x = a", "x = a"),
        ("a.js", "x += a", "x += a"),
        ("a.js", "x = x + a", "x += a"),
        ("a.js", "x = y + a", "x = y + a"),
        ("a.js", "x = x", "x = x"),
        ("a.js", "x = x - a", "x = x - a"),
        ("a.js", "x = x.concat(a)", "x += a )"),
        ("a.js", "x = x.append(a)", "x *= a )"),
        ("a.js", "x = x.trim()", "x += trim ( )"),
        ("a.js", "this.x = this.x + a", "x += a"),
        ("a.py", "self.x = self.x + a", "x += a"),
        ("a.php", "<?php $x .= $a;", "$x += $a"),
        ("a.php", "<?php $x = $x . $a;", "$x += $a"),
        ("a.php", "<?php $x[] = $a;", "$x *= $a"),
        ("a.php", "<?php $x['k'] = $a;", "k = $a"),
        ("a.php", "<?php define('K', 4);", "K = 4 )"),
        ("a.php", "<?php Define('K', 4, 5);", "K = 4 , 5 )"),
        ("a.js", "define(a, 4);", ""),
        ("a.js", "x ||= a", "x = a"),
        ("a.vb", "x &= a", "x += a"),
        ("a.vb", "x = x & a", "x += a"),
        ("a.vb", "DIM x AS STRING = a", "x = a"),
        ("a.vb", "dim x as Object = a", "x = a"),
        ("a.sql", "x := x || a;", "x += a"),
        ("a.sql", "set @x = a;", "@x = a"),
        ("a.lua", "x = x .. a", "x += a"),
        ("a.cpp", "s << a;", "s += a"),
        ("a.js", "x.append(a)", "x *= a )"),
        ("a.cpp", "x->append(a);", "x *= a )"),
        ("a.js", "x.write(a)", "x += a )"),
        ("a.js", "append(a)", ""),
        ("a.js", "f(x.append(a))", ""),
        ("a.js", "f(b) ; x = a", "x = a"),
        ("a.js", "f(b = a)", ""),
        ("a.js", "x =", "x ="),
        ("a.js", "x[y] = a", "y = a"),
        ("a.ts", "let x: A = a", "x = a"),
        ("a.js", "= a", ""),
    ],
)
def test_how_a_statement_gives_a_value(name: str, text: str, expected: str) -> None:
    """`+=` where it is added to what the name held, `*=` where it is one more of a list."""
    told = [
        " ".join(
            [f"{each.name} {'*' if each.listed else '+' if each.extends else ''}=", *(t.content for t in each.tokens)]
        )
        for each in Assigned(read(text, name)).all
    ]
    assert told == ([expected] if expected else [])


@pytest.mark.parametrize("text", ["define('K', 4);", "x = x + a", "x.append(a)", "x = a"])
def test_an_assignment_belongs_to_its_statement_and_scope(text: str) -> None:
    source = read(f"one; function f() {{ {text} }}", "a.php")
    (each,) = Assigned(source).all
    assert source.statements[each.statement].tokens[-1] == each.tokens[-1]
    assert each.scope == source.statements[each.statement].scope != ()
    assert isinstance(each.listed, bool)
    assert isinstance(each.extends, bool)


def test_the_nearest_assignment_comes_first() -> None:
    made = Assigned(read("a = 1; a = 2; b; a += 3; a = 4;", "a.js"))
    assert [each.statement for each in made.before("a", 4)] == [3, 1, 0]
    assert [each.extends for each in made.before("a", 4)] == [True, False, False]
    assert made.before("a", 0) == made.before("absent", 4) == []


def test_commas_within_brackets_separate_nothing() -> None:
    tokens = read("f(a, g(b, c), [d, e], h)", "a.js").statements[0].tokens
    parts = [
        " ".join(token.content for token in tokens[start:end])
        for start, end in between_commas(tokens, 2, len(tokens) - 1)
    ]
    assert parts == ["a", "g ( b , c )", "[ d , e ]", "h"]


def test_the_arguments_of_a_call_of_the_jar_and_where_they_stand() -> None:
    text = 'x = c.subUsers_JSON(String.class, f(a, b), "p");'
    (call,) = jar_calls(read(text, "A.java"), evidence=False)
    assert (call.method, text[call.at :][: len(call.method)]) == ("subUsers_JSON", "subUsers_JSON")
    assert call.arguments == ("String.class", "f(a, b)", '"p"')
    assert [
        text[place:].startswith(argument)
        for place, argument in zip(call.argument_places, call.arguments, strict=True)
    ] == [True] * 3


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        (f"# see {BASE}/balance/username=U/password=P now", [":balance username=U password=P"]),
        ("# /balance/username=U/password=P", [":balance username=U password=P"]),
        ("# wr/sms/login/username=U", [":login username=U"]),
        (f"# {BASE}/login/username=U and {BASE}/balance/username=V", [":login username=U", ":balance username=V"]),
        ('# u = "https://h/mspaceservice/wr/sms/login/username=" + a + "/password=" + b',
         [":login username= password="]),
        ("# nothing of it", []),
    ],
)  # fmt: skip
def test_what_a_comment_mentions(comment: str, expected: list[str]) -> None:
    (token,) = read(comment, "a.py").comments
    found = list(mentions(token))
    assert [" ".join([f":{call.operation}", *map(spelt, call.values)]) for call in found] == expected
    for call in found:
        assert comment[call.at :].lower().startswith(("http", "/", "balance", "login", "wr/"))


@pytest.mark.parametrize("text", ['"]" = mspace', '"a" "]" = mspace'])
def test_a_text_that_is_a_bracket_is_none(text: str) -> None:
    assert not Assigned(read(text, "a.py")).name_at(0)
