"""A real browser: Debian's chromium, without a window, which reaches nothing but this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

_CHROMIUM, _DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
_FLAGS = """--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --disable-dev-shm-usage --lang=en-GB --no-proxy-server
--window-size=1440,900""".split()


@pytest.fixture(scope="session")
def _chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    if not (_CHROMIUM and _DRIVER):
        # Not every developer has one; .ci/run installs it where it can.
        pytest.skip("chromium or chromedriver is not installed")
    options = ChromeOptions()
    options.binary_location = _CHROMIUM
    for flag in _FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with pytest.MonkeyPatch.context() as patch:
        # Before the tests' own fixture does so: selenium would look for its driver behind the developer's proxy.
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            patch.delenv(name)
        driver = Chrome(options=options, service=Service(_DRIVER))
    driver.set_page_load_timeout(30)
    yield driver
    driver.quit()


@pytest.fixture
def browser(_chromium: Chrome) -> Iterator[Chrome]:
    """It, in one window of the usual size. What it has to say on its console is the test's business."""
    yield _chromium
    _chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    _chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    _chromium.get("about:blank")
    _chromium.get_log("browser")  # type: ignore[no-untyped-call]  # selenium's own


@pytest.fixture
def quiet_browser(browser: Chrome) -> Iterator[Chrome]:
    """It, where nothing may be said on the console: no error, and no breach of the content security policy."""
    yield browser
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]  # selenium's own


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, which looks for barriers on a page."""
    script = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        # It is npm's: .ci/run installs it where there is npm.
        pytest.skip("axe-core is not installed: npm ci in tests/emulator/phone")
    return script.read_text("utf-8")
