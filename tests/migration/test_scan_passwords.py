"""Passwords and keys that are written in sources, as each language and each kind of settings writes them."""

from __future__ import annotations

import pytest

from mspace_legacy.migration.scan import inspect

PASSWORD = "Tembo-4417"
KEY = "k3y0fSixteenChar"
CALL = "h.example/mspaceservice/wr/sms/balance/username=U/password="


def secrets(text: str, name: str) -> list[int]:
    """The lines on which a password or a key is found."""
    found = [finding for finding in inspect(text, name) if finding.rule.id == "MSP003"]
    assert {finding.wrong for finding in found} <= {"the password is written here", "the API key is written here"}
    assert {finding.remedy for finding in found} <= {
        "have it changed, as whoever has the source has it, and read it from the environment or a secret store"
    }
    return [finding.line for finding in found]


@pytest.mark.parametrize(
    "name",
    [
        "MSPACE_PASSWORD", "MSPACE_PASSWD", "MSPACE_PASS", "MSPACE_PWD", "MSPACE_PW", "MSPACE_PASSPHRASE",
        "MSPACE_PASSKEY", "mspacePassword", "mspacepassword", "mspacepasswd", "mspacepassphrase", "mspacepasskey",
        "mspace.password", "mspace-pass", "mspacePass2", "MSPACE_PASS_2", "mspace_password_",
        "mspacepassword_", "MspacePwd",
    ],
)  # fmt: skip
def test_what_a_password_is_called(name: str) -> None:
    assert secrets(f"{name}={PASSWORD}\n# mspace.co.ke\n", ".env") == [1]


@pytest.mark.parametrize(
    "name",
    ["MSPACE_COMPASS", "MSPACE_BYPASSED", "MSPACE_USER", "MSPACE_USER_2", "MSPACE_2", "MSPACE_PASS_FILE", "MSPACE"],
)
def test_what_is_no_password_by_its_name(name: str) -> None:
    assert secrets(f"{name}={PASSWORD}\n", ".env") == []


@pytest.mark.parametrize("name", ["MSPACE_API_KEY", "mspaceApiKey", "mspace.api-key", "MSPACE_APIKEY"])
def test_what_a_key_is_called_and_how_long_it_is(name: str) -> None:
    (finding,) = inspect(f"{name}={KEY}\n", ".env")
    assert (finding.rule.id, finding.wrong) == ("MSP003", "the API key is written here")
    assert secrets(f"{name}={KEY[:15]}\n", ".env") == []


@pytest.mark.parametrize(("name", "found"), [("apikey", [2]), ("API_KEY", [2]), ("STRIPE_API_KEY", [])])
def test_a_key_without_a_name_is_that_of_the_v2_beside_it(name: str, found: list[int]) -> None:
    assert secrets(f"URL=https://api.mspace.co.ke/smsapi/v2\n{name}={KEY}\n", ".env") == found
    assert secrets(f"# mspace\nURL=https://h.example\n{name}={KEY}\n", ".env") == []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a.php", "define('MSPACE_PASSWORD', '{}');"),
        ("a.php", "@define('MSPACE_PASSWORD', '{}');"),
        ("a.php", "const MSPACE_PASSWORD = '{}';"),
        ("a.php", "$mspacePassword = '{}';"),
        ("a.php", "$config['mspace']['password'] = '{}';"),
        ("a.php", "$config['services']['mspace']['password'] = '{}';"),
        ("a.php", "$mspace['a']['b']['password'] = '{}';"),
        ("a.php", "return ['mspace' => ['password' => '{}']];"),
        ("a.php", "return ['mspace' => array('password' => '{}')];"),
        ("a.php", "return ['mspace' => ['url' => URL, 'password' => '{}']];"),
        ("a.php", "return ['a' => ['x' => 1], 'mspace' => ['password' => '{}']];"),
        ("a.php", "return ['mspace_password' => env('SMS_SECRET_X', '{}')];"),
        ("a.php", "return ['mspace_password' => $given ?? '{}'];"),
        ("a.php", "return ['x' => env('MSPACE_PASSWORD', '{}')];"),
        ("a.php", "$mspacePassword = urlencode('{}');"),
        ("a.php", "$mspacePassword = $given ?? '{}';"),
        ("a.php", "$mspacePassword = $given ?: '{}';"),
        ("a.php", "return $mspace['password'] = '{}';"),
        ("a.php", "$this->mspace['password'] = '{}';"),
        ("a.php", "$mspacePassword = Str::trim('{}');"),
        ("a.js", 'const mspace = {{ pass2: "{}" }};'),
        ("a.scala", 'val mspace = Map("password" -> "{}")'),
        ("a.kt", 'val mspace = mapOf(password = "{}")'),
        ("a.rb", "mspace_password = x or '{}'"),
        ("a.js", 'const o = {{ "mspace.password": "{}" }};'),
        ("a.sql", "SET @a = 'x' || 'y', @mspace_password = '{}';"),
        ("a.h", '#define MSPACE_PASSWORD "{}"'),
        ("a.js", 'const mspace = {{ password: "{}" }};'),
        ("a.js", 'module.exports = {{ mspace: {{ user: "u", password: "{}" }} }};'),
        ("a.js", 'const mspacePassword = process.env.MSPACE_X || "{}";'),
        ("a.js", 'const o = {{ mspacePassword: process.env.X ?? "{}" }};'),
        ("a.js", 'send(process.env.MSPACE_PASSWORD || "{}");'),
        ("a.js", 'localStorage.set("mspacePassword", "{}");'),
        ("a.ts", 'private mspacePassword: string = "{}";'),
        ("a.py", 'mspace_password = "{}"'),
        ("a.py", 'mspace_password: str = "{}"'),
        ("a.py", 'mspace = dict(password="{}")'),
        ("a.py", 'SETTINGS = {{"mspace": {{"password": "{}"}}}}'),
        ("a.py", 'mspace_password = os.environ.get("SMS_X", "{}")'),
        ("a.py", 'self.mspace_password = os.environ.get("SMS_X", "{}")'),
        ("a.py", 'mspace_password = os.environ.get("SMS_X") or "{}"'),
        ("a.py", 'mspace_password = urllib.parse.quote("{}")'),
        ("a.py", 'mspace_password = Secret("{}")'),
        ("a.kt", 'val mspacePassword: String = "{}"'),
        ("a.kt", 'val mspacePassword = System.getenv("X") ?: "{}"'),
        ("a.java", 'String mspacePassword = "{}";'),
        ("a.java", 'String p = System.getProperty("mspace.password", "{}");'),
        ("a.java", 'mspacePassword = System.getProperty("sms.x", "{}");'),
        ("a.java", 'map.put("mspacePassword", "{}");'),
        ("a.cs", 'mspacePassword = Uri.EscapeDataString("{}");'),
        ("a.go", 'mspacePassword := "{}"'),
        ("a.go", 'mspacePassword := config.Get("SMS_X", "{}")'),
        ("a.vb", 'Dim mspacePassword As String = "{}"'),
        ("a.vb", 'DIM mspacePassword AS STRING = "{}"'),
        ("a.swift", 'let mspacePassword: String = "{}"'),
        ("a.swift", 'var mspacePassword: String? = "{}"'),
        ("a.swift", 'var mspacePassword: String! = "{}"'),
        ("a.rb", "mspace_password = ENV['X'] || '{}'"),
        ("a.rb", "MSPACE = {{ 'mspace_password' => '{}' }}"),
        ("a.vb", 'dim mspacePassword as string = "{}"'),
        ("a.vb", 'Dim mspacePassword As Secret = "{}"'),
        ("a.js", 'switch (a) {{ case one: mspacePassword = "{}"; }}'),
        ("a.js", 'conf.set(mspacePassword, "{}");'),
        ("a.js", 'mspacePassword = process.env("SMS_X", "{}");'),
        ("a.py", 'self.mspace_password = a.b.quote("{}")'),
        ("a.php", "$mspacePassword = config::get('SMS_X', '{}');"),
        ("a.cpp", 'mspace_password = config->get("SMS_X", "{}");'),
        ("a.swift", 'let mspacePassword: String = config.get("SMS_X", "{}")'),
        ("a.sql", "DECLARE @mspace_password VARCHAR(50) = '{}';"),
        ("a.sql", "INSERT INTO t (k, v) VALUES ('mspace_password', '{}');"),
        ("a.xml", '<add key="mspace.password" value="{}"/>'),
        ("a.yml", "mspace:\n  password: {}"),
    ],
)
def test_how_each_language_gives_a_name_its_text(name: str, line: str) -> None:
    comment = {"xml": "<!-- {} -->", "yml": "# {}", "py": "# {}", "rb": "# {}", "sql": "-- {}", "vb": "' {}"}
    vendor = comment.get(name.partition(".")[2], "// {}").format("see mspace.co.ke")
    text = f"{line.format(PASSWORD)}\n{vendor}\n"
    assert secrets(text, name) == [text.count("\n") - 1]
    # Of another system than MSpace it is none of ours.
    assert (
        secrets(f"{line.format(PASSWORD).replace('mspace', 'acme').replace('MSPACE', 'ACME')}\n{vendor}\n", name)
        == []
    )


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        # A setting beside the vendor's address, and what stands elsewhere in the file.
        ("a.yml", "sms:\n  url: https://api.mspace.co.ke/x\n  password: SIMBA\n", [3]),
        ("a.yml", "sms:\n  url: https://api.mspace.co.ke/x\ndb:\n  password: SIMBA\n", []),
        ("a.yml", "sms:\n  url: https://api.mspace.co.ke/x\n  smtp:\n    password: SIMBA\n", []),
        (".env", "SMS_URL=https://api.mspace.co.ke/x\nSMS_PASSWORD=SIMBA\nSMS_API_KEY=LONGKEY\n", [2, 3]),
        (".env", "SMS_URL=https://api.mspace.co.ke/x\nDB_PASSWORD=SIMBA\nMAIL_API_KEY=LONGKEY\n", []),
        (".env", "URL=https://api.mspace.co.ke/x\nPASSWORD=SIMBA\n", [2]),
        ("a.js", "const url = 'https://api.mspace.co.ke/x';\nconst password = 'SIMBA';\n", []),
        ("a.js", "const smsUrl = 'https://api.mspace.co.ke/x';\nconst smsPassword = 'SIMBA';\n", [2]),
        # Not in the map that is MSpace's, but behind it.
        ("a.js", "o = { mspace: { a: 1 }, password: 'SIMBA' }; // mspace.co.ke\n", []),
        ("a.js", "o = { mspace: [1], password: 'SIMBA' }; // mspace.co.ke\n", []),
        ("a.php", "<?php $o = ['mspace' => array(1), 'password' => 'SIMBA']; // mspace.co.ke\n", []),
        ("a.json", '{"mspace.co.ke": {"77": "SIMBA"}}\n', []),
        # By a key with points in it.
        ("a.js", "var c = {'sms.password': 'SIMBA'};\nget('https://THERE' + c['sms.password']);\n", [1]),
        ("A.java", '@Value("${sms.password:SIMBA}") String password;\nget("https://THERE" + password);\n', [1]),
        # What is said to people, and what is no name's.
        ("a.js", "labels = { 'Your mspace password': 'SIMBA' }; // mspace.co.ke\n", []),
        ("a.js", "labels.put('Your mspace password', 'SIMBA'); // mspace.co.ke\n", []),
        ("a.js", "x = { 'about mspace': { password: 'SIMBA' } }; // mspace.co.ke\n", []),
        ("a.php", "<?php return ['Your mspace password' => env('SMS_X', 'SIMBA')]; // mspace.co.ke\n", []),
        ("a.js", "call(value, 'mspacePassword', 'SIMBA');\n", []),
        ("a.js", "f(mspacePassword + env('SMS_X', 'SIMBA'));\n", []),
        # What is too short for a key, and what comes behind it.
        (".env", "MSPACE_API_KEY=short\nMSPACE_PASSWORD=SIMBA\n", [2]),
        ("a.js", "var u = 'https://api.mspace.co.ke/smsapi/v2';\nvar api_key = 'LONGKEY';\n", [2]),
        ("a.js", "var u = 'https://api.mspace.co.ke/smsapi/v2';\nvar bankApiKey = 'LONGKEY';\n", []),
        # What holds where nothing is set.
        ("a.yml", "# mspace.co.ke\na: b\nx: ${mspace.password:SIMBA}\n", [3]),
        ("a.yml", "# mspace.co.ke\nx: ${acme.password:SIMBA}\n", []),
        # A name on the way to the call.
        ("a.js", "var p = 'SIMBA';\nget('https://THERE' + p);\n", [1]),
        ("a.js", "var a = 'SIMBA', b;\nvar other = 'Simba-1';\nvar pass = a;\nget('https://THERE' + pass);\n", []),
        ("a.js", "var SMS_KEY = 'SIMBA';\nvar pass = SMS_KEY;\nget('https://THERE' + pass);\n", [1]),
        ("a.js", "var authA = 'SIMBA';\nvar authB = authA;\nvar pass = authB;\nget('https://THERE' + pass);\n", [1]),
        ("a.js", "var SMS_KEY = 'SIMBA';\nvar pass = SMS_KEY;\npass = x;\nget('https://THERE' + pass);\n", [1]),
        ("a.js", "var KEY_A = 'SIMBA';\nvar pass = { x: KEY_A };\nget('https://THERE' + pass);\n", []),
        ("a.php", "<?php $Xp = 'SIMBA';\nget('https://THERE' . $Xp);\n", [1]),
        ("a.php", "<?php $p = ;\nget('https://THERE' . $p);\n", []),
        ("a.js", "var p = 'two words';\nget('https://THERE' + p);\n", []),
        ("a.php", "<?php $p = 'SIMBA';\nget('https://THERE' . $p);\n", [1]),
        # By position, to a function whose parameter becomes the password.
        ("a.js", "function ask(user, pw) { return get('https://THERE' + pw); }\nask('shop', 'SIMBA');\n", [2]),
        ("a.js", "var x = 1;\nfunction ask(pw) { return get('https://THERE' + pw); }\nask('SIMBA');\n", [3]),
        ("a.js", "function ask(pw, user) { return get('https://THERE' + pw); }\nask('SIMBA', x);\n", [2]),
        ("a.js", "function ask([a], pw) { return get('https://THERE' + pw); }\nask(x, 'SIMBA');\n", [2]),
        ("a.js", "function ask(user, pw) { return get('https://THERE' + pw); }\nlater(ask, 'shop', 'SIMBA');\n", []),
        ("a.php", "<?php function ask($Xp) { return get('https://THERE' . $Xp); }\nask('SIMBA');\n", [2]),
        ("a.js", "function ask(user, pw) { return get('https://THERE' + pw); }\nother('shop', 'SIMBA');\n", []),
        ("a.js", "function ask(pw, user) { return get('https://THERE' + pw); }\nask(x, 'SIMBA');\n", []),
        ("a.js", "function ask(user, pw) { return get('https://THERE' + pw); }\nask('shop', 'SIMBA' + x);\n", []),
        ("a.js",
         "function ask(user, pw) { return get('https://THERE' + pw); }\n"
         "ask('shop', x);\n"
         "ask('s', 'SIMBA');\n", [3]),
        ("a.php",
         "<?php function ask($user, $pw) { return get(\"https://THERE$pw\"); }\n"
         "ask('shop', 'SIMBA');\n", [2]),
        ("a.php",
         '<?php function ask($user, $pw) { return get("https://THERE$pw"); }\n'
         "ask('shop', \"${x}SIMBA\");\n", []),
        ("a.py", "def ask(user, pw):\n    return get('https://THERE' + pw)\n\nask('shop', 'SIMBA')\n", [4]),
        ("a.py", "async def ask(user, pw):\n    return get('https://THERE' + pw)\n\nask('shop', 'SIMBA')\n", [4]),
        ("a.py",
         "class Sms:\n"
         "    def ask(self, user, pw):\n"
         "        return get('https://THERE' + pw)\n"
         "\n"
         "sms.ask('shop', 'SIMBA')\n", [5]),
        ("a.py",
         "class Sms:\n"
         "    def ask(self, user, pw):\n"
         "        return get('https://THERE' + pw)\n"
         "\n"
         "sms.ask('SIMBA', x)\n", []),
        ("a.py",
         "class Sms:\n"
         "    def __init__(self, user, pw):\n"
         "        self.x = get('https://THERE' + pw)\n"
         "\n"
         "Sms('shop', 'SIMBA')\n", [5]),
        ("a.js",
         "class Sms { constructor(user, pw) { this.x = get('https://THERE' + pw); } }\n"
         "new Sms('shop', 'SIMBA');\n", [2]),
        ("a.js",
         "export class Sms extends Base { constructor(user, pw) { this.x = get('https://THERE' + pw); } }\n"
         "new Sms('shop', 'SIMBA');\n", [2]),
        ("a.py",
         "class Sms:\n"
         "    def __init__(this, user, pw):\n"
         "        this.x = get('https://THERE' + pw)\n"
         "\n"
         "Sms('shop', 'SIMBA')\n", [5]),
        ("a.kt",
         'class Sms(val user: String, val pw: String)\nfun ask(pw: String) = get("https://THERE" + pw)\n'
         'Sms("shop", "SIMBA")\n', [3]),
        ("a.php",
         "<?php class Sms { function __construct($user, $pw) { get('https://THERE' . $pw); } }\n"
         "new Sms('shop', 'SIMBA');\n", [2]),
        ("a.kt",
         'class Sms(val user: String, val pw: String) { fun ask() = get("https://THERE" + pw) }\n'
         'Sms("shop", "SIMBA")\n', [2]),
        # In a map that a helper makes a URL of.
        ("a.js",
         "call('https://h.example/mspaceservice/wr/sms/' + op, { username: 'U', password: 'SIMBA' });\n", [1]),
        ("a.js", "get('https://h.example/mspaceservice/wr/sms/' + op);\nvar db = { password: 'SIMBA' };\n", []),
        ("a.js", "get('https://h.example/mspaceservice/wr/sms/' + op);\nvar params = { password: 'SIMBA' };\n", [2]),
        # Written right in the call.
        ("a.js", "get('https://THERE' + 'SIMBA');\n", [1]),
        ("a.py", "get('https://THERE' + u'SIMBA')\n", [1]),
        ("a.py", "get('https://THERE' + U'SIMBA')\n", [1]),
        ("a.py", "get('https://THERE' + f('SMS_X', 'SIMBA'))\n", []),
        ("a.cs", 'Get("https://THERE" + @"SIMBA");\n', [1]),
    ],
)  # fmt: skip
def test_a_password_is_followed_to_where_it_is_written(name: str, text: str, found: list[int]) -> None:
    text = text.replace("THERE", CALL).replace("SIMBA", PASSWORD).replace("LONGKEY", KEY)
    assert secrets(text, name) == found


@pytest.mark.parametrize(
    "value",
    [
        "x" * 301,
        "\"'password'\"",
        "'PASSWORD'",
        '"`xxx`"',
        " <password> ",
        "DB_PASSWORD",
        "https://h.example/x",
        "http://h.example/x",
    ],
)
def test_what_only_shows_where_a_password_would_stand(value: str) -> None:
    assert secrets(f"MSPACE_PASSWORD={value}\n", ".env") == []


def test_the_place_is_that_of_the_text() -> None:
    line = f'var mspacePassword = "{PASSWORD}";'
    (finding,) = inspect(line, "a.js")
    assert finding.wrong == "the password is written here"
    assert finding.column == line.index(PASSWORD) + 1


def test_the_place_is_that_of_the_default() -> None:
    line = f'@Value("${{mspace.password:{PASSWORD}}}") String p;'
    (finding,) = [finding for finding in inspect(line, "A.java") if finding.rule.id == "MSP003"]
    assert finding.column == line.index(PASSWORD) + 1


def test_a_password_at_an_index_of_what_is_called_mspace() -> None:
    php = f"<?php\n$mspace['password'] = '{PASSWORD}';\n$sms['mspace']['password'] = '{PASSWORD}';\n"
    assert secrets(php, "config.php") == [2, 3]


def test_a_password_among_settings_without_an_address() -> None:
    php = f"<?php\nreturn [\n  'mspace' => [\n    'user' => 'x',\n    'password' => '{PASSWORD}',\n  ],\n];\n"
    assert secrets(php, "services.php") == [5]
